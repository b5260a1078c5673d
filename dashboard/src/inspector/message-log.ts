/**
 * The newest messages of the connection, and the sums of each channel. Its memory is bounded: by the number of messages, by their bytes, and
 * by the number of channels. Data is followed as a client of the service follows it, by snapshots and patches, so that a message shows what it changed and
 * a checksum is verified here once more.
 */
import { checksumOf, type Frame, type Json, mergePatch } from "@swapstats/client";

/** Messages that are kept. */
export const MESSAGES_MAX = 1_000;
/** Bytes of the kept messages together, as they came. */
export const BYTES_MAX = 16_777_216;
/** Channels whose data and sums are kept. */
export const CHANNELS_MAX = 32;
/** Span over which rates are taken. */
const RATE_SPAN_MS = 10_000;

export type Message = {
  /** Counts from 1, also over messages that are no longer kept. */
  readonly no: number;
  readonly direction: "in" | "out";
  /** Unix milliseconds. */
  readonly atMs: number;
  /** `checksum`, or the kind of the frame. */
  readonly kind: string;
  readonly channel: string | undefined;
  readonly rev: number | undefined;
  readonly prevRev: number | undefined;
  readonly epoch: string | undefined;
  readonly bytes: number;
  readonly lagMs: number | undefined;
  readonly asOf: number | undefined;
  /** No instance owns the data at present. */
  readonly isStale: boolean;
  /** Of swaps: items that were left out before it, because this client fell behind. */
  readonly skipped: number;
  /** Time since the channel's message before, in ms. */
  readonly afterMs: number | undefined;
  /** Of a checksum: whether the data here has the same. Undefined: there was no data of its revision. */
  readonly isEqual: boolean | undefined;
  readonly text: string;
  readonly isCut: boolean;
  /** The channel's data before and after the message. Undefined if it does not change any, or nothing was known. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
};

/** The sums of one channel since it was first seen or cleared. */
export type ChannelSums = {
  readonly channel: string;
  readonly messages: number;
  readonly bytes: number;
  readonly snapshots: number;
  readonly skipped: number;
  readonly checksumsEqual: number;
  readonly checksumsDifferent: number;
  readonly bytesMax: number;
  /** The newest message with a revision. */
  readonly last: Message | undefined;
  readonly lastAtMs: number;
  /** By second, messages and bytes of the last seconds. */
  readonly recent: readonly { readonly second: number; readonly messages: number; readonly bytes: number }[];
};

type Held = { readonly epoch: string; readonly rev: number; readonly data: Json };
type Wire = {
  readonly type?: string;
  readonly epoch?: string;
  readonly rev?: number;
  readonly seq?: number;
  readonly prev_rev?: number;
  readonly lag_ms?: number;
  readonly as_of?: number;
  readonly stale?: boolean;
  readonly skipped?: number;
  readonly crc32?: number;
  readonly data?: Json;
  readonly patch?: Json;
};

export class MessageLog {
  #messages: Message[] = [];
  #bytes = 0;
  #count = 0;
  readonly #sums = new Map<string, ChannelSums>();
  readonly #held = new Map<string, Held>();

  /** The kept messages, the oldest first. A new array after each change. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Messages since the log was made. */
  get count(): number {
    return this.#count;
  }

  /** The channels, in the order in which they were first seen. */
  get channels(): readonly ChannelSums[] {
    return [...this.#sums.values()];
  }

  add(frames: readonly Frame[]): void {
    if (frames.length === 0) return;
    const added = frames.map((frame) => this.#read(frame));
    const messages = [...this.#messages, ...added];
    for (const { bytes } of added) this.#bytes += bytes;
    let first = Math.max(0, messages.length - MESSAGES_MAX);
    for (let i = 0; i < first; i++) this.#bytes -= (messages[i] as Message).bytes;
    // The newest message stays, however long it is.
    while (this.#bytes > BYTES_MAX && first < messages.length - 1) {
      this.#bytes -= (messages[first] as Message).bytes;
      first += 1;
    }
    this.#messages = first === 0 ? messages : messages.slice(first);
  }

  /** Forgets the messages and the sums. Data is followed further. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
    this.#sums.clear();
  }

  #read(frame: Frame): Message {
    this.#count += 1;
    const wire = wireOf(frame.message);
    const isData = frame.direction === "in" && frame.channel !== undefined;
    const [before, after] = isData ? this.#follow(frame.channel as string, wire) : [];
    const isChecksum = isData && wire.crc32 !== undefined;
    const lastAtMs = isData ? this.#sums.get(frame.channel as string)?.lastAtMs : undefined;
    const message: Message = {
      no: this.#count,
      direction: frame.direction,
      atMs: frame.atMs,
      kind: isChecksum ? "checksum" : frame.kind,
      channel: frame.channel,
      rev: frame.rev,
      prevRev: wire.prev_rev,
      epoch: wire.epoch,
      bytes: frame.bytes,
      lagMs: wire.lag_ms,
      asOf: wire.as_of,
      isStale: wire.stale === true,
      skipped: wire.skipped ?? 0,
      afterMs: lastAtMs === undefined ? undefined : Math.max(0, frame.atMs - lastAtMs),
      isEqual: isChecksum ? this.#verify(frame.channel as string, wire) : undefined,
      text: frame.text,
      isCut: frame.text.length < frame.bytes && utf8Length(frame.text) < frame.bytes,
      before,
      after,
    };
    if (isData) this.#sum(message);
    return message;
  }

  /** Returns the data before and after the message. */
  #follow(
    channel: string,
    { type, epoch, rev, prev_rev, data, patch }: Wire,
  ): [before?: Json | undefined, after?: Json | undefined] {
    if (epoch === undefined || rev === undefined) return [];
    const held = this.#held.get(channel);
    if (type === "snapshot" && data !== undefined) {
      this.#hold(channel, { epoch, rev, data });
      return [held?.data, data];
    }
    if (type !== "patch" || patch === undefined || held === undefined) return [];
    if (held.epoch !== epoch || held.rev !== prev_rev) {
      // It came twice, or a snapshot follows.
      if (rev > held.rev || held.epoch !== epoch) this.#held.delete(channel);
      return [];
    }
    const after = mergePatch(held.data, patch);
    this.#hold(channel, { epoch, rev, data: after });
    return [held.data, after];
  }

  #hold(channel: string, held: Held): void {
    this.#held.delete(channel);
    this.#held.set(channel, held);
    if (this.#held.size > CHANNELS_MAX) this.#held.delete(firstKey(this.#held));
  }

  /** The data of swaps is a log, and is not followed here. */
  #verify(channel: string, { epoch, rev, crc32 }: Wire): boolean | undefined {
    const held = this.#held.get(channel);
    if (held === undefined || held.epoch !== epoch || held.rev !== rev || channel.startsWith("swaps:"))
      return undefined;
    return checksumOf(held.data) === crc32;
  }

  #sum(message: Message): void {
    const channel = message.channel as string;
    const sums = this.#sums.get(channel);
    if (sums === undefined && this.#sums.size >= CHANNELS_MAX) this.#sums.delete(firstKey(this.#sums));
    const before = sums ?? newSums(channel);
    const second = Math.floor(message.atMs / 1_000);
    const recent = before.recent.filter(
      (one) => one.second !== second && one.second > second - RATE_SPAN_MS / 1_000 - 2,
    );
    const now = before.recent.find((one) => one.second === second) ?? { messages: 0, bytes: 0 };
    this.#sums.set(channel, {
      channel,
      messages: before.messages + 1,
      bytes: before.bytes + message.bytes,
      snapshots: before.snapshots + (message.kind === "snapshot" ? 1 : 0),
      skipped: before.skipped + message.skipped,
      checksumsEqual: before.checksumsEqual + (message.isEqual === true ? 1 : 0),
      checksumsDifferent: before.checksumsDifferent + (message.isEqual === false ? 1 : 0),
      bytesMax: Math.max(before.bytesMax, message.bytes),
      last: message.rev === undefined ? before.last : message,
      lastAtMs: message.atMs,
      recent: [...recent, { second, messages: now.messages + 1, bytes: now.bytes + message.bytes }],
    });
  }
}

