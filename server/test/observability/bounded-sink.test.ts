import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../../scripts/servers/ports.ts";
import { BoundedSink, UNREAD_LENGTH_MAX } from "../../src/observability/bounded-sink.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { tempDir } from "../support/tmp.ts";

/** A pipe whose reader takes nothing until it is told to. */
class StalledPipe {
  writableLength = 0;
  readonly lines: string[] = [];
  readonly #calls = new Map<string, () => void>();
  write(text: string): boolean {
    this.writableLength += text.length;
    this.lines.push(text);
    return false;
  }
  on(event: "drain" | "error", call: () => void): void {
    this.#calls.set(event, call);
  }
  read(): void {
    this.writableLength = 0;
    this.#calls.get("drain")?.();
  }
  breakOff(): void {
    this.#calls.get("error")?.();
  }
}

test("lines wait up to the limit, are dropped beyond it, and the reader is told how many once it goes on", () => {
  const pipe = new StalledPipe();
  const logger = createLogger({ level: "debug", format: "json" }, new BoundedSink(pipe));
  const text = "x".repeat(10_000);
  for (let i = 0; i < 300; i++) logger.debug(text);
  assert.ok(pipe.writableLength <= UNREAD_LENGTH_MAX);
  const kept = pipe.lines.length;
  assert.ok(kept > 90 && kept < 105, `${kept}`);
  pipe.read();
  const last = JSON.parse(pipe.lines.at(-1)!);
  assert.equal(last.dropped, 300 - kept);
  assert.equal(last.level, "warn");
  logger.debug("again");
  assert.match(pipe.lines.at(-1)!, /again/);
});

test("a reader that went away costs nothing", () => {
  const pipe = new StalledPipe();
  const sink = new BoundedSink(pipe);
  pipe.breakOff();
  for (let i = 0; i < 10; i++) sink.write("line\n");
  assert.equal(pipe.lines.length, 0);
  assert.equal(sink.dropped, 0);
});

test("with nobody reading standard error at debug level the program answers on, and ends when told to", async (t) => {
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    SWAPSTATS_DATA_DIR: tempDir(t),
    SWAPSTATS_API_HTTP_ADDR: `127.0.0.1:${port}`,
    SWAPSTATS_METRICS_PROMETHEUS: "",
    SWAPSTATS_LOGGING_LEVEL: "debug",
  };
  const main = join(import.meta.dirname, "../../src/main.ts");
  const child = spawn(process.execPath, [main, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  const query = `x=${"y".repeat(1500)}`;
  // Far more than a pipe and the sink hold; each is a line of debug.
  for (let i = 0; i < 1500; i++) await (await fetch(`http://127.0.0.1:${port}/nope?${query}`)).arrayBuffer();
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});
