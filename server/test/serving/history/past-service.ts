/**
 * A service with a history in this thread: an engine and the naive model that get the same log, the owner's answers, and a store in memory. Whenever
 * the store is read, rows may have become durable meanwhile.
 */
import { historyText, partsOfText } from "../../../src/bus/history-text.ts";
import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import { SettledRowWriter } from "../../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../src/codecs/settled-rows.ts";
import { finished, type Piecewise } from "../../../src/pipeline/thread-share.ts";
import { ServedPartition } from "../../../src/pipeline/views/served-partition.ts";
import { WorkerQueries } from "../../../src/pipeline/workers/worker-queries.ts";
import type { HistoryReader, SettledRow, StreamKey } from "../../../src/ports/history-store.ts";
import type { OwnedQuery, SettledTail } from "../../../src/ports/owned-history.ts";
import type { StatsBus, TokenRequest } from "../../../src/ports/stats-bus.ts";
import { HistoryLane } from "../../../src/serving/history/history-lane.ts";
import { PastWindows } from "../../../src/serving/history/instants.ts";
import { PastQueries } from "../../../src/serving/history/past-queries.ts";
import { PastTokens } from "../../../src/serving/history/past-tokens.ts";
import { WholeHistory } from "../../../src/serving/history/whole-history.ts";
import { QueryExecutor } from "../../../src/serving/query-executor.ts";
import { createVersionBoard, VersionBoard } from "../../../src/shared/version-board.ts";
import { Pair } from "../../engine/pair.ts";
import { settledBeforeMs } from "../../engine/settled-run.ts";
import type { HostileLog } from "../../model/arbitraries.ts";
import type { LogItem } from "../../model/log-builder.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import type { Random } from "../../support/seed.ts";

const DAY_MS = 86_400_000;
const STREAM: StreamKey = { logId: "log", partition: 0, epoch: 7 };

/** Settled rows; those below `durable` are in the store. */
class Tail implements SettledTail {
  readonly stream = STREAM;
  durable = 0;
  fromMs = 0;
  readonly #writer: SettledRowWriter;
  readonly #rows: SettledRow[] = [];

  constructor(pair: Pair) {
    this.#writer = new SettledRowWriter(pair.engine.source, 0);
    pair.engine.watchSettled(this.#writer);
  }

  get all(): readonly SettledRow[] {
    const chunk = this.#writer.cut();
    if (chunk !== undefined) this.#rows.push(...readSettledRows(chunk.bytes));
    return this.#rows;
  }

  hold(): void {}

  rows(from: number, only: Parameters<SettledTail["rows"]>[1]) {
    const isWanted =
      typeof only === "function"
        ? only
        : (chainId: number, token: string) => chainId === only.chainId && token === only.token;
    return { isComplete: true, rows: this.all.slice(from).filter(({ chainId, token }) => isWanted(chainId, token)) };
  }
}

export class PastService {
  readonly pair: Pair;
  readonly store = new MemoryHistory();
  readonly past: PastQueries;
  readonly executor: QueryExecutor;
  readonly #tail: Tail;
  readonly #served: ServedPartition;
  readonly #random: Random;
  readonly #items: LogItem[];
  nowMs: number;
  /** Newest mark of the store: all swaps before it were final. */
  #markMs = 0;
  #flushed: Promise<void> = Promise.resolve();

