/**
 * Turns the record batches of one partition in one fetch response into our own batches: consecutive records, cut where
 * offsets without a record lie between two. Every offset is accounted for:
 *
 *   markers of transactions, records of aborted ones, holes within a batch   explained, skipped and counted
 *   offsets missing between two batches, or below the first                  damage
 *   a batch whose checksum or content is wrong                               damage, of this batch alone
 *
 * A response lists the aborted transactions: for each its producer and first offset, even if that offset is not in this
 * response. A producer's records count as aborted from that offset to its next abort marker. A response therefore needs
 * nothing of the previous one, however long the transaction is. Kafka's own consumer does the same (CompletedFetch in
 * its sources).
 *
 * Values stay in the memory of the response and are moved together there. Compressed batches are decompressed into
 * memory of their own.
 */

import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  batchBytesAt,
  batchDefect,
  readBatchHeader,
} from "../../clients/kafka/batch-header.ts";
import { CODEC_NONE, unpack } from "../../clients/kafka/decompress.ts";
import type { AbortedTransaction } from "../../clients/kafka/fetch-protocol.ts";
import type { RecordBatch } from "../../ports/source.ts";
import { firstRun, isAbortMarker, parseRecords, type RecordSink } from "./record-parser.ts";
import type { KafkaCounters } from "./setup.ts";

/** Records that cannot be read: offsets from `from` on. The log can be read again at `resumeAt`. */
export type Damage = { readonly from: number; readonly resumeAt: number; readonly reason: string };

export type BatchCounters = Pick<KafkaCounters, "records" | "controlRecords" | "abortedRecords" | "explainedHoles">;

const EMPTY = Buffer.alloc(0);
const NO_ENDS = new Uint32Array(0);

/** Batches that are read as one: all compressed, or none. */
type Group = { readonly headers: BatchHeader[]; count: number; bytes: number };

export class FetchedBatches {
  readonly #partition: number;
  readonly #bytes: Buffer;
  /** Ascending by first offset. */
  readonly #aborted: readonly AbortedTransaction[];
  readonly #counters: BatchCounters;
  readonly #hasEnvelopes: boolean;
  #nextAborted = 0;
  readonly #abortedProducers = new Set<number>();
  /** Place at which the next batch begins. */
  #at = 0;
  /** The header there, after its checksum was verified. */
  #checked: BatchHeader | undefined;
  #isProducersClock: boolean | undefined;
  /** The place from which nothing more can be read. */
  #damaged: Damage | undefined;
  /** Whether anything was found at a requested position. */
  #hasGiven = false;

  /** The bytes are modified: values are moved together in them. With `hasEnvelopes` a record is its key, value and headers. */
  constructor(
    partition: number,
    bytes: Buffer,
    aborted: readonly AbortedTransaction[],
    counters: BatchCounters,
    hasEnvelopes = false,
  ) {
    this.#partition = partition;
    this.#bytes = bytes;
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#counters = counters;
    this.#hasEnvelopes = hasEnvelopes;
  }

  /** Whether the records of the latest batch carried the time of their producers. */
  get isProducersClock(): boolean | undefined {
    return this.#isProducersClock;
  }

