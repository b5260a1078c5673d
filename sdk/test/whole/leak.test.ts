/** What is left after a client was closed: nothing. A process of its own tells, as nothing else runs there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { SwapMaker } from "../../../server/test/serving/websocket/support/swap-maker.ts";
import { TestApps } from "../../../server/test/support/app-harness.ts";
import { randomFrom, seedOf } from "../../../server/test/support/seed.ts";

const program = new URL("../support/leak-program.ts", import.meta.url).pathname;
/** A process that something keeps alive does not end by itself. */
const TIME_MS = 60_000;

describe("a closed client", () => {
  for (const transport of ["websocket", "sse"]) {
    test(`leaves no timer, listener or socket, and lets the process end, over ${transport}`, async (t) => {
      const app = await new TestApps(t).start();
      await app.post([new SwapMaker(["1:0xaa"], randomFrom(seedOf(t))).swap("1:0xaa", 5_000)]);
      await app.caughtUp();
      const run = promisify(execFile)(process.execPath, [program, app.base, transport], { timeout: TIME_MS });
      const { stdout } = await run;
      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { way: string; timers: number });
      assert.equal(lines.length, 7, stdout);
      for (const { way, timers } of lines) assert.equal(timers, 0, `${timers} timers are left after: ${way}`);
    });
  }
});