  constructor(log: HostileLog, random: Random) {
    const { pair, items } = Pair.of(log);
    this.pair = pair;
    this.#items = items;
    this.#random = random;
    this.nowMs = log.startMs;
    this.#tail = new Tail(pair);
    const { windows } = pair.engine.config;
    const clock = new SharedClock(createSharedClock("live", DAY_MS), () => this.nowMs);
    const board = new VersionBoard(createVersionBoard());
    this.#served = new ServedPartition(0, "7", pair.engine, board, clock, this.#tail);
    const queries = new WorkerQueries({ served: [this.#served], absence: undefined }, clock, windows);
    const bus = busOf(queries, (work) => this.#inPieces(work), random);
    this.executor = new QueryExecutor({ bus, windows, pendingMax: 100, timeoutMs: 60_000 });
    const reader = this.#reader();
    this.past = new PastQueries({
      executor: this.executor,
      history: new WholeHistory(reader, bus),
      tokens: new PastTokens(this.executor, reader, new Map()),
      windows: new PastWindows({ windows, bucketStepMs: undefined, windowMaxMs: 31 * DAY_MS }),
      lane: new HistoryLane(),
      nowMs: () => this.nowMs,
    });
  }

  /** Applies the next records, and moves the time on. Returns false at the end of the log. */
  step(count: number): boolean {
    for (const item of this.#items.splice(0, count)) this.pair.take(item);
    this.#served.views.touchAll();
    this.#served.publish(0, 0);
    this.nowMs = Math.max(this.nowMs, (this.pair.engine.maxHighMs() ?? 0) + this.#random.below(100_000));
    return this.#items.length > 0;
  }

  /**
   * Whether the store is taken for final before this time, and is not: a chain began with swaps that are older than a mark, and they have not settled. A
   * service notes a gap for them (`oldChainGap`), so its answers are incomplete.
   */
  isOldChainBefore(endMs: number): boolean {
    const beforeMs = settledBeforeMs(this.pair.engine) ?? Number.POSITIVE_INFINITY;
    return beforeMs < endMs && endMs <= this.#markMs;
  }

  /** The stream of the state is valid from this time on; another one was before. */
  beginStreamAt(fromMs: number): void {
    this.#tail.fromMs = fromMs;
  }

  /** Makes some of the settled rows durable. */
  flush(): Promise<void> {
    this.#flushed = this.#flushed.then(() => this.#flush());
    return this.#flushed;
  }

  /** Makes all settled rows durable. Resolves with the time before which all swaps have settled. */
  async flushAll(): Promise<number> {
    for (;;) {
      await this.flush();
      if (this.#tail.durable === this.#tail.all.length) return Math.max(0, settledBeforeMs(this.pair.engine) ?? 0);
    }
  }

  /** Rows may become durable between two pieces. */
  async #inPieces<T>(work: Piecewise<T>): Promise<T> {
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (this.#random.chance(0.1)) await this.flush();
    }
  }

  async #flush(): Promise<void> {
    await this.store.beginStream(STREAM, { fromMs: this.#tail.fromMs, toMs: Number.MAX_SAFE_INTEGER });
    const { all, durable } = this.#tail;
    const rows = all.slice(durable, durable + this.#random.below(all.length - durable + 1));
    const isWhole = durable + rows.length === all.length;
    const beforeMs = isWhole ? settledBeforeMs(this.pair.engine) : undefined;
    this.#markMs = Math.max(this.#markMs, beforeMs ?? 0);
    const marks = beforeMs === undefined ? [] : [{ ...STREAM, sequence: all.length, beforeMs: Math.max(0, beforeMs) }];
    await this.store.append({ settled: [{ ...STREAM, fromSequence: durable, rows }], raw: [], marks });
    this.#tail.durable += rows.length;
  }

  /** A reader before each of whose calls rows may become durable. */
  #reader(): HistoryReader {
    const call = (target: MemoryHistory, name: keyof HistoryReader) => {
      const read = target[name].bind(target) as (...given: unknown[]) => unknown;
      if (name === "rows") return read;
      return async (...given: unknown[]) => {
        if (this.#random.chance(0.3)) await this.flush();
        return read(...given);
      };
    };
    return new Proxy(this.store, { get: (target, name) => call(target, name as keyof HistoryReader) });
  }
}

/** The calls of the bus that requests to the history need. */
function busOf(queries: WorkerQueries, inPieces: <T>(work: Piecewise<T>) => Promise<T>, random: Random): StatsBus {
  const one = <T extends { found: unknown }>(part: T | undefined) => part?.found;
  const bus: Pick<StatsBus, "cachedTokenStats" | "tokenStats" | "tokenBody" | "ownedHistory"> = {
    cachedTokenStats: () => undefined,
    tokenStats: async (tokens, selection) => {
      const { asOf, items } = finished(queries.tokens({ kind: "tokens", tokens, selection, at: undefined }));
      return items.map((item) => {
        const { lookup, found } = item;
        if (one(item) === undefined || found === undefined) {
          if (lookup === undefined || lookup === null) return { kind: "unknown" } as const;
          return { kind: "ambiguous", candidates: lookup.candidates ?? [], more: 0, isRanked: true } as const;
        }
        return { kind: "stats", id: lookup?.ids[0] ?? "", ...found, asOf, stale: false } as const;
      });
    },
    tokenBody: async ({ prefer: _, ...request }: TokenRequest) => {
      const { lookup, found } = finished(queries.body(request as never));
      if (found === undefined) return { kind: "unknown" };
      return { kind: "body", id: lookup?.ids[0] ?? "", ...found, stale: false };
    },
    ownedHistory: async (query: OwnedQuery) => {
      // Pages of few tokens.
      const asked = query.want === "tokens" ? { ...query, limit: 1 + random.below(30) } : query;
      const request = { kind: "history", query: historyText(asked), size: 1 } as const;
      return partsOfText((await inPieces(queries.history(request))).body);
    },
  };
  return bus as StatsBus;
}