  /**
   * Returns the records from `position` on, of about maxBytes and of at least one batch. Its count is 0 where all
   * offsets up to its nextOffset are explained. Undefined: all whole batches were read; a partial one at the end is
   * fetched again.
   */
  next(position: number, maxBytes: number): RecordBatch | Damage | undefined {
    if (this.#damaged !== undefined) return this.#damaged;
    const isFirst = !this.#hasGiven;
    this.#hasGiven = true;
    const group: Group = { headers: [], count: 0, bytes: 0 };
    let first = position;
    let next = position;
    for (;;) {
      const header = this.#peek();
      if (header === undefined) break;
      if ("reason" in header) return next > position ? this.#batchOf(group, first, next) : { ...header, from: next };
      if (header.lastOffset < next) {
        this.#pass(header);
        continue;
      }
      const isExplained = this.#isExplained(header);
      if (next > position && !this.#continues(group, header, next, isExplained, maxBytes)) break;
      if (header.baseOffset > next) return missing(next, header.baseOffset);
      const hasHoles = !isExplained && hasHolesIn(header);
      if (hasHoles && group.count > 0) break;
      if (hasHoles) return this.#partOf(header, next);
      if (isExplained) this.#count(header);
      else if (group.count === 0) first = next;
      if (!isExplained) addTo(group, header, next);
      next = header.lastOffset + 1;
      this.#pass(header);
    }
    if (next > position) return this.#batchOf(group, first, next);
    // Otherwise the same response would be requested again and again.
    const reason = "the broker responded only with batches before it";
    return isFirst && this.#at > 0 ? { from: position, resumeAt: position, reason } : undefined;
  }

  /**
   * Whether this batch can be read with the previous ones. Behind explained offsets the records would not be
   * consecutive.
   */
  #continues(group: Group, header: BatchHeader, next: number, isExplained: boolean, maxBytes: number): boolean {
    if (header.baseOffset > next) return false;
    const last = group.headers.at(-1);
    if (isExplained || last === undefined) return true;
    if (last.lastOffset + 1 !== header.baseOffset) return false;
    return group.bytes < maxBytes && (last.codec === CODEC_NONE) === (header.codec === CODEC_NONE);
  }

  /** Returns the header of the next whole batch, its checksum verified. */
  #peek(): BatchHeader | Damage | undefined {
    if (this.#checked !== undefined) return this.#checked;
    const size = batchBytesAt(this.#bytes, this.#at);
    if (size === undefined || this.#at + size > this.#bytes.length) return undefined;
    if (size === 0) return this.#damage(undefined, "its length is senseless");
    const header = readBatchHeader(this.#bytes, this.#at);
    const defect = batchDefect(this.#bytes, header);
    if (defect !== undefined) return this.#damage(header, defect);
    this.#checked = header;
    return header;
  }

  #pass(header: BatchHeader): void {
    if (header.isControl) this.#isExplained(header);
    this.#at = header.end;
    this.#checked = undefined;
  }

  /** Whether the batch holds no record that counts. May be called again for the same batch. */
  #isExplained(header: BatchHeader): boolean {
    const { lastOffset, producerId, isControl, isTransactional, count } = header;
    while (this.#nextAborted < this.#aborted.length) {
      const transaction = this.#aborted[this.#nextAborted]!;
      if (transaction.firstOffset > lastOffset) break;
      this.#abortedProducers.add(transaction.producerId);
      this.#nextAborted++;
    }
    if (isControl) {
      if (isAbortMarker(header, this.#bytes, header.at + BATCH_HEADER_BYTES)) this.#abortedProducers.delete(producerId);
      return true;
    }
    return count === 0 || (isTransactional && this.#abortedProducers.has(producerId));
  }

  #count({ isControl, count, baseOffset, lastOffset }: BatchHeader): void {
    if (isControl) this.#counters.controlRecords += count;
    else this.#counters.abortedRecords += count;
    this.#counters.explainedHoles += lastOffset - baseOffset + 1 - count;
  }

  /**
   * Reads the records of the group, whose batches were checked already. Valid ones before a damaged one are returned
   * first.
   */
  #batchOf(group: Group, first: number, next: number): RecordBatch | Damage {
    if (group.count === 0) return this.#withoutRecords(next);
    const parts = group.headers[0]!.codec === CODEC_NONE ? undefined : this.#unpackAll(group);
    const whole = parts?.length === 1 ? parts[0]! : Buffer.allocUnsafeSlow(sumOf(parts ?? []));
    const payload = parts === undefined ? this.#bytes : whole;
    const sink = this.#newSink(
      payload,
      parts === undefined ? group.headers[0]!.at + BATCH_HEADER_BYTES : 0,
      group.count,
    );
    let sound = 0;
    for (const header of group.headers) {
      if (sound === parts?.length) break;
      try {
        const bytes = parts?.[sound] ?? this.#bytes;
        const start = parts === undefined ? header.at + BATCH_HEADER_BYTES : 0;
        const end = parts === undefined ? header.end : bytes.length;
        parseRecords(header, bytes, start, end, first, Number.POSITIVE_INFINITY, sink);
      } catch (error) {
        this.#damaged = this.#damage(header, (error as Error).message);
        break;
      }
      sound++;
    }
    if (sound === 0 && this.#damaged !== undefined) return this.#damaged;
    this.#isProducersClock = group.headers.some(({ isLogAppendTime }) => !isLogAppendTime);
    return this.#lent(sink, first, this.#damaged?.from ?? next);
  }

  #newSink(payload: Buffer, payloadFrom: number, count: number): RecordSink {
    const lists = { ends: new Uint32Array(count), arrivalsMs: new Float64Array(count), count: 0 };
    return { hasEnvelopes: this.#hasEnvelopes, payload, payloadAt: payloadFrom, payloadFrom, ...lists };
  }

  #lent(sink: RecordSink, baseOffset: number, nextOffset: number): RecordBatch {
    const { count, payload, payloadFrom, payloadAt } = sink;
    this.#counters.records += count;
    const ends = sink.ends.subarray(0, count);
    const arrivalsMs = sink.arrivalsMs.subarray(0, count);
    return {
      partition: this.#partition,
      baseOffset,
      nextOffset,
      count,
      payload: payload.subarray(payloadFrom, payloadAt),
      ends,
      arrivalsMs: sameArrival(arrivalsMs) ?? arrivalsMs,
    };
  }

  /** Decompresses as many as possible; the error that stops it is kept for the next call. */
  #unpackAll(group: Group): Buffer[] {
    const parts: Buffer[] = [];
    for (const header of group.headers) {
      try {
        parts.push(this.#unpackedRecords(header));
      } catch (error) {
        this.#damaged = this.#damage(header, (error as Error).message);
        break;
      }
    }
    return parts;
  }

  /**
   * Returns the first run of records of a batch with holes, or the hole before it. Such a batch is read from its start
   * for every run: only compaction makes holes, and a compacted topic is refused, so this has to be correct, not fast.
   */
  #partOf(header: BatchHeader, position: number): RecordBatch | Damage {
    try {
      const isPacked = header.codec !== CODEC_NONE;
      const bytes = isPacked ? this.#unpackedRecords(header) : this.#bytes;
      const start = isPacked ? 0 : header.at + BATCH_HEADER_BYTES;
      const end = isPacked ? bytes.length : header.end;
      const run = firstRun(header, bytes, start, end, position);
      const afterAll = header.lastOffset + 1;
      const first = run?.first ?? afterAll;
      const next = run?.next ?? afterAll;
      this.#counters.explainedHoles += first - position;
      if (next === afterAll) this.#pass(header);
      if (run === undefined) return this.#withoutRecords(next);
      const sink = this.#newSink(Buffer.allocUnsafeSlow(end - start), 0, next - first);
      parseRecords(header, bytes, start, end, first, next, sink);
      this.#isProducersClock = !header.isLogAppendTime;
      return this.#lent(sink, first, next);
    } catch (error) {
      return this.#damage(header, (error as Error).message);
    }
  }

  #unpackedRecords(header: BatchHeader): Buffer {
    return unpack(header.codec, this.#bytes.subarray(header.at + BATCH_HEADER_BYTES, header.end));
  }

  #withoutRecords(next: number): RecordBatch {
    const none = { count: 0, payload: EMPTY, ends: NO_ENDS, arrivalsMs: 0 };
    return { partition: this.#partition, baseOffset: next, nextOffset: next, ...none };
  }

  /**
   * The next batch's own offset says where to continue, because that of a damaged one may be damaged too; without a
   * next batch, its last offset does.
   */
  #damage(header: BatchHeader | undefined, why: string): Damage {
    if (header === undefined) return { from: 0, resumeAt: 0, reason: why };
    const size = batchBytesAt(this.#bytes, header.end);
    const following = size === undefined || size === 0 ? undefined : readBatchHeaderOffset(this.#bytes, header.end);
    const resumeAt = following !== undefined && following > header.baseOffset ? following : header.lastOffset + 1;
    const reason = `the batch at offset ${header.baseOffset} is damaged: ${why}`;
    return { from: header.baseOffset, resumeAt, reason };
  }
}

function readBatchHeaderOffset(bytes: Buffer, at: number): number {
  return Number(bytes.readBigInt64BE(at));
}

function missing(from: number, to: number): Damage {
  return { from, resumeAt: to, reason: `the offsets ${from} to ${to - 1} are missing, and no batch explains it` };
}

function hasHolesIn({ count, baseOffset, lastOffset }: BatchHeader): boolean {
  return count !== lastOffset - baseOffset + 1;
}

function addTo(group: Group, header: BatchHeader, from: number): void {
  group.headers.push(header);
  group.count += header.lastOffset + 1 - from;
  group.bytes += header.end - header.at;
}

function sumOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** Returns the arrival of all records if it is the same one. */
function sameArrival(arrivalsMs: Float64Array): number | undefined {
  const first = arrivalsMs[0]!;
  for (let i = 1; i < arrivalsMs.length; i++) {
    if (arrivalsMs[i] !== first) return undefined;
  }
  return first;
}
