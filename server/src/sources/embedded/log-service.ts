/**
 * Brings bodies of events into the log, in the log thread: splits and decodes them, puts each accepted event into the
 * batch of its token's partition, and commits the batches of all waiting bodies as one transaction. While a commit
 * waits for the disk, the next bodies gather. The disk determines the pace, and no timer delays a response.
 *
 *   idle      --a body with accepted events--> gathering
 *   gathering --the turn of the event loop ends, or the group is large enough--> idle    replies and notices are sent
 */

import { splitBody } from "../../codecs/body-splitter.ts";
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { IngestResult } from "../../ports/intake.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import type { ChainAddresses } from "../../shared/token-id.ts";
import { partitionOfToken } from "../../shared/token-partition.ts";
import { toWire, type WireError } from "../../shared/wire-error.ts";
import { ArrivalJudge, type ArrivalTiming } from "./arrival-judge.ts";
import { BatchBuilder, RECORD_OVERHEAD_BYTES } from "./log-format.ts";
import type { LogNotice, LogReply } from "./log-protocol.ts";
import type { EmbeddedLogWriter, LogAppend } from "./log-writer.ts";
import { LOG_BATCH_BYTES_MAX } from "./log-writer.ts";

/** A commit does not wait for more bodies beyond this size; a single body may be larger. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;

/** A failure is reported for at least this long: a small write that works does not mean that a large one would. */
const PROBLEM_STANDS_MS = 10_000;

type LogServiceOptions = {
  readonly writer: EmbeddedLogWriter;
  /** Events per body. */
  readonly bodyEventsMax: number;
  readonly chains: ChainAddresses;
  /** Undefined: late swaps are not reported to senders. */
  readonly timing?: ArrivalTiming | undefined;
  readonly nowMs: () => number;
  readonly reply: (replies: readonly LogReply[]) => void;
  readonly notify: (partition: number, notice: LogNotice) => void;
  /** Called when records are on the disk, before senders and readers are notified. */
  readonly appended: (partition: number, endOffset: number, arrivalMs: number) => void;
};

type Rejected = IngestResult["rejected"][number];

/** The events of a body. Event i is bytes[starts[i], ends[i]). */
export type BodyEvents = {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Explains why event i was refused. */
  rejection(i: number, code: DeadLetterCode): Rejected;
  /** With a mapping. `rejected` holds the records that could not be read; they have no events. */
  readonly mapped:
    | { readonly records: number; readonly skipped: number; readonly rejected: readonly Rejected[] }
    | undefined;
};

type Waiting = { readonly id: number; readonly result: IngestResult };

/** The batches of one partition that wait for the commit; the builders are reused. */
type PartitionGroup = { readonly builders: BatchBuilder[]; used: number };

export class LogService {
  readonly #options: LogServiceOptions;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();
  readonly #judge: ArrivalJudge | undefined;
  readonly #groups: PartitionGroup[];
  #waiting: Waiting[] = [];
  #groupBytes = 0;
  #commitIsDue = false;
  /** Why the last write failed, and when; undefined while writes work. */
  #failure: { readonly text: string; readonly atMs: number } | undefined;

