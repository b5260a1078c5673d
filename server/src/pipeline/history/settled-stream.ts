/**
 * The stream of settled rows of one state. Rows are cut off the engine's writer, kept in the tail until the store has them, and sent to the history
 * thread at once; `covered` tells it later which of them may be written.
 */
import type { SettledChunk } from "../../codecs/settled-form.ts";
import { SettledRowWriter } from "../../codecs/settled-row-writer.ts";
import type { SettledTokens } from "../../codecs/settled-rows.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { HistoryGap, SettledRow, StreamKey } from "../../ports/history-store.ts";
import type { HistoryLink } from "./history-link.ts";
import { HistoryTail, type TailBudget } from "./history-tail.ts";
import { ENDLESS_MS, earliestNextMs, minuteCeil, oldestComingMs } from "./stream-clock.ts";
import { logGap, lostGap, oldChainGap } from "./stream-gaps.ts";
import { StreamMarks } from "./stream-marks.ts";

/** Rows are cut at about this size, and at each delta. */
const CHUNK_BYTES = 1024 * 1024;

export type StreamParts = {
  readonly link: HistoryLink;
  readonly budget: TailBudget;
  readonly monotonicMs: () => number;
};

type StreamStart = {
  readonly key: StreamKey;
  /** Where the stream begins to be valid. Undefined until the first record. */
  readonly fromMs: number | undefined;
  /** All rows below it are in the store. */
  readonly durable: number;
  /** The newest mark that the store has; 0 without one. */
  readonly durableMarkMs: number;
};

export class SettledStream {
  readonly key: StreamKey;
  readonly #link: HistoryLink;
  readonly #engine: PartitionEngine;
  readonly #writer: SettledRowWriter;
  readonly #tail: HistoryTail;
  readonly #marks: StreamMarks;
  #fromMs: number | undefined;
  #isAnnounced = false;
  #durable: number;
  #covered = 0;
  /** Ends of deltas that no durable manifest has, ascending. */
  #cuts: { readonly offset: number; readonly sequence: number }[] = [];
  /** Offsets are missing; the gap ends with the next record. */
  #openGap: { readonly fromMs: number } | undefined;
  /** Chains that have swaps. */
  #chains: number;

