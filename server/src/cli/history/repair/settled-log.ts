/**
 * Makes the settled swaps of a span again from the log. A state of its own reads the records from a position before the span on. A swap settles as it
 * did the first time if the state has seen everything about it: all records that arrived within the horizon before the span.
 *
 * The sequences of that state are not those of the stream, because it begins elsewhere. The swaps are.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { SettledRowWriter } from "../../../codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../codecs/settled-rows.ts";
import { PartitionEngine } from "../../../engine/partition-engine.ts";
import type { EngineConfig } from "../../../engine/types.ts";
import { BatchApplier } from "../../../pipeline/batch-applier.ts";
import { EventApplier } from "../../../pipeline/event-applier.ts";
import { lastOffsetArrivedBy } from "../../../pipeline/history/log-search.ts";
import { largestGraceMs, minuteFloor } from "../../../pipeline/history/stream-clock.ts";
import { LogFollower } from "../../../pipeline/log-follower.ts";
import { MappedApplier } from "../../../pipeline/mapped/mapped-applier.ts";
import { SchemaLoading } from "../../../pipeline/mapped/schema-loading.ts";
import type { SettledRow, Span, StreamKey } from "../../../ports/history-store.ts";
import type { RecordBatch } from "../../../ports/source.ts";
import type { PastLog } from "../../../sources/open-source.ts";
import { compareRows } from "../row-order.ts";
import { timeText } from "./gap-groups.ts";
import { NotRepairable } from "./not-repairable.ts";

const MINUTE_MS = 60_000;
/** Clocks of brokers, and the order of arrivals, may be off by this much. */
const ARRIVAL_MARGIN_MS = MINUTE_MS;
/** Records are applied for this long at a time, so that the process takes signals. */
const SLICE_MS = 20;
/** The engine's hashes have no effect on what it settles. */
const HASH_SEED = [1, 2] as const;
const ignore = (): void => {};

/** All settled swaps of the span, in order of time. The spans of consecutive pieces touch. */
export type SettledPiece = {
  readonly span: Span;
  readonly rows: readonly SettledRow[];
  /** Chains that have swaps so far. Another one may begin with swaps of this span. */
  readonly chains: ReadonlySet<number>;
  /** Swaps of earlier pieces, of chains that began since. */
  readonly late: readonly SettledRow[];
};

type SettledLogOptions = {
  readonly log: PastLog;
  readonly stream: StreamKey;
  /** Whole minutes. */
  readonly span: Span;
  readonly config: EngineConfig;
  readonly signal: AbortSignal;
  /** Records that were read, and the time up to which swaps are final. */
  readonly onRead: (records: number, timeMs: number) => void;
};

/**
 * Yields the swaps of the span in pieces. What is kept in memory is that of a state, and the swaps of a few minutes. Rejects with NotRepairable where the
 * log does not reach, and as `PartitionReader.read` does.
 */
export async function* settledPieces(options: SettledLogOptions): AsyncGenerator<SettledPiece> {
  const { log, stream, span, config, signal } = options;
  const reader = log.open(stream.partition);
  try {
    const range = await reader.range();
    // Twice the horizon: the highs of chains are those of the first time when the span's horizon begins.
    const arrivedMs = span.fromMs - 2 * horizonMs(config) - largestSkewMs(config) - ARRIVAL_MARGIN_MS;
    const begin = (await lastOffsetArrivedBy({ log: reader, range, signal }, arrivedMs)) ?? range.startOffset;
    const isFirst = begin === 0 && range.startOffset === 0 && (range.logId ?? "") === stream.logId;
    const replay = new SettledReplay(options, isFirst);
    const follower = new LogFollower(stream.partition, reader);
    for (let position = begin; position < range.endOffset && !replay.isDone; ) {
      const next = await follower.next(position, signal, ignore);
      if ("sentence" in next) {
        replay.noteGap();
        position = next.to;
        continue;
      }
      await replay.apply(next);
      position = next.nextOffset;
      const piece = replay.piece();
      if (piece !== undefined) yield piece;
    }
    if (!replay.isDone) yield replay.rest();
  } finally {
    await reader.close();
  }
}

class SettledReplay {
  readonly #options: SettledLogOptions;
  readonly #engine: PartitionEngine;
  readonly #writer: SettledRowWriter;
  readonly #applier: BatchApplier | MappedApplier;
  readonly #schemas = new SchemaLoading();
  /** The log has every record of the stream so far. */
  #isWhole: boolean;
  #records = 0;
  /** Swaps of the span that have settled, from `doneMs` on. */
  #rows: SettledRow[] = [];
  #late: SettledRow[] = [];
  #doneMs: number;
  #scannedMs = 0;

