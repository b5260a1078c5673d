/**
 * What goes out to one client, under credit. A ping follows every write, and its pong says that the client has read all up
 * to there; so a client that reads slowly, or not at all, is known by its missing pongs and not by a full kernel buffer,
 * which hides megabytes and minutes.
 *
 *   idle ------ written, one ping out -------------------------> flowing
 *   flowing --- two pings out, or the bytes in flight used up --> blocked
 *   blocked --- a pong ----------------------------------------> flowing, or idle when it answers the newest ping
 *   any ------- close ------------------------------------------> closed
 *
 * What is sent, in this order: the newest pong that is owed, the rest of a message that was begun, answers to requests,
 * and then what the subscriptions have, of which nothing is stored here.
 */
import { type MessageFrames, PING_FRAME_BYTES, pingFrame, pongFrame } from "./frames.ts";

export type OutboxLimits = { readonly inFlightBytesMax: number; readonly unansweredPingsMax: number };

/** The next message of the subscriptions whose first frame has at most `bytesFree`, taken; undefined: there is none. */
export type MessageSource = (bytesFree: number, nowMs: number) => MessageFrames | undefined;

type Ping = { readonly sequence: number; readonly bytes: number; readonly atMs: number };

const SEQUENCE_LIMIT = 2 ** 32;

export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #write: (frames: readonly Buffer[]) => void;
  readonly #source: MessageSource;
  /** Unanswered, oldest first. */
  #pings: Ping[] = [];
  #sequence = 0;
  #inFlightBytes = 0;
  #owedPong: Buffer | undefined;
  #replies: MessageFrames[] = [];
  #replyBytes = 0;
  /** The message that was begun, and its next frame. */
  #begun: MessageFrames = [];
  #begunAt = 0;
  #waiters: (() => void)[] = [];
  #isClosed = false;

  /** `write` hands frames to the socket in one go. */
  constructor(limits: OutboxLimits, write: (frames: readonly Buffer[]) => void, source: MessageSource) {
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

  /** Monotonic; when the oldest unanswered ping was sent. */
  get oldestPingAtMs(): number | undefined {
    return this.#pings[0]?.atMs;
  }

  /** An answer may be queued: together with what is in flight it does not pass the bytes of credit, or none is queued. */
  get hasRoom(): boolean {
    return this.#replyBytes === 0 || this.#inFlightBytes + this.#replyBytes < this.#limits.inFlightBytesMax;
  }

  /** Resolves when there is room for an answer, or the outbox is closed. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.#isClosed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      await promise;
    }
  }

  /** Queues an answer; the caller looks for room before, and pumps after. */
  reply(frames: MessageFrames): void {
    if (this.#isClosed) return;
    this.#replies.push(frames);
    for (const frame of frames) this.#replyBytes += frame.length;
  }

  /** A ping of the client. Only the newest is answered, as RFC 6455 section 5.5.3 allows. */
  owePong(payload: Buffer): void {
    if (!this.#isClosed) this.#owedPong = pongFrame(payload);
  }

  /** Returns whether a ping with this number was out. */
  pong(sequence: number): boolean {
    const index = this.#pings.findIndex((ping) => ping.sequence === sequence);
    if (index < 0) return false;
    for (const ping of this.#pings.splice(0, index + 1)) this.#inFlightBytes -= ping.bytes;
    return true;
  }

  /** Sends what credit allows, in one write. Returns the bytes written. */
  pump(nowMs: number): number {
    if (this.#isClosed || this.#pings.length >= this.#limits.unansweredPingsMax) return 0;
    const frames: Buffer[] = [];
    let bytes = PING_FRAME_BYTES;
    for (;;) {
      const frame = this.#next(this.#limits.inFlightBytesMax - this.#inFlightBytes - bytes, nowMs);
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.length;
    }
    if (frames.length === 0) return 0;
    this.#sequence = (this.#sequence + 1) % SEQUENCE_LIMIT;
    frames.push(pingFrame(this.#sequence));
    this.#pings.push({ sequence: this.#sequence, bytes, atMs: nowMs });
    this.#inFlightBytes += bytes;
    this.#write(frames);
    this.#wake();
    return bytes;
  }

  close(): void {
    this.#isClosed = true;
    this.#replies = [];
    this.#replyBytes = 0;
    this.#begun = [];
    this.#begunAt = 0;
    this.#wake();
  }

  #next(bytesFree: number, nowMs: number): Buffer | undefined {
    const pong = this.#owedPong;
    if (pong !== undefined) {
      if (pong.length > bytesFree) return undefined;
      this.#owedPong = undefined;
      return pong;
    }
    if (this.isInMessage) return this.#nextOf(bytesFree);
    const reply = this.#replies[0];
    if (reply !== undefined) {
      if ((reply[0] as Buffer).length > bytesFree) return undefined;
      this.#replies.shift();
      for (const frame of reply) this.#replyBytes -= frame.length;
      return this.#begin(reply);
    }
    const message = this.#source(bytesFree, nowMs);
    return message === undefined ? undefined : this.#begin(message);
  }

  #begin(message: MessageFrames): Buffer | undefined {
    if (message.length > 1) {
      this.#begun = message;
      this.#begunAt = 1;
    }
    return message[0];
  }

  #nextOf(bytesFree: number): Buffer | undefined {
    const frame = this.#begun[this.#begunAt] as Buffer;
    if (frame.length > bytesFree) return undefined;
    this.#begunAt += 1;
    if (!this.isInMessage) {
      this.#begun = [];
      this.#begunAt = 0;
    }
    return frame;
  }

  #wake(): void {
    if (this.#waiters.length === 0 || !(this.hasRoom || this.#isClosed)) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
