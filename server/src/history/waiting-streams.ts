/** Everything that workers have sent and the store does not have yet: a queue for each stream, and one for the raw rows of each partition. */
import { readSettledRows } from "../codecs/settled-rows.ts";
import type { HistoryGap, SequenceRange, StreamKey } from "../ports/history-store.ts";
import type { FromHistory, HistoryBacklog, ToHistory } from "../ports/history-stream.ts";
import { RawQueue } from "./raw-queue.ts";
import type { RowBuffer } from "./row-buffer.ts";
import { StreamQueue } from "./stream-queue.ts";

/** Answers the worker that sent a message. */
export type Reply = (message: FromHistory) => void;

type Source = { readonly queue: StreamQueue; readonly reply: Reply };
type RawSource = { readonly queue: RawQueue; readonly reply: Reply };

const MINUTE_MS = 60_000;
const LOST = "The history store was away, and the buffer for its rows was full.";

type WaitingStreamsOptions = {
  readonly buffer: RowBuffer;
  /** Whether rows are kept in memory when the buffer is full: their workers then wait. */
  readonly isForced: boolean;
  readonly monotonicMs: () => number;
};

export class WaitingStreams {
  readonly #options: WaitingStreamsOptions;
  readonly #streams = new Map<string, Source>();
  readonly #raws = new Map<string, RawSource>();
  #lostRows = 0;
  #rawGaps = 0;

  constructor(options: WaitingStreamsOptions) {
    this.#options = options;
  }

  get settled(): Iterable<Source> {
    return this.#streams.values();
  }

  get raw(): Iterable<RawSource> {
    return this.#raws.values();
  }

  get lostRows(): number {
    return this.#lostRows;
  }

  /** Spans of offsets whose raw rows are missing: they can no longer be made, or there was no room for them. */
  get rawGaps(): number {
    return this.#rawGaps;
  }

  /** Takes what a worker sends. Everything but `end`. */
  take(message: ToHistory, reply: Reply): void {
    switch (message.type) {
      case "begin":
        this.#begin(message, reply);
        break;
      case "settled":
        this.#takeRows(message);
        break;
      case "covered":
        this.#queueOf(message.stream)?.cover(message.sequence);
        break;
      case "mark":
        this.#queueOf(message.mark)?.add({ type: "mark", toSequence: message.mark.sequence, mark: message.mark });
        break;
      case "gap":
        this.#queueOf(message.gap)?.add({ type: "gap", toSequence: message.toSequence, gap: message.gap });
        break;
      case "raw_gap":
        this.#rawGaps += 1;
        break;
      case "raw":
        this.#takeRaw(message, reply);
        break;
      case "leave":
        for (const { queue } of this.#streams.values()) {
          if (queue.key.partition === message.partition) queue.dropUncovered(this.#options.buffer);
        }
        break;
      case "end":
        break;
    }
  }

  backlogs(): HistoryBacklog[] {
    const nowMs = this.#options.monotonicMs();
    const sources = [...this.#streams.values()].map(({ queue }) => queue);
    const raws = [...this.#raws.values()].map(({ queue }) => queue);
    const partitions = new Set([
      ...sources.map(({ key }) => key.partition),
      ...raws.map(({ writer }) => writer.partition),
    ]);
    return [...partitions]
      .sort((a, b) => a - b)
      .map((partition) => {
        const own = sources.filter(({ key }) => key.partition === partition);
        const rawOwn = raws.filter(({ writer }) => writer.partition === partition);
        const since = [...own.map(({ oldestMs }) => oldestMs), ...rawOwn.map(({ sinceMs }) => sinceMs)];
        const oldestMs = Math.min(nowMs, ...since.filter((ms) => ms !== undefined));
        const waitingRows = [...own, ...rawOwn].reduce((sum, { rows }) => sum + rows, 0);
        const newest = own.reduce(
          (best, queue) => (best === undefined || queue.key.epoch > best.key.epoch ? queue : best),
          own[0],
        );
        return { partition, durable: newest?.durable ?? 0, waitingRows, lagMs: Math.round(nowMs - oldestMs) };
      });
  }

  /** Removes streams that have ended and have nothing to write. */
  forgetEnded(): void {
    for (const [name, { queue }] of this.#streams) {
      const isLast = ![...this.#streams.values()].some(
        ({ queue: { key } }) => key.partition === queue.key.partition && key.epoch > queue.key.epoch,
      );
      if (!isLast && queue.rows === 0 && !queue.isReady) this.#streams.delete(name);
    }
  }

  /** A worker sends everything again from where it knows that rows are durable, and replaces what came from the life before. */
  #begin({ stream, span, durable }: Extract<ToHistory, { type: "begin" }>, reply: Reply): void {
    const name = nameOf(stream);
    this.#streams.get(name)?.queue.clear(this.#options.buffer);
    this.#streams.set(name, { queue: new StreamQueue(stream, span, durable), reply });
  }

  #takeRows({ stream, chunk }: Extract<ToHistory, { type: "settled" }>): void {
    const queue = this.#queueOf(stream);
    if (queue === undefined) return;
    const { buffer, isForced, monotonicMs } = this.#options;
    const { fromSequence, count, bytes } = chunk;
    const toSequence = fromSequence + count;
    const held = buffer.put(bytes, isForced);
    if (held !== undefined) {
      queue.add({ type: "rows", fromSequence, toSequence, held, sinceMs: monotonicMs() });
      return;
    }
    this.#lostRows += count;
    queue.addLost(toSequence, lostGap(stream, { from: fromSequence, to: toSequence }, bytes));
  }

  #takeRaw({ writer, chunk }: Extract<ToHistory, { type: "raw" }>, reply: Reply): void {
    const name = JSON.stringify([writer.logId, writer.partition]);
    const { buffer, isForced, monotonicMs } = this.#options;
    let source = this.#raws.get(name);
    if (source === undefined || source.queue.writer.epoch !== writer.epoch) {
      source?.queue.clear(buffer);
      source = { queue: new RawQueue(writer), reply };
      this.#raws.set(name, source);
    }
    const { rows, content, toOffset } = chunk;
    const held = rows === 0 ? undefined : buffer.put(content, isForced);
    if (rows > 0 && held === undefined) {
      this.#lostRows += rows;
      if (!source.queue.endsWithLoss) this.#rawGaps += 1;
    }
    source.queue.add({
      toOffset,
      rows: held === undefined ? 0 : rows,
      held,
      sinceMs: monotonicMs(),
      isLost: rows > 0 && held === undefined,
    });
  }

  #queueOf(stream: StreamKey): StreamQueue | undefined {
    return this.#streams.get(nameOf(stream))?.queue;
  }
}

function nameOf({ logId, partition, epoch }: StreamKey): string {
  return JSON.stringify([logId, partition, epoch]);
}

function lostGap(
  { logId, partition, epoch }: StreamKey,
  sequences: SequenceRange,
  bytes: Uint8Array<ArrayBuffer>,
): HistoryGap {
  let fromMs = Number.POSITIVE_INFINITY;
  let lastMs = 0;
  for (const { eventTimeMs } of readSettledRows(bytes)) {
    fromMs = Math.min(fromMs, eventTimeMs);
    lastMs = Math.max(lastMs, eventTimeMs);
  }
  const key = { logId, partition, epoch };
  const toMs = (Math.floor(lastMs / MINUTE_MS) + 1) * MINUTE_MS;
  const span = { fromMs: Math.floor(fromMs / MINUTE_MS) * MINUTE_MS, toMs };
  return { ...key, ...span, cause: LOST, isRepairable: true, sequences };
}
