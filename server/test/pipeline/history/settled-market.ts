/** Markets whose swaps an engine has settled into a history in memory. */
import { SettledRowWriter } from "../../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../src/codecs/settled-rows.ts";
import type { Span, StreamKey } from "../../../src/ports/history-store.ts";
import { EngineRun } from "../../engine/pair.ts";
import type { TestConfig } from "../../model/arbitraries.ts";
import { amountMax, type LogItem } from "../../model/log-builder.ts";
import { buildStream, plainStream } from "../../model/streams.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { windowsOf } from "../../model/window-rules.ts";
import { ALWAYS } from "../../stores/history/random-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import type { Random } from "../../support/seed.ts";

export const STREAM: StreamKey = { logId: "log-a", partition: 3, epoch: 1 };
export const MINUTE_MS = 60_000;

export type Event = LogItem & { readonly kind: "event" };
type Lost = { readonly store: MemoryHistory; readonly settledBeforeMs: number };

export const CONFIG: TestConfig = {
  ...defaultConfig,
  graceMs: 40_000,
  reorgHorizonMs: 300_000,
  windows: windowsOf(["10s", "5m", "1h"]),
};

/** Three hours with removals, re-inclusions and late swaps. */
export function marketOf(seed: number, random: Random): Event[] {
  const spec = { ...plainStream, seed, count: 5_000, tokens: 12, spanMs: 3 * 3_600_000, disorderMs: 20_000 };
  const faults = { removals: 0.05, inclusions: 0.05, late: 0.03, chainIds: random.pick([[1], [1, 10]]) };
  // A re-inclusion may have one unit more than is allowed. No producer can send that.
  return (buildStream({ ...spec, ...faults }) as Event[]).map((item) =>
    item.event.amount > amountMax ? { ...item, event: { ...item.event, amount: amountMax } } : item,
  );
}

/** Runs an engine to the end of the items, with its settled swaps in a history. `others`: streams with the same rows. */
export async function historyOf(
  items: readonly Event[],
  span: Span = ALWAYS,
  others: readonly StreamKey[] = [],
): Promise<Lost> {
  const run = new EngineRun(CONFIG);
  const writer = new SettledRowWriter(run.engine.source, 0);
  run.engine.watchSettled(writer);
  run.takeAll(items);
  const scan = run.engine.unsettled.settledBeforeMs();
  let step = scan.next();
  while (step.done !== true) step = scan.next();
  const settledBeforeMs = Math.floor(step.value! / MINUTE_MS) * MINUTE_MS;
  const store = new MemoryHistory();
  await store.beginStream(STREAM, span);
  for (const other of others) await store.beginStream(other, ALWAYS);
  const chunk = writer.cut()!;
  const rows = [...readSettledRows(chunk.bytes)];
  const marks = [{ ...STREAM, sequence: rows.length, beforeMs: settledBeforeMs }];
  const settled = [STREAM, ...others].map((key) => ({ ...key, fromSequence: 0, rows }));
  await store.append({ settled, raw: [], marks });
  return { store, settledBeforeMs };
}
