/** Runs of several owners of a partition after each other: lives that end anywhere, and one that ends in order. */
import assert from "node:assert/strict";
import type { HistoryStatus, RawRow, SettledRow } from "../../src/ports/history-store.ts";
import type { RawGap } from "../../src/ports/history-stream.ts";
import type { RecordBatch } from "../../src/ports/source.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import { SimulatedDisk } from "../pipeline/checkpoint/simulated-disk.ts";
import { never } from "../sources/embedded/log-support.ts";
import { MemoryHistory } from "../support/memory-history.ts";
import type { Random } from "../support/seed.ts";
import { FaultyHistory } from "./faulty-history.ts";
import { Life, type LifeOptions } from "./history-life.ts";

/** Records of a run. */
export const RECORDS = 6_000;
export const WIDE = { memoryBytes: 2 ** 24, spoolBytes: 2 ** 28 };
const LIVES = 5;
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

export type Round = Pick<LifeOptions, "onFailure" | "memoryBytes" | "spoolBytes" | "pressure"> & {
  readonly faults: number;
  /** Part of the lives during which the history store is away. */
  readonly away: number;
  /** Parts of calls of the checkpoint store that fail, come late or time out; each life has one of them. */
  readonly diskFaults?: readonly number[];
  /** Memory for rows that images carry. Default: each life has room for a few or for many. */
  readonly tailBytes?: number;
  /** Whether the last life has room for all rows. */
  readonly lastHasRoom?: boolean;
};

export async function validRows(store: MemoryHistory): Promise<SettledRow[]> {
  const rows: SettledRow[] = [];
  for await (const batch of store.rows(ALL, undefined, [], never)) rows.push(...batch);
  return rows;
}

export type Lived = {
  readonly memory: MemoryHistory;
  readonly rows: SettledRow[];
  readonly raw: RawRow[];
  readonly status: HistoryStatus;
  /** Those that restores told. */
  readonly rawGaps: readonly RawGap[];
  /** With the checkpoint of the last life. */
  readonly disk: SimulatedDisk;
};

/** Lives that end anywhere, then one that ends in order. */
export async function liveThrough(
  folder: string,
  batches: readonly RecordBatch[],
  random: Random,
  { faults, away, diskFaults = [0.02, 0.3], tailBytes, lastHasRoom = false, ...limits }: Round,
): Promise<Lived> {
  const memory = new MemoryHistory();
  const rawGaps: RawGap[] = [];
  const ends = Array.from({ length: LIVES }, () => random.below(RECORDS)).sort((a, b) => a - b);
  let disk = new SimulatedDisk();
  const options = (history: FaultyHistory): LifeOptions => {
    const checkpoints = new EmbeddedCheckpointStore("/data", disk.fs);
    return { checkpoints, history: history.store, batches, random, folder, rawGaps, ...limits };
  };
  for (const until of ends) {
    const faulty = new FaultyHistory(memory, random, faults);
    faulty.isAway = limits.onFailure === "gap" && random.chance(away);
    const part = random.pick(diskFaults);
    disk.fate = () => (random.chance(part) ? random.pick(["fail", "fail_after", "late"] as const) : undefined);
    const life = new Life(options(faulty), { tailBytes });
    try {
      await life.run(until);
    } catch (error) {
      // A claim may fail, too.
      assert.match(String(error), /simulated failure/);
    }
    life.kill();
    disk = disk.afterKill();
  }
  const room = lastHasRoom ? WIDE : {};
  const last = new Life({ ...options(new FaultyHistory(memory, random, 0)), ...room });
  await last.run(Number.POSITIVE_INFINITY);
  await last.finish();
  const [rows, status] = [await validRows(memory), await memory.status()];
  return { memory, rows, raw: memory.rawRows(), status, rawGaps, disk };
}

const keyOf = (row: SettledRow): string => `${row.eventTimeMs} ${row.chainId} ${row.token} ${row.eventId}`;

export function assertSameRows(rows: readonly SettledRow[], expected: readonly SettledRow[]): void {
  const sorted = [...expected].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const found = [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  assert.equal(found.length, sorted.length, "rows are missing, or there twice");
  assert.deepEqual(found, sorted);
}
