/**
 * One stream of server-sent events: a client of the hub whose messages are events.
 *
 *   opening ---- its channels are open, head and first events written --> flowing
 *   flowing ---- a write that the kernel has not taken ------------------> waiting
 *   waiting ---- the kernel took it -------------------------------------> flowing
 *   waiting ---- nothing taken for two minutes --------------------------> closed
 *   any -------- the client left, its credentials expired, shutdown -----> closed
 *
 * While waiting nothing is made for the client. Its channels fall behind, and the next message of each brings it to the newest data.
 */
import type { ServerResponse } from "node:http";
import { sentBytesOf } from "../../shared/connection-guard.ts";
import type { PushTarget } from "../live/channel-feed.ts";
import { ClientChannels } from "../live/client-channels.ts";
import type { Hub } from "../live/hub.ts";
import { authExpiringText, errorText, shutdownText, subscribedText } from "../live/messages.ts";
import type { Reply, SharedMessage } from "../live/shared-message.ts";
import type { StreamCloseReason, StreamMetrics } from "../live/stream-metrics.ts";
import type { ProblemError } from "../problems.ts";
import type { Standing } from "../standing.ts";
import { COMMENT, eventEncoder, eventOf, retryLine } from "./events.ts";
import type { SseLimits } from "./limits.ts";
import { StreamPosition } from "./stream-position.ts";
import type { StreamQuery } from "./stream-query.ts";

export const EVENT_STREAM_FIELDS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // Asks nginx and others like it to pass on each event at once.
  "x-accel-buffering": "no",
} as const;

type StreamOptions = {
  readonly hub: Hub;
  readonly limits: SseLimits;
  readonly metrics: StreamMetrics;
  readonly standing: Standing;
  /** Called once, when the response has closed. */
  readonly onClosed: (stream: EventStream, reason: StreamCloseReason) => void;
};

export class EventStream implements PushTarget {
  isDirty = false;
  readonly #response: ServerResponse;
  readonly #options: StreamOptions;
  readonly #channels: ClientChannels;
  readonly #position: StreamPosition;
  /** Places in the position by canonical channel. A channel has several if it was named in several ways. */
  readonly #places = new Map<string, number[]>();
  /** Events that wait to be written. */
  #events: Buffer[] = [];
  #isFlowing = false;
  /** Something came while the kernel had not taken the last write. */
  #isBehind = false;
  #unsentBytes = 0;
  /** Monotonic; the last time at which the kernel is known to have taken something. */
  #progressMs: number;
  #sentAtLook = 0;
  #lastWriteMs: number;
  #closeReason: StreamCloseReason = "client";