  constructor(options: SettledLogOptions, isFirst: boolean) {
    const { config, log, span } = options;
    this.#options = options;
    this.#isWhole = isFirst;
    this.#doneMs = span.fromMs;
    this.#engine = new PartitionEngine(config, [...HASH_SEED]);
    this.#writer = new SettledRowWriter(this.#engine.source, 0);
    this.#engine.watchSettled(this.#writer);
    const mapper = log.openMapper?.();
    this.#applier =
      mapper === undefined
        ? new BatchApplier(this.#engine, ignore, ignore, config.chains)
        : new MappedApplier(mapper, new EventApplier(this.#engine, ignore, config.chains), ignore);
  }

  get isDone(): boolean {
    return this.#doneMs >= this.#options.span.toMs;
  }

  noteGap(): void {
    this.#engine.noteGap();
    this.#isWhole = false;
  }

  async apply(batch: RecordBatch): Promise<void> {
    const { signal } = this.#options;
    const applier = this.#applier;
    for (let done = 0; done < batch.count; ) {
      done = applier.applySlice(batch, done, SLICE_MS);
      if (applier instanceof MappedApplier) {
        // Nothing is saved of a state that is dropped.
        applier.keep(batch, { add: ignore });
        if (applier.needsSchema) await this.#schemas.run(applier, signal, ignore);
      }
      await nextTurn();
      signal.throwIfAborted();
    }
    this.#records += batch.count;
    this.#requireReach();
    this.#take(this.#writer);
  }

  /** Returns the swaps up to the last whole minute before which everything has settled; undefined when there is none since. */
  piece(): SettledPiece | undefined {
    const { span, onRead } = this.#options;
    const finalMs = this.#finalMs();
    onRead(this.#records, Math.min(finalMs, span.toMs));
    // A look at every token costs more than a batch, so it is taken once in a minute of the stream.
    if (finalMs < this.#scannedMs + MINUTE_MS || finalMs < this.#doneMs + MINUTE_MS) return undefined;
    this.#scannedMs = finalMs;
    // A chain may begin out of order, as in the marks of the service.
    const settledMs = minuteFloor(this.#settledBeforeMs() - largestGraceMs(this.#engine));
    return settledMs <= this.#doneMs ? undefined : this.#cut(Math.min(settledMs, span.toMs));
  }

  /** Returns the rest at the end of the log. Upkeep may be behind, so swaps that nothing changes any more are taken out of the state. */
  rest(): SettledPiece {
    const { span } = this.#options;
    if (this.#engine.maxHighMs() === undefined) throw new NotRepairable("The log has no records.");
    this.#requireReach();
    const rest = new SettledRowWriter(this.#engine.source, 0);
    for (const ref of this.#engine.tokens()) {
      const endMs = Math.min(span.toMs, this.#finalOf(this.#engine.chainIdOf(ref)));
      rest.settled(ref, this.#engine.unsettled.records(ref, span.fromMs, Math.max(span.fromMs, endMs)));
    }
    this.#take(rest);
    return this.#cut(span.toMs);
  }

  #cut(toMs: number): SettledPiece {
    const span = { fromMs: this.#doneMs, toMs };
    const rows = this.#rows.filter(({ eventTimeMs }) => eventTimeMs < toMs).sort(compareRows);
    this.#rows = this.#rows.filter(({ eventTimeMs }) => eventTimeMs >= toMs);
    const late = this.#late.sort(compareRows);
    this.#late = [];
    this.#doneMs = toMs;
    return { span, rows, late, chains: new Set(this.#engine.highs().keys()) };
  }

  #take(writer: SettledRowWriter): void {
    const { fromMs, toMs } = this.#options.span;
    const chunk = writer.cut();
    if (chunk === undefined) return;
    for (const row of readSettledRows(chunk.bytes)) {
      if (row.eventTimeMs < fromMs || row.eventTimeMs >= toMs) continue;
      if (row.eventTimeMs < this.#doneMs) this.#late.push(row);
      else this.#rows.push(row);
    }
  }

  /** The state must have seen everything since the horizon before the span. */
  #requireReach(): void {
    if (this.#isWhole) return;
    const seenMs = this.#engine.seenSinceMs();
    const neededMs = this.#options.span.fromMs - horizonMs(this.#options.config);
    if (seenMs === undefined || seenMs <= neededMs) return;
    throw new NotRepairable(
      `The log has all records since ${timeText(seenMs)}, and the gap needs those since ${timeText(neededMs)}.`,
    );
  }

  /** No record that comes later changes a swap before this time. */
  #finalMs(): number {
    return Math.min(...Array.from(this.#engine.highs().keys(), (chainId) => this.#finalOf(chainId)));
  }

  #finalOf(chainId: number): number {
    const { config } = this.#options;
    const own = config.chains.get(chainId);
    const horizon = Math.max(own?.graceMs ?? config.graceMs, own?.reorgHorizonMs ?? config.reorgHorizonMs);
    return (this.#engine.highs().get(chainId) ?? 0) - horizon;
  }

  #settledBeforeMs(): number {
    const scan = this.#engine.unsettled.settledBeforeMs();
    for (let step = scan.next(); ; step = scan.next()) if (step.done === true) return step.value ?? 0;
  }
}

/** The longest horizon of all chains. */
function horizonMs({ graceMs, reorgHorizonMs, chains }: EngineConfig): number {
  const own = Array.from(chains.values(), (chain) => [chain.graceMs ?? 0, chain.reorgHorizonMs ?? 0]);
  return Math.max(graceMs, reorgHorizonMs, ...own.flat());
}

function largestSkewMs({ maxSkewMs, chains }: EngineConfig): number {
  return Math.max(maxSkewMs, ...Array.from(chains.values(), (chain) => chain.maxSkewMs ?? 0));
}