  /** Follows what settles from now on. */
  constructor({ link, budget, monotonicMs }: StreamParts, engine: PartitionEngine, start: StreamStart) {
    this.key = start.key;
    this.#link = link;
    this.#engine = engine;
    this.#writer = new SettledRowWriter(engine.source, engine.settledCount);
    this.#tail = new HistoryTail(budget, engine.settledCount, monotonicMs);
    this.#marks = new StreamMarks(engine, monotonicMs, start.durableMarkMs);
    this.#fromMs = start.fromMs;
    this.#durable = start.durable;
    this.#chains = engine.source.chains.list.length;
    engine.watchSettled(this.#writer);
  }

  /** All rows below this sequence are in the store, or their gap is. */
  get durable(): number {
    return this.#durable;
  }

  /** No row from the durable position on is older than this. */
  get durableMarkMs(): number {
    return this.#marks.durableMs;
  }

  /** Undefined until the first record. */
  get fromMs(): number | undefined {
    this.#noteFirstRecord();
    return this.#fromMs;
  }

  /** Sequence of the next row. */
  get settledCount(): number {
    return this.#engine.settledCount;
  }

  /** All rows below `settledCount` are older than this. */
  get untilMs(): number {
    return minuteCeil((this.#engine.maxHighMs() ?? 0) + 1);
  }

  /** Keeps the rows that the store may lack in memory for half a minute. */
  hold(): void {
    this.#tail.hold(this.#durable);
  }

  /** Returns the rows of these tokens from the sequence on. `isComplete`: none of them was dropped from memory. */
  rows(from: number, only: SettledTokens): { readonly isComplete: boolean; readonly rows: Iterable<SettledRow> } {
    this.cut();
    return { isComplete: this.#tail.from <= from, rows: this.#tail.rows(from, only) };
  }

  /** Returns the chunks with the rows that the store may lack; undefined when some were dropped from memory. */
  waiting(): readonly SettledChunk[] | undefined {
    return this.#tail.chunksFrom(this.#durable);
  }

  /** Runs after each batch of records, and again and again while there is none. */
  afterBatch(): void {
    this.#noteFirstRecord();
    this.#closeGap();
    this.#noteOldChain();
    if (this.#writer.bytes >= CHUNK_BYTES) this.cut();
    const beforeMs = this.#marks.step();
    if (beforeMs !== undefined) this.#sendMark(beforeMs);
  }

  /** Sends the rows since the last call. */
  cut(): void {
    const chunk = this.#writer.cut();
    if (chunk !== undefined && chunk.fromSequence + chunk.count > this.#durable) this.add(chunk);
  }

  /** Sends rows that follow those of before. */
  add(chunk: SettledChunk): void {
    this.#tail.add(chunk);
    this.#announce();
    // The memory of what is sent moves to the thread. A copy that moves costs less than one that the port would make.
    this.#link.send({ type: "settled", stream: this.key, chunk: { ...chunk, bytes: chunk.bytes.slice() } });
  }

  /** Notes that a delta ends at this offset, with the state as it is now. */
  noteCut(offset: number): void {
    this.cut();
    this.#cuts.push({ offset, sequence: this.settledCount });
  }

  /** A manifest that holds all records below the offset is durable. */
  coverTo(nextOffset: number): void {
    const behind = this.#cuts.findIndex(({ offset }) => offset > nextOffset);
    const covered = this.#cuts.splice(0, behind < 0 ? this.#cuts.length : behind);
    this.#cover(covered.at(-1)?.sequence ?? this.#covered);
  }

  /** The checkpoint has all that the state has. */
  coverAll(): void {
    this.cut();
    this.#cover(this.settledCount);
  }

  settle(sequence: number): void {
    if (sequence <= this.#durable) return;
    this.#durable = sequence;
    this.#tail.dropBelow(sequence);
    this.#marks.settle(sequence);
  }

  /** Offsets are missing here. The engine is told later. */
  noteGap(): void {
    this.#noteFirstRecord();
    if (this.#engine.maxHighMs() !== undefined) this.#openGap ??= { fromMs: earliestNextMs(this.#engine) };
  }

  /** Rows up to this sequence, all older than `untilMs`, were neither written nor kept. */
  noteLost(toSequence: number, untilMs: number): void {
    const fromMs = Math.max(this.durableMarkMs, this.fromMs ?? 0);
    const missing = { from: this.durable, to: toSequence };
    this.#sendGap(lostGap(this.key, missing, fromMs, untilMs), toSequence);
  }

  /** Follows nothing any more, and keeps nothing. */
  close(): void {
    this.#engine.watchSettled(undefined);
    this.#tail.clear();
  }

  #noteFirstRecord(): void {
    if (this.#fromMs !== undefined) return;
    const seenSinceMs = this.#engine.seenSinceMs();
    if (seenSinceMs !== undefined) this.#fromMs = minuteCeil(seenSinceMs);
  }

  /** Comes before everything else of the stream. Without a record there is nothing else. */
  #announce(): void {
    if (this.#isAnnounced) return;
    const span = { fromMs: this.fromMs ?? ENDLESS_MS, toMs: ENDLESS_MS };
    this.#link.send({ type: "begin", stream: this.key, span, durable: this.#durable });
    this.#isAnnounced = true;
  }

  #cover(sequence: number): void {
    if (sequence <= this.#covered) return;
    this.#covered = sequence;
    // A mark that comes later needs it, also where no row is sent.
    this.#announce();
    this.#link.send({ type: "covered", stream: this.key, sequence });
  }

  #closeGap(): void {
    const seenSinceMs = this.#engine.seenSinceMs();
    if (this.#openGap === undefined || seenSinceMs === undefined) return;
    const { fromMs } = this.#openGap;
    this.#openGap = undefined;
    this.cut();
    this.#sendGap(logGap(this.key, fromMs, seenSinceMs), this.settledCount);
  }

  /** The first swaps of a new chain may be older than a mark: minutes that are final in the store lack them. */
  #noteOldChain(): void {
    const { length } = this.#engine.source.chains.list;
    if (length === this.#chains) return;
    this.#chains = length;
    const fromMs = oldestComingMs(this.#engine);
    if (fromMs >= this.#marks.sentMs) return;
    this.cut();
    this.#sendGap(oldChainGap(this.key, this.settledCount, fromMs, this.#marks.sentMs), this.settledCount);
  }

  #sendGap(gap: HistoryGap, toSequence: number): void {
    this.#announce();
    this.#link.send({ type: "gap", gap, toSequence });
  }

  #sendMark(beforeMs: number): void {
    this.cut();
    this.#announce();
    const mark = { ...this.key, sequence: this.settledCount, beforeMs };
    this.#marks.add(mark);
    this.#link.send({ type: "mark", mark });
  }
}