  constructor(response: ServerResponse, { digest, requests }: StreamQuery, options: StreamOptions) {
    this.#response = response;
    this.#options = options;
    this.#channels = new ClientChannels(options.hub, this);
    this.#position = new StreamPosition(digest, requests.length);
    this.#progressMs = options.hub.nowMs();
    this.#lastWriteMs = this.#progressMs;
    response.on("error", () => response.destroy());
    response.once("close", () => {
      this.#channels.closeAll();
      options.onClosed(this, this.#closeReason);
    });
  }

  get rows(): number {
    return this.#channels.rows;
  }

  /** Bytes that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Monotonic; since when nothing was taken, if something is unsent. */
  get progressMs(): number {
    return this.#progressMs;
  }

  /**
   * Opens the channels and begins the response. Channels that cannot be opened get an event with the error. Rejects with ProblemError if none can,
   * and nothing is sent then.
   */
  async open({ requests, refused }: StreamQuery): Promise<void> {
    const [first] = refused;
    if (requests.length === 0 && first !== undefined) throw first.problem;
    const outcome = await this.#channels.open(requests);
    if (this.#response.destroyed) {
      this.#channels.closeAll();
      return;
    }
    const { limits, hub } = this.#options;
    const [firstFailed] = outcome.failed;
    if (outcome.channels.length === 0 && firstFailed !== undefined) throw firstFailed.problem;
    for (const [i, { channel }] of requests.entries()) this.#place(outcome.names.get(channel), i);
    for (const [i, { from }] of requests.entries()) {
      if (from !== undefined) this.#position.set(i, { epoch: from.epoch, number: "rev" in from ? from.rev : from.seq });
    }
    this.#response.writeHead(200, EVENT_STREAM_FIELDS);
    this.#isFlowing = true;
    const isResumed = requests.some(({ from }) => from !== undefined);
    this.#events.push(retryLine(limits.retryMs), eventOf(subscribedText(undefined, outcome, isResumed)));
    for (const { channel, problem } of [...refused, ...outcome.failed])
      this.#events.push(eventOf(errorOf(channel, problem)));
    this.#channels.activate(outcome.opened);
    this.flush(hub.nowMs());
  }

  flush(nowMs: number): void {
    if (!this.#isFlowing) return;
    if (this.#unsentBytes > 0) {
      this.#isBehind = true;
      return;
    }
    const events = this.#events;
    this.#events = [];
    const bytes = this.#take(events, nowMs);
    if (events.length > 0) this.#write(events, bytes, nowMs);
  }

  /** Sends a comment or a warning if one is due, and closes a dead client or one whose credentials have expired. Called every `sweepMs`. */
  sweep(nowMs: number, wallMs: number): void {
    if (!this.#isFlowing) return;
    const { limits, standing } = this.#options;
    if (this.#unsentBytes > 0) {
      const sentBytes = this.#sentBytes();
      if (sentBytes !== this.#sentAtLook) this.#progressMs = nowMs;
      this.#sentAtLook = sentBytes;
      if (nowMs - this.#progressMs >= limits.stalledMs) this.cut("stalled");
    }
    const verdict = standing.check(wallMs);
    if (verdict === "ended") this.#end("expired", []);
    if (verdict === "warn") this.#events.push(eventOf(authExpiringText(standing.identity.expiresAtMs ?? wallMs)));
    if (this.#unsentBytes === 0 && nowMs - this.#lastWriteMs >= limits.commentMs) this.#events.push(COMMENT);
    if (this.#events.length > 0) this.flush(nowMs);
  }

  /** Says when to connect again, and ends the response. */
  shutdown(reconnectAfterMs: number): void {
    if (this.#unsentBytes > 0) this.cut("shutting_down");
    else this.#end("shutting_down", [retryLine(reconnectAfterMs), eventOf(shutdownText(reconnectAfterMs))]);
  }

  /** Ends the connection now. */
  cut(reason: StreamCloseReason): void {
    this.#isFlowing = false;
    this.#closeReason = reason;
    this.#response.destroy();
  }

  #end(reason: StreamCloseReason, events: readonly Buffer[]): void {
    if (!this.#isFlowing) return;
    this.#isFlowing = false;
    this.#closeReason = reason;
    this.#response.end(Buffer.concat(events));
  }

  #place(channel: string | undefined, place: number): void {
    if (channel === undefined) return;
    const places = this.#places.get(channel);
    if (places === undefined) this.#places.set(channel, [place]);
    else places.push(place);
  }

  /** Appends events of the channels that are behind. Returns the bytes of all events. */
  #take(events: Buffer[], nowMs: number): number {
    const { limits, metrics } = this.#options;
    let bytes = events.reduce((sum, event) => sum + event.length, 0);
    const taken = this.#channels.take(nowMs, (message): Reply => {
      const lines = message.encodedBy(eventEncoder);
      if (bytes > 0 && bytes + lines.length > limits.writeBytesMax) {
        this.#isBehind = true;
        return "full";
      }
      const position = this.#moved(message);
      events.push(lines, position);
      bytes += lines.length + position.length;
      return "taken";
    });
    if (taken.conflated > 0) metrics.conflated(taken.conflated);
    if (taken.oldestSinceMs < Number.POSITIVE_INFINITY) metrics.pushLag((nowMs - taken.oldestSinceMs) / 1_000);
    return bytes;
  }

  /** Returns the position after this message. */
  #moved({ channel, update }: SharedMessage): Buffer {
    for (const place of this.#places.get(channel) ?? []) {
      this.#position.set(place, { epoch: update.epoch, number: update.rev });
    }
    return this.#position.line();
  }

  #write(events: readonly Buffer[], bytes: number, nowMs: number): void {
    this.#unsentBytes = bytes;
    this.#progressMs = nowMs;
    this.#lastWriteMs = nowMs;
    this.#sentAtLook = this.#sentBytes();
    // Short events are copied into one chunk. A long message stays shared with the other clients while the kernel has no room for it.
    if (bytes <= this.#options.limits.writeBytesMax) {
      this.#response.write(Buffer.concat(events, bytes), this.#onTaken);
      return;
    }
    const last = events.length - 1;
    for (const [i, event] of events.entries()) this.#response.write(event, i === last ? this.#onTaken : undefined);
  }

  readonly #onTaken = (): void => {
    this.#unsentBytes = 0;
    if (!this.#isBehind || !this.#isFlowing) return;
    this.#isBehind = false;
    this.#options.hub.poke(this);
  };

  #sentBytes(): number {
    const { socket } = this.#response;
    return socket === null ? 0 : sentBytesOf(socket);
  }
}

const errorOf = (channel: string, problem: ProblemError): string => errorText(undefined, problem, [channel]);
