/**
 * The history of one partition, in the thread that applies its records: the stream of settled rows of its state (settled-stream.ts), its raw events
 * (raw-history.ts), and what restores and checkpoints must know of both.
 */
import type { OutcomeWatch } from "../../codecs/raw-rows.ts";
import { settledChunkOf } from "../../codecs/settled-form.ts";
import type { SettledTokens } from "../../codecs/settled-rows.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { SettledRow, StreamKey } from "../../ports/history-store.ts";
import type { SettledTail } from "../../ports/owned-history.ts";
import type { CheckpointHistory, RestoreHistory } from "../checkpoint/checkpoint-history.ts";
import type { BaseHistory, BaseImage, HistoryPosition, Manifest } from "../checkpoint/manifest.ts";
import type { DurableListener } from "./history-link.ts";
import { RawHistory } from "./raw-history.ts";
import { SettledStream, type StreamParts } from "./settled-stream.ts";
import { firstCompleteMs } from "./stream-clock.ts";

type PartitionHistoryOptions = StreamParts & {
  readonly partition: number;
  /** Whether raw events are kept. */
  readonly keepsRaw: boolean;
  readonly onFailure: "gap" | "block";
  /** Largest size of the redo that waits for the store. */
  readonly bufferBytes: number;
};

export class PartitionHistory
  implements CheckpointHistory, RestoreHistory<PartitionEngine>, DurableListener, SettledTail
{
  readonly #options: PartitionHistoryOptions;
  #stream: SettledStream | undefined;
  /** Undefined while there is no state, and where raw events are not kept. */
  #raw: RawHistory | undefined;
  #isNewStream = false;
  /** What the state was restored from. */
  #base: BaseImage | undefined;
  /** The newest base, when the redo behind it is at its limit and it is not covered. */
  #waitingBase: BaseImage | undefined;

  constructor(options: PartitionHistoryOptions) {
    this.#options = options;
    options.link.listen(options.partition, this);
  }

  get isNewStream(): boolean {
    return this.#isNewStream;
  }

  /** Whether no records may be applied until the store has more rows. */
  get isBlocked(): boolean {
    if (this.#options.onFailure !== "block") return false;
    return this.#options.link.isFull || (this.#waitingBase !== undefined && !this.#isCovered(this.#waitingBase));
  }

  /** Resolves when `isBlocked` may have changed. */
  changed(): Promise<void> {
    return this.#options.link.changed();
  }

  get stream(): StreamKey | undefined {
    return this.#stream?.key;
  }

  get durable(): number {
    return this.#stream?.durable ?? 0;
  }

  get fromMs(): number {
    return this.#stream?.fromMs ?? 0;
  }

  hold(): void {
    this.#stream?.hold();
  }

  rows(from: number, only: SettledTokens): { readonly isComplete: boolean; readonly rows: Iterable<SettledRow> } {
    return this.#stream?.rows(from, only) ?? { isComplete: false, rows: [] };
  }

  /** Follows the events of a state that is up to date. Undefined where raw events are not kept. */
  get outcomeWatch(): OutcomeWatch | undefined {
    return this.#raw?.watch;
  }

  /** The same for a redo. */
  get redoWatch(): OutcomeWatch | undefined {
    return this.#raw?.redoWatch;
  }

  /** Runs after each batch of records, which ends before this offset, and again and again while there is none. */
  afterBatch(nextOffset: number): void {
    this.#raw?.send(nextOffset);
    this.#stream?.afterBatch();
  }

  /** The partition is released. */
  leave(): void {
    this.#stream?.close();
    this.#options.link.leave(this.#options.partition);
  }

  basesOf({ bases, history }: Manifest): readonly BaseImage[] {
    if (history === undefined) return bases;
    const rawFrom = this.#options.keepsRaw ? (history.raw ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    const reaches = (base: BaseImage): boolean =>
      base.history?.epoch === history.epoch && base.history.from <= history.settled && base.offset <= rawFrom;
    return [...bases.filter(reaches), ...bases.filter((base) => !reaches(base))];
  }

  begin(
    engine: PartitionEngine,
    base: BaseImage | undefined,
    carried: readonly Uint8Array[],
    manifest: Manifest,
  ): void {
    this.#reset();
    this.#base = base;
    const { history } = manifest;
    this.#openRaw(base, manifest);
    const isSame = base?.history !== undefined && base.history.epoch === history?.epoch;
    if (!isSame || history === undefined || base.history === undefined) return;
    const { logId, epoch, fromMs, settled: durable, settledBeforeMs: durableMarkMs } = history;
    const key = { logId, partition: this.#options.partition, epoch };
    const stream = new SettledStream(this.#options, engine, { key, fromMs, durable, durableMarkMs });
    this.#stream = stream;
    const chunks = carried.map((bytes) => settledChunkOf(new Uint8Array(bytes)));
    const from = chunks[0]?.fromSequence ?? base.history.settled;
    if (from > durable) stream.noteLost(from, base.history.untilMs);
    for (const chunk of chunks) stream.add(chunk);
  }

  /** A state without a stream notes no gap: its stream begins behind it. */
  noteGap(): void {
    this.#stream?.noteGap();
  }

  end(
    engine: PartitionEngine,
    manifest: Manifest,
    { logId = "", nextOffset, isFromStart }: Parameters<RestoreHistory<PartitionEngine>["end"]>[2],
    problems: string[],
  ): void {
    this.#noteRawGap(manifest, this.#base?.offset ?? (manifest.logId === logId ? nextOffset : 0), problems);
    this.#raw?.continueAt(logId, nextOffset);
    this.#raw?.send(nextOffset);
    if (this.#stream !== undefined) {
      this.#stream.coverAll();
      return;
    }
    const name = { logId, epoch: manifest.epoch };
    engine.nameStream(name);
    this.#isNewStream = true;
    // Behind a gap, and in an empty state, the first record says from when on all swaps are known.
    const isOpen = engine.maxHighMs() === undefined || engine.seenSinceMs() === undefined;
    this.#stream = new SettledStream(this.#options, engine, {
      key: { ...name, partition: this.#options.partition },
      fromMs: isFromStart ? 0 : isOpen ? undefined : firstCompleteMs(engine),
      durable: engine.settledCount,
      durableMarkMs: 0,
    });
  }

  noteCut(offset: number): void {
    this.#stream?.noteCut(offset);
  }

  mayBase(newest: BaseImage, redoBytes: number, isPressed: boolean): boolean {
    this.#waitingBase = undefined;
    if (newest.history?.epoch !== this.#stream?.key.epoch || this.#isCovered(newest)) return true;
    const isOver = redoBytes > this.#options.bufferBytes;
    if (this.#options.onFailure === "gap") return isOver || isPressed;
    if (isOver) this.#waitingBase = newest;
    return false;
  }

  /** With `block` it waits until the store has the rows of a manifest before, or memory has all others for the image to carry. */
  mayReplace(newest: BaseImage): boolean {
    const isOther = newest.history?.epoch !== this.#stream?.key.epoch;
    if (this.#options.onFailure === "gap" || isOther || this.#isCovered(newest)) return true;
    return this.#stream?.waiting() !== undefined;
  }

  beginBase(kept: readonly BaseImage[]): { place: Omit<BaseHistory, "carried">; carried: readonly Uint8Array[] } {
    const stream = this.#known();
    stream.cut();
    const { key, settledCount: settled, untilMs } = stream;
    const [newest] = kept;
    const isNeeded = settled > stream.durable && (newest === undefined || !this.#isCovered(newest));
    const carried = (isNeeded ? stream.waiting() : undefined) ?? [];
    const from = carried[0]?.fromSequence ?? settled;
    return { place: { epoch: key.epoch, from, settled, untilMs }, carried: carried.map(({ bytes }) => bytes) };
  }

  position(): HistoryPosition {
    const { key, fromMs, durable: settled, durableMarkMs: settledBeforeMs } = this.#known();
    const { logId, epoch } = key;
    const from = fromMs === undefined ? {} : { fromMs };
    const raw = this.#raw === undefined ? {} : { raw: this.#raw.durable };
    return { logId, epoch, ...from, settled, settledBeforeMs, ...raw };
  }

  written({ bases, nextOffset }: Manifest): void {
    const stream = this.#known();
    // Without an image that names the stream, a restore would begin another one.
    if (bases.some((base) => base.history?.epoch === stream.key.epoch)) stream.coverTo(nextOffset);
  }

  settledDurable({ epoch }: StreamKey, sequence: number): void {
    if (epoch === this.#stream?.key.epoch) this.#stream.settle(sequence);
  }

  rawDurable(writer: StreamKey, offset: number): void {
    this.#raw?.settle(writer, offset);
  }

  #known(): SettledStream {
    if (this.#stream === undefined) throw new Error(`partition ${this.#options.partition} has no history yet`);
    return this.#stream;
  }

  #reset(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#raw = undefined;
    this.#isNewStream = false;
  }

  /** A state that is built from the log makes all rows again, because their outcomes may be others. */
  #openRaw(base: BaseImage | undefined, { logId = "", epoch, history }: Manifest): void {
    if (!this.#options.keepsRaw) return;
    const { partition, link } = this.#options;
    const durable = base === undefined ? 0 : Math.max(history?.raw ?? 0, base.offset);
    this.#raw = new RawHistory(link, { logId, partition, epoch }, durable);
  }

  /** Raw rows are made again from this offset on. Those of the records before it that the store did not have are lost. */
  #noteRawGap({ history }: Manifest, fromOffset: number, problems: string[]): void {
    const durable = history?.raw ?? fromOffset;
    if (this.#raw !== undefined && durable < fromOffset) problems.push(this.#raw.noteGap(durable, fromOffset));
  }

  #isCovered({ history, offset }: BaseImage): boolean {
    if (this.#raw !== undefined && offset > this.#raw.durable) return false;
    return history !== undefined && history.epoch === this.#stream?.key.epoch && history.from <= this.durable;
  }
}
