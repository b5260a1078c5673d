/** The command `history repair` over the data folder of a service: a history that lost rows is that of the log again. */
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import type { SettledRow } from "../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../src/stores/history/embedded/open-embedded-history.ts";
import { rowsOf } from "../stores/history/compare-stores.ts";
import { embeddedSetup } from "../stores/history/embedded-support.ts";
import { ALWAYS, MINUTE_MS } from "../stores/history/random-history.ts";
import type { RunningApp } from "../support/app-harness.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { SETTLED, settledApp } from "../support/settled-app.ts";
import { within } from "../support/within.ts";

/** Rows that the history loses. */
const LOST = { from: 40, to: 95 };

/** Writes the history of the folder again without some rows, with a gap in their place. Returns all rows. */
async function loseRows(dataDir: string): Promise<{ rows: readonly SettledRow[]; gapMs: number }> {
  const folder = join(dataDir, "history");
  const whole = await openEmbeddedHistory(embeddedSetup(dataDir));
  const { streams } = await whole.status();
  assert.equal(streams.length, 1);
  const { span, firstSequence, nextSequence, settledBeforeMs, logId, partition, epoch } = streams[0]!;
  const stream = { logId, partition, epoch };
  const rows = await rowsOf(whole.rows(ALWAYS, undefined, [], new AbortController().signal));
  await whole.close();
  assert.deepEqual([firstSequence, nextSequence], [0, rows.length]);
  renameSync(folder, `${folder}.whole`);

  const times = rows.slice(LOST.from, LOST.to).map(({ eventTimeMs }) => eventTimeMs);
  const minute = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const gap = {
    ...stream,
    ...{ fromMs: minute(Math.min(...times)), toMs: minute(Math.max(...times)) + MINUTE_MS },
    ...{ cause: "The store was away, and the buffer was full.", isRepairable: true, sequences: LOST },
  };
  const store = await openEmbeddedHistory(embeddedSetup(dataDir));
  await store.migrate();
  await store.beginStream(stream, span);
  const part = (from: number, to: number) => ({ ...stream, fromSequence: from, rows: rows.slice(from, to) });
  const settled = [part(0, LOST.from), part(LOST.to, rows.length)];
  const marks = [{ ...stream, sequence: rows.length, beforeMs: settledBeforeMs }];
  await store.append({ settled, raw: [], marks });
  await store.noteGap(gap);
  await store.close();
  return { rows, gapMs: gap.fromMs + MINUTE_MS };
}

async function checkpointAtEnd({ caughtUp }: RunningApp): Promise<void> {
  for (;;) {
    const { checkpoint, end_offset } = (await caughtUp()).partitions[0];
    if (checkpoint?.offset === end_offset) return;
  }
}

test("history repair fills the gap of an embedded history from the log of its folder", async (t) => {
  const { app, apps, swaps } = await settledApp(t);
  await app.stop();
  // A checkpoint knows what the history had when it was written: the second one has what was confirmed after the start.
  const later = await apps.start(SETTLED);
  for (const hash of ["0xlater", "0xlast"]) {
    await later.post([{ ...swaps.at(-1)!, tx_hash: hash }]);
    await within(checkpointAtEnd(later), () => "no checkpoint has all records");
  }
  await later.app.stop();
  const { dataDir } = apps;
  const { rows, gapMs } = await loseRows(dataDir);
  const env = Object.fromEntries(
    Object.entries(SETTLED).map(([key, value]) => [`SWAPSTATS_${key.replaceAll(".", "_").toUpperCase()}`, value]),
  );
  const said = async (...args: string[]): Promise<string> => {
    const output = memoryOutput({ ...env, SWAPSTATS_DATA_DIR: dataDir });
    const code = await runCli(["history", ...args], output, new AbortController().signal);
    return `${code} ${output.outText()}${output.errText()}`;
  };
  const missing = LOST.to - LOST.from;
  assert.match(await said("repair", "--dry-run"), new RegExp(`can be repaired: ${missing} swaps are missing`));

  // Another process writes the history.
  const other = await openEmbeddedHistory(embeddedSetup(dataDir));
  assert.match(await said("repair"), /^[1-9].* Another process writes this history, so this one only reads it/s);
  await other.close();

  assert.match(await said("repair"), new RegExp(`^0 .* repaired: ${missing} swaps`, "s"));
  assert.match(await said("repair"), /^0 There are no gaps/);
  assert.match(await said("verify"), /^0 .*The history is sound/s);
  const repaired = await openEmbeddedHistory(embeddedSetup(dataDir));
  assert.deepEqual(await rowsOf(repaired.rows(ALWAYS, undefined, [], t.signal)), rows);
  await repaired.close();

  const again = await apps.start(SETTLED);
  const { json } = await again.call(`/api/tokens/1:0xaa/stats?windows=1m&at=${gapMs}`);
  assert.equal(json.history_complete, true);
});