  constructor(options: LogServiceOptions) {
    this.#options = options;
    this.#decoder = new SwapDecoder(options.chains);
    this.#judge = options.timing === undefined ? undefined : new ArrivalJudge(options.timing);
    this.#groups = Array.from({ length: options.writer.partitions }, () => ({
      builders: [new BatchBuilder()],
      used: 1,
    }));
  }

  /**
   * Takes one body, whose buffer is detached. Its reply comes by `reply`, at once when nothing of it goes into the log.
   */
  ingest(id: number, body: Uint8Array): void {
    try {
      this.ingestEvents(id, canonicalEvents(body, this.#options.bodyEventsMax));
    } catch (error) {
      this.#options.reply([{ id, error: toWire(error) }]);
    } finally {
      freeMemory(body);
    }
  }

  /** Takes the events of a body, which are no longer needed after the call. The reply comes as that of `ingest`. */
  ingestEvents(id: number, events: BodyEvents): void {
    const result = this.#gather(events);
    if (result.accepted === 0) {
      this.#options.reply([{ id, result }]);
      return;
    }
    this.#waiting.push({ id, result });
    if (this.#groupBytes >= GROUP_BYTES_MAX) this.commit();
    else if (!this.#commitIsDue) {
      this.#commitIsDue = true;
      // Runs after the messages that have arrived already: their bodies join this commit.
      setImmediate(() => this.commit());
    }
  }

  /** Commits what waits, if anything does, then replies to the senders and notifies the owners, whose readers wait (log-reader.ts). */
  commit(): void {
    this.#commitIsDue = false;
    if (this.#waiting.length === 0) return;
    const { writer, nowMs, reply, appended } = this.#options;
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const appends = this.#appends();
      const arrivalMs = nowMs();
      writer.append(appends, arrivalMs);
      this.#noteFailure(undefined);
      const partitions = new Set(appends.map((append) => append.partition));
      for (const partition of partitions) appended(partition, writer.range(partition).endOffset, arrivalMs);
      this.#notify(partitions);
      reply(waiting.map(({ id, result }) => ({ id, result })));
    } catch (error) {
      const text = commitError(error);
      this.#noteFailure(text.message);
      // Owners that could release something may not know yet that it is urgent.
      if (text.code === "log_full") this.#notify(this.#groups.keys());
      reply(waiting.map(({ id }) => ({ id, error: text })));
    } finally {
      this.#clear();
    }
  }

  /** After a failed write: tries one, so that the problem ends without a sender, too. Called about once a second. */
  probe(): void {
    if (this.#failure === undefined) return;
    const { writer, nowMs } = this.#options;
    try {
      writer.probe(nowMs());
      if (nowMs() - this.#failure.atMs >= PROBLEM_STANDS_MS) this.#noteFailure(undefined);
    } catch (error) {
      this.#noteFailure(commitError(error).message);
    }
  }

  #noteFailure(text: string | undefined): void {
    const before = this.#failure?.text;
    this.#failure = text === undefined ? undefined : { text, atMs: this.#options.nowMs() };
    if (before !== text) this.#notify(this.#groups.keys());
  }

  /** Tells the owner of a partition where the log ends now. */
  notifyOwner(partition: number): void {
    this.#notify([partition]);
  }

  #notify(partitions: Iterable<number>): void {
    const { writer, notify } = this.#options;
    const pressure = writer.isUnderPressure();
    const problem = this.#failure === undefined ? undefined : `Swaps cannot be taken: ${this.#failure.text}`;
    for (const partition of partitions) {
      notify(partition, { endOffset: writer.range(partition).endOffset, pressure, problem });
    }
  }

  /** Decodes all events of a body, and adds the valid ones to the group. */
  #gather(events: BodyEvents): IngestResult {
    const { bytes, count, starts, ends } = events;
    const rejected: IngestResult["rejected"] = [];
    const event = this.#event;
    const partitions = this.#groups.length;
    const arrivalMs = this.#options.nowMs();
    const counts = { late: 0, quarantined: 0 };
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const end = ends[i]!;
      const code = this.#decoder.decode(bytes, start, end, event);
      if (code !== undefined) {
        rejected.push(events.rejection(i, code));
        continue;
      }
      const partition = partitionOfToken(event.chainId, event.bytes, event.tokenStart, event.tokenEnd, partitions);
      const judged = this.#judge?.judge(partition, event, arrivalMs);
      if (judged !== undefined) counts[judged] += 1;
      this.#builder(partition, end - start).add(bytes, start, end);
      this.#groupBytes += end - start;
    }
    const { late, quarantined } = counts;
    const told = { ...(late === 0 ? {} : { late }), ...(quarantined === 0 ? {} : { quarantined }) };
    const accepted = count - rejected.length;
    return events.mapped === undefined
      ? { accepted, rejected, ...told }
      : { accepted, ...withRecords(events.mapped, rejected), ...told };
  }

  /** Returns the batch that takes `bytes` more, a new one when the last is full. */
  #builder(partition: number, bytes: number): BatchBuilder {
    const group = this.#groups[partition]!;
    const last = group.builders[group.used - 1]!;
    const isFull = last.count > 0 && last.byteLength + bytes + RECORD_OVERHEAD_BYTES > LOG_BATCH_BYTES_MAX;
    if (!isFull) return last;
    if (group.used === group.builders.length) group.builders.push(new BatchBuilder());
    return group.builders[group.used++]!;
  }

  #appends(): LogAppend[] {
    const appends: LogAppend[] = [];
    for (const [partition, { builders, used }] of this.#groups.entries()) {
      for (const batch of builders.slice(0, used)) if (batch.count > 0) appends.push({ partition, batch });
    }
    return appends;
  }

  #clear(): void {
    this.#groupBytes = 0;
    for (const group of this.#groups) {
      for (const batch of group.builders) batch.clear();
      group.used = 1;
    }
  }
}

/** Returns the events of a body without a mapping. Throws as `splitBody` does. */
function canonicalEvents(body: Uint8Array, eventsMax: number): BodyEvents {
  const ranges = splitBody(body, eventsMax);
  return {
    ...ranges,
    bytes: body,
    rejection: (index, code) => {
      const message = refusalText(code, body, ranges.starts[index]!, ranges.ends[index]!);
      return { index, code, message };
    },
    mapped: undefined,
  };
}

function withRecords(
  { records, skipped, rejected: unread }: NonNullable<BodyEvents["mapped"]>,
  refused: readonly Rejected[],
) {
  const rejected = unread.length === 0 ? refused : [...unread, ...refused].sort((a, b) => a.index - b.index);
  return { rejected: [...rejected], records, skipped };
}

/** Converts errors for senders: damage of the log is a failed storage to them. */
function commitError(error: unknown): WireError {
  const text = toWire(error);
  return text.code === "log_damaged" ? { ...text, code: "storage_failed", retryable: true } : text;
}
