/**
 * Sends messages to one client, under credit. The pong to a ping proves that the client has read everything up to it. So a client that reads
 * slowly, or not at all, is recognised by its missing pongs and not by a full kernel buffer, which hides megabytes and minutes.
 *
 *   prompt --- a ping is unanswered for latePongMs, or its pong took that long --> slow
 *   slow ----- a pong came sooner than that -------------------------------------> prompt
 *
 * A new client is slow until its first pong. A slow client gets a ping after every write, and nothing while two are unanswered. A prompt client
 * gets one after pingBytes or pingMs. In both states nothing is sent while a ping is unanswered for latePongMs, or when the bytes without a
 * pong are used up. So a client that stops reading finds the data of pingMs and latePongMs at most. With five messages of 1 KB in each write, a ping after
 * every write costs a fifth of the processor time (ARCHITECTURE.md, The WebSocket).
 *
 * The order of sending: the newest pong that is owed, the rest of a message that was begun, responses to requests, and then messages of the
 * subscriptions, which are not stored here.
 */
import { lengthOf, type MessageFrames, PING_FRAME_BYTES, pingFrame, pongFrame } from "./frames.ts";
import type { WebSocketLimits } from "./limits.ts";

type OutboxLimits = Pick<
  WebSocketLimits,
  "inFlightBytesMax" | "unansweredPingsMax" | "pingBytes" | "pingMs" | "latePongMs"
>;

/**
 * Appends messages of the subscriptions to `frames`, as long as they fit `bytesFree`. If a message has several frames, it appends the
 * first, stops, and returns the message; else it returns undefined.
 */
type MessageSource = (frames: Buffer[], bytesFree: number, nowMs: number) => MessageFrames | undefined;

/** `bytes`: since the ping before, with this one. */
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
  /** Bytes that no pong has covered yet. */
  #inFlightBytes = 0;
  /** Bytes since the newest ping, and when that was sent. */
  #unpingedBytes = 0;
  #pingedAtMs = Number.NEGATIVE_INFINITY;
  #isPrompt = false;
  #owedPong: Buffer | undefined;
  #owesPing = false;
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

  /** Has the next pump send a ping even if there is nothing else to send. */
  owePing(): void {
    this.#owesPing = true;
  }

  /** Takes a pong. Returns whether a ping with this number was unanswered. */
  pong(sequence: number, nowMs: number): boolean {
    const index = this.#pings.findIndex((ping) => ping.sequence === sequence);
    const ping = this.#pings[index];
    if (ping === undefined) return false;
    this.#isPrompt = nowMs - ping.atMs < this.#limits.latePongMs;
    for (const answered of this.#pings.splice(0, index + 1)) this.#inFlightBytes -= answered.bytes;
    return true;
  }

  /** Sends as much as the credit allows, in one write. Returns the bytes written. */
  pump(nowMs: number): number {
    if (this.#isClosed || this.#isBlocked(nowMs)) return 0;
    const frames: Buffer[] = [];
    this.#fill(frames, this.#limits.inFlightBytesMax - this.#inFlightBytes - PING_FRAME_BYTES, nowMs);
    if (frames.length === 0 && !this.#owesPing) return 0;
    let bytes = lengthOf(frames);
    if (this.#isPingDue(this.#unpingedBytes + bytes, nowMs)) bytes += this.#ping(frames, bytes, nowMs);
    else this.#unpingedBytes += bytes;
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

  #isBlocked(nowMs: number): boolean {
    const oldest = this.#pings[0];
    if (oldest === undefined) return false;
    const { latePongMs, unansweredPingsMax } = this.#limits;
    if (nowMs - oldest.atMs >= latePongMs) {
      this.#isPrompt = false;
      return true;
    }
    return !this.#isPrompt && this.#pings.length >= unansweredPingsMax;
  }

  /** `bytes`: since the newest ping, with the write that is made now. */
  #isPingDue(bytes: number, nowMs: number): boolean {
    const { pingBytes, pingMs } = this.#limits;
    return !this.#isPrompt || this.#owesPing || bytes >= pingBytes || nowMs - this.#pingedAtMs >= pingMs;
  }

  /** Appends a ping to a write of `bytes`. Returns its length. */
  #ping(frames: Buffer[], bytes: number, nowMs: number): number {
    this.#sequence = (this.#sequence + 1) % SEQUENCE_LIMIT;
    frames.push(pingFrame(this.#sequence));
    this.#pings.push({ sequence: this.#sequence, bytes: this.#unpingedBytes + bytes + PING_FRAME_BYTES, atMs: nowMs });
    this.#pingedAtMs = nowMs;
    this.#unpingedBytes = 0;
    this.#owesPing = false;
    return PING_FRAME_BYTES;
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
