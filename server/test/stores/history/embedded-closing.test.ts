/** Closing the embedded history: nothing of DuckDB runs afterwards, because a thread that ends before its calls do aborts the process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Duck } from "../../../src/stores/history/embedded/duck.ts";
import { tempDir } from "../../support/tmp.ts";
import { within } from "../../support/within.ts";

/** Runs for hours. */
const ENDLESS = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000000) b";

test("closing interrupts queries, ends those that wait, and refuses further ones", async (t) => {
  const duck = await Duck.open(tempDir(t, "duck"), { memoryBytes: 2 ** 28, threads: 1 });
  // More than run at the same time, and each asks once more.
  const queries = Array.from({ length: 6 }, async () => {
    await duck.query("SELECT 1");
    return duck.query(ENDLESS);
  });
  const refused = queries.map((query) =>
    assert.rejects(query, { code: "storage_failed", message: "The embedded history is closed.", retryable: true }),
  );
  const running = Promise.withResolvers<void>();
  const several = duck.use(async (connection) => {
    running.resolve();
    // A call may go on behind the statement that was interrupted.
    await connection.run(ENDLESS).catch(() => {});
    await connection.run(ENDLESS);
  });
  const isRefused = assert.rejects(several, { code: "storage_failed" });
  await within(running.promise, () => "the call does not start");
  await within(duck.close(), () => "it does not close");
  await within(Promise.all([...refused, isRefused]), () => "calls go on");
  await assert.rejects(duck.query("SELECT 1"), { code: "storage_failed" });
});
