/**
 * Sends messages to one client, under credit. A ping follows every write, and its pong proves that the client has read everything up
 * to it. So a client that reads slowly, or not at all, is recognised by its missing pongs and not by a full kernel buffer,
 * which hides megabytes and minutes.
 *
 *   idle ------ written, one ping out -------------------------> flowing
 *   flowing --- two pings out, or the bytes in flight used up --> blocked
 *   blocked --- a pong ----------------------------------------> flowing, or idle if it is the pong to the newest ping
 *   any ------- close ------------------------------------------> closed
 *
 * The order of sending: the newest pong that is owed, the rest of a message that was begun, responses to requests, and then messages of the
 * subscriptions, which are not stored here.
 */
import { lengthOf, type MessageFrames, PING_FRAME_BYTES, pingFrame, pongFrame } from "./frames.ts";

type OutboxLimits = { readonly inFlightBytesMax: number; readonly unansweredPingsMax: number };

/**
 * Appends messages of the subscriptions to `frames`, as long as they fit `bytesFree`. If a message has several frames, it appends the
 * first, stops, and returns the message; else it returns undefined.
 */
type MessageSource = (frames: Buffer[], bytesFree: number, nowMs: number) => MessageFrames | undefined;

type Ping = { readonly sequence: number; readonly bytes: number; readonly atMs: number };

const SEQUENCE_LIMIT = 2 ** 32;
const NOTHING: MessageFrames = [];

export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #write: (frames: readonly Buffer[], bytes: number) => void;
  readonly #source: MessageSource;
  /** Unanswered, oldest first. */
  #pings: Ping[] = [];
  #sequence = 0;
  #inFlightBytes = 0;
  #owedPong: Buffer | undefined;
  #replies: MessageFrames[] = [];
  #replyBytes = 0;
  /** The message that was begun, and its next frame. */
  #begun: MessageFrames = NOTHING;
  #begunAt = 0;
  #waiters: (() => void)[] = [];
  #isClosed = false;

  /** `write` writes frames, of `bytes` in total, to the socket at once. */
  constructor(limits: OutboxLimits, write: (frames: readonly Buffer[], bytes: number) => void, source: MessageSource) {
    this.#limits = limits;
    this.#write = write;
    this.#source = source;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** True between two frames of one message, where no other message may begin. */
  get isInMessage(): boolean {
    return this.#begunAt < this.#begun.length;
  }

  /** The message that was begun and not finished; undefined if there is none. */
  get begun(): MessageFrames | undefined {
    return this.isInMessage ? this.#begun : undefined;
  }

  /** Monotonic; when the oldest unanswered ping was sent. */
  get oldestPingAtMs(): number | undefined {
    return this.#pings[0]?.atMs;
  }

  /** Whether a response may be queued: none is queued, or the queue and the bytes in flight together are within the credit. */
  get hasRoom(): boolean {
    return this.#replyBytes === 0 || this.#inFlightBytes + this.#replyBytes < this.#limits.inFlightBytesMax;
  }

  /** Resolves when there is room for a response, or when the outbox is closed. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.#isClosed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      await promise;
    }
  }

  /** Queues a response. The caller waits for room before, and pumps after. */
  reply(frames: MessageFrames): void {
    if (this.#isClosed) return;
    this.#replies.push(frames);
    this.#replyBytes += lengthOf(frames);
  }

  /** Notes a ping of the client. Only the newest gets a pong, as RFC 6455 section 5.5.3 allows. */
  owePong(payload: Buffer): void {
    if (!this.#isClosed) this.#owedPong = pongFrame(payload);
  }

  /** Takes a pong. Returns whether a ping with this number was unanswered. */
  pong(sequence: number): boolean {
    const index = this.#pings.findIndex((ping) => ping.sequence === sequence);
    if (index < 0) return false;
    for (const ping of this.#pings.splice(0, index + 1)) this.#inFlightBytes -= ping.bytes;
    return true;
  }

  /** Sends as much as the credit allows, in one write. Returns the bytes written. */
  pump(nowMs: number): number {
    if (this.#isClosed || this.#pings.length >= this.#limits.unansweredPingsMax) return 0;
    const frames: Buffer[] = [];
    this.#fill(frames, this.#limits.inFlightBytesMax - this.#inFlightBytes - PING_FRAME_BYTES, nowMs);
    if (frames.length === 0) return 0;
    this.#sequence = (this.#sequence + 1) % SEQUENCE_LIMIT;
    frames.push(pingFrame(this.#sequence));
    const bytes = lengthOf(frames);
    this.#pings.push({ sequence: this.#sequence, bytes, atMs: nowMs });
    this.#inFlightBytes += bytes;
    this.#write(frames, bytes);
    this.#wake();
    return bytes;
  }

  close(): void {
    this.#isClosed = true;
    this.#replies = [];
    this.#replyBytes = 0;
    this.#begun = NOTHING;
    this.#begunAt = 0;
    this.#wake();
  }

  #fill(frames: Buffer[], bytesFree: number, nowMs: number): void {
    let free = bytesFree;
    const pong = this.#owedPong;
    if (pong !== undefined && pong.length <= free) {
      this.#owedPong = undefined;
      frames.push(pong);
      free -= pong.length;
    }
    free = this.#fillBegun(frames, free);
    for (let reply = this.#replies[0]; reply !== undefined && !this.isInMessage; reply = this.#replies[0]) {
      const first = reply[0] as Buffer;
      if (first.length > free) return;
      this.#replies.shift();
      this.#replyBytes -= lengthOf(reply);
      frames.push(first);
      free = this.#begin(reply, frames, free - first.length);
    }
    while (!this.isInMessage) {
      const count = frames.length;
      const begun = this.#source(frames, free, nowMs);
      if (begun === undefined) return;
      for (let i = count; i < frames.length; i++) free -= (frames[i] as Buffer).length;
      free = this.#begin(begun, frames, free);
    }
  }

  /** Takes the frames of a message that fit, after its first frame was taken. Returns the bytes that stay free. */
  #begin(message: MessageFrames, frames: Buffer[], free: number): number {
    this.#begun = message;
    this.#begunAt = 1;
    return this.#fillBegun(frames, free);
  }

  #fillBegun(frames: Buffer[], bytesFree: number): number {
    let free = bytesFree;
    for (; this.isInMessage; this.#begunAt++) {
      const frame = this.#begun[this.#begunAt] as Buffer;
      if (frame.length > free) return free;
      frames.push(frame);
      free -= frame.length;
    }
    this.#begun = NOTHING;
    this.#begunAt = 0;
    return free;
  }

  #wake(): void {
    if (this.#waiters.length === 0 || !(this.hasRoom || this.#isClosed)) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