const firstKey = (map: ReadonlyMap<string, unknown>): string => map.keys().next().value as string;
const wireOf = (message: unknown): Wire => (typeof message === "object" && message !== null ? (message as Wire) : {});
const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

const newSums = (channel: string): ChannelSums => ({
  channel,
  messages: 0,
  bytes: 0,
  snapshots: 0,
  skipped: 0,
  checksumsEqual: 0,
  checksumsDifferent: 0,
  bytesMax: 0,
  last: undefined,
  lastAtMs: 0,
  recent: [],
});

/** Returns messages and bytes a second, over the last full seconds. */
export function rateOf({ recent }: ChannelSums, nowMs: number): { readonly messages: number; readonly bytes: number } {
  const seconds = RATE_SPAN_MS / 1_000;
  const end = Math.floor(nowMs / 1_000);
  const counted = recent.filter(({ second }) => second < end && second >= end - seconds);
  const sum = (pick: (one: (typeof counted)[number]) => number): number =>
    counted.reduce((total, one) => total + pick(one), 0) / seconds;
  return { messages: sum((one) => one.messages), bytes: sum((one) => one.bytes) };
}

export type Filter = {
  readonly direction: "all" | "in" | "out";
  /** Empty: all kinds. */
  readonly kind: string;
  /** Empty: all channels. */
  readonly channel: string;
  /** In the text of the message, without regard to case. */
  readonly text: string;
};

export const NO_FILTER: Filter = { direction: "all", kind: "", channel: "", text: "" };

export function isFiltered(filter: Filter): boolean {
  return filter.direction !== "all" || filter.kind !== "" || filter.channel !== "" || filter.text.trim() !== "";
}

export function filtered(messages: readonly Message[], filter: Filter): readonly Message[] {
  if (!isFiltered(filter)) return messages;
  const wanted = filter.text.trim().toLowerCase();
  return messages.filter(
    ({ direction, kind, channel, text }) =>
      (filter.direction === "all" || direction === filter.direction) &&
      (filter.kind === "" || kind === filter.kind) &&
      (filter.channel === "" || channel === filter.channel) &&
      (wanted === "" || text.toLowerCase().includes(wanted)),
  );
}
