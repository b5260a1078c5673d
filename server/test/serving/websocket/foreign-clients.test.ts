/** Third-party clients: a Python library and a browser. Neither has code for this service's flow control. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, type TestContext, test } from "node:test";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { openDoor, type TestDoor, tokenData } from "./support/door.ts";

const CHANNEL = "token:1:a";
const FIRST_REV = 41;
const UPDATES = 30;
const clientsDir = join(import.meta.dirname, "clients");

/** Sends updates one by one, each after the one before was sent, so that more pings are needed than the credit allows. */
async function sendUpdates({ bus, metrics }: TestDoor): Promise<void> {
  for (let i = 1; i <= UPDATES; i++) {
    const writes = metrics.lags.length;
    bus.set(CHANNEL, tokenData("1:a", i + 1, i % 2 === 0 ? { close: `1.${i}` } : {}));
    if (i < UPDATES) await metrics.until(({ lags }) => lags.length > writes);
  }
}

requires("a client in Python", { python: ["websockets"] }, ({ python }) => {
  test("a Python client applies every patch and holds the data", async (t) => {
    const door = await openDoor(t);
    door.bus.set(CHANNEL, tokenData("1:a", 1));
    const child = spawn(python, [join(clientsDir, "python-client.py"), door.url, CHANNEL, `${FIRST_REV + UPDATES}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, "snapshot");
    await sendUpdates(door);
    assert.deepEqual(JSON.parse((await lines.next()).value as string), door.bus.dataOf(CHANNEL));
  });
});

type Told = { kind: string; data?: unknown; protocol?: string };

/** Serves the page, and passes on its messages. */
function pageServer() {
  const told = new EventEmitter();
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === "POST") {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        told.emit("told", JSON.parse(body));
        response.end();
      });
      return;
    }
    response.setHeader("content-type", "text/html");
    response.end(readFileSync(join(clientsDir, "page.html")));
  };
  return { handler, next: async (): Promise<Told> => (await once(told, "told"))[0] };
}

requires("a browser", { chromium: true }, ({ chromium }) => {
  const profiles = tempDir({ after }, "chromium");
  let browsers = 0;

  function browse(t: TestContext, address: string): void {
    const profile = join(profiles, `${browsers++}`);
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, address], {
      stdio: "ignore",
      detached: true,
    });
    t.after(async () => {
      const ended = once(child, "exit");
      // The browser is a group of processes; all of them hold its profile.
      process.kill(-(child.pid as number), "SIGKILL");
      await ended;
    });
  }

  test("a page in Chromium applies every patch and holds the data", async (t) => {
    const page = pageServer();
    const door = await openDoor(t, {}, page.handler);
    door.bus.set(CHANNEL, tokenData("1:a", 1));
    const query = new URLSearchParams({ url: door.url, channel: CHANNEL, last_rev: `${FIRST_REV + UPDATES}` });
    const first = page.next();
    browse(t, `http://127.0.0.1:${door.port}/?${query}`);
    assert.deepEqual(await first, { kind: "snapshot" });
    const held = page.next();
    await sendUpdates(door);
    assert.deepEqual(await held, { kind: "held", protocol: "swapstats.v1.json", data: door.bus.dataOf(CHANNEL) });
  });

  test("a page of another origin is refused, unless api.cors lists it", async (t) => {
    const page = pageServer();
    const home = await openDoor(t, {}, page.handler);
    const strict = await openDoor(t);
    const open = await openDoor(t, { cors: [`http://127.0.0.1:${home.port}`] });
    for (const [door, expected] of [
      [strict, "refused"],
      [open, "snapshot"],
    ] as const) {
      door.bus.set(CHANNEL, tokenData("1:a", 1));
      const query = new URLSearchParams({ url: door.url, channel: CHANNEL, last_rev: "0" });
      const told = page.next();
      browse(t, `http://127.0.0.1:${home.port}/?${query}`);
      assert.equal((await told).kind, expected);
    }
  });
});
