/** The parts of one worker in this thread: an engine that is fed swaps, with its views, queries and feeds. The test sets the time. */

import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import type { UpdateItem } from "../../../src/bus/worker-protocol.ts";
import { toEngineConfig } from "../../../src/config/config.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import type { EngineConfig } from "../../../src/engine/types.ts";
import { BatchApplier } from "../../../src/pipeline/batch-applier.ts";
import { DeadLetterBuffer } from "../../../src/pipeline/dead-letter-buffer.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { ServedPartition } from "../../../src/pipeline/views/served-partition.ts";
import { ScreenerQueries } from "../../../src/pipeline/workers/screener-queries.ts";
import { FEED_KINDS, WorkerFeeds } from "../../../src/pipeline/workers/worker-feeds.ts";
import { WorkerQueries } from "../../../src/pipeline/workers/worker-queries.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { createVersionBoard, VersionBoard } from "../../../src/shared/version-board.ts";
import type { KeptDeadLetter } from "../../../src/stores/dead-letter-store.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import type { Random } from "../../support/seed.ts";

export const START_MS = 1_767_225_600_000;

export type SwapInput = {
  chain_id?: number;
  token?: string;
  token_symbol?: string;
  side?: "buy" | "sell";
  amount_token?: string;
  amount_usd?: string;
  who?: string;
  event_time: number;
  removed?: boolean;
  tx_hash?: string;
  block_hash?: string;
};

export class FedWorker {
  nowMs = START_MS;
  readonly clock: SharedClock;
  readonly board = new VersionBoard(createVersionBoard());
  readonly engine: PartitionEngine;
  readonly served: ServedPartition;
  /** The partitions of the feeds. A test may change them, and tell the feeds. */
  owned: readonly ServedPartition[];
  readonly queries: WorkerQueries;
  readonly screener: ScreenerQueries;
  readonly feeds: WorkerFeeds;
  readonly updates: UpdateItem[] = [];
  readonly gone: number[] = [];
  readonly letters: KeptDeadLetter[] = [];
  readonly deadLetters: DeadLetterBuffer;
  readonly #applier: BatchApplier;
  #nextOffset = 0;

  constructor(changes: Partial<EngineConfig> = {}, epoch = "7", partition = 0) {
    const config = { ...toEngineConfig(defaultConfig()), ...changes };
    this.clock = new SharedClock(createSharedClock("live", config.maxSkewMs), () => this.nowMs);
    this.engine = new PartitionEngine(config, TEST_SEED);
    this.engine.setSeenSince(START_MS - 600_000);
    this.served = new ServedPartition(partition, epoch, this.engine, this.board, this.clock);
    this.owned = [this.served];
    this.deadLetters = new DeadLetterBuffer({
      put: (records) => {
        for (const record of records) this.letters.unshift({ ...record, raw: new TextDecoder().decode(record.raw) });
      },
      newest: (limit) => this.letters.slice(0, limit),
    });
    this.#applier = new BatchApplier(
      this.engine,
      (token) => this.served.touch(token),
      this.deadLetters.add.bind(this.deadLetters),
    );
    const partitions = { served: [this.served], absence: undefined };
    this.queries = new WorkerQueries(partitions, this.clock, config.windows);
    this.screener = new ScreenerQueries(partitions, this.queries, config.windows);
    this.feeds = new WorkerFeeds({
      partitions: () => this.owned,
      clock: this.clock,
      windows: config.windows,
      windowIndex: (name) => this.queries.windowIndex(name),
      send: (updates) => this.updates.push(...updates),
      gone: (feedIds) => this.gone.push(...feedIds),
    });
    this.served.publish(0, 0);
  }

  /** A pass over all feeds, at once. */
  tick(): void {
    for (const kind of FEED_KINDS) finished(this.feeds.pass(kind));
    this.feeds.flush();
  }

  /** Applies swaps, or texts as they are, that arrive now. */
  feed(...swaps: (SwapInput | string)[]): void {
    const batch = batchOf(
      swaps.map((swap) => (typeof swap === "string" ? swap : JSON.stringify(completed(swap)))),
      this.#nextOffset,
      this.nowMs,
    );
    let done = 0;
    while (done < batch.count) done = this.#applier.applySlice(batch, done, 1);
    this.#nextOffset = batch.nextOffset;
    this.served.publish(this.#nextOffset, 0);
  }
}

let serial = 0;

function completed(swap: SwapInput): object {
  return {
    chain_id: 1,
    tx_hash: `0x${(serial++).toString(16)}`,
    log_index: 0,
    token: "0xaa",
    side: "buy",
    amount_token: "1",
    amount_usd: "1",
    ...swap,
  };
}

function batchOf(texts: readonly string[], baseOffset: number, arrivalMs: number): RecordBatch {
  const payload = Buffer.from(texts.join(""));
  const ends = new Uint32Array(texts.length);
  let end = 0;
  texts.forEach((text, i) => {
    end += Buffer.byteLength(text);
    ends[i] = end;
  });
  const nextOffset = baseOffset + texts.length;
  return { partition: 0, baseOffset, nextOffset, count: texts.length, payload, ends, arrivalsMs: arrivalMs };
}

/** A swap of one of `tokens` tokens at about now: sometimes late, ahead of time, a removal of an `earlier` one, or such a one in another block. */
export function randomSwap(random: Random, nowMs: number, tokens: number, earlier: SwapInput[]): SwapInput {
  const known = earlier.length > 0 && random.chance(0.05) ? random.pick(earlier) : undefined;
  if (known !== undefined) return { ...known, removed: true };
  const moved = earlier.length > 0 && random.chance(0.05) ? random.pick(earlier) : undefined;
  if (moved !== undefined) {
    const event_time = moved.event_time + random.pick([0, 1_000, 400_000]);
    const again = { ...moved, event_time, block_hash: `0x${random.below(1_000_000).toString(16)}` };
    earlier.push(again);
    return again;
  }
  const token = `0x${random.below(tokens).toString(16)}`;
  const swap: SwapInput = {
    token,
    tx_hash: `0xf${(serial++).toString(16)}`,
    side: random.chance(0.5) ? "buy" : "sell",
    amount_token: `${1 + random.below(5)}.${random.below(100)}1`,
    amount_usd: `${random.below(20)}.${random.below(10)}`,
    who: `w${random.below(20)}`,
    event_time: nowMs + random.pick([0, 0, -500, -3_000, -30_000, 2_500, -200_000]),
    ...(random.chance(0.3) ? { token_symbol: random.pick(["AAA", "bbb", "CCC"]) } : {}),
  };
  earlier.push(swap);
  return swap;
}
