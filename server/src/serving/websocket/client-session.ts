/**
 * One connected client.
 *
 *   open ------- close frame sent or received, by either side --> closing
 *   open ------- the connection broke -------------------------> closed
 *   closing ---- the other side replied, or took too long ------> closed
 *
 * While open, requests are processed one after the other in order of arrival, each once there is room for its response. So a client that sends
 * requests and does not read delays its own requests, and costs no memory but theirs.
 *
 * This folder makes the frames and writes them to the socket itself, because `ws` would build one frame per message and client. This is
 * sound because `ws` writes each of its own frames (here only the close frame, which is never compressed) whole and at once, and
 * every write here ends at the end of a frame. `ws` does the handshake, parses incoming frames, and closes.
 */
import type { Duplex } from "node:stream";
import { closeCodes } from "@swapstats/protocol/websocket.ts";
import { WebSocket } from "ws";
import type { Identity } from "../../access/identity.ts";
import type { Gate } from "../gate.ts";
import type { PushTarget } from "../live/channel-feed.ts";
import { ClientChannels } from "../live/client-channels.ts";
import type { Hub } from "../live/hub.ts";
import {
  authExpiringText,
  authenticatedText,
  errorText,
  heartbeatText,
  pausedText,
  setText,
  shutdownText,
  subscribedText,
  unsubscribedText,
} from "../live/messages.ts";
import { costOf } from "../operation-rules.ts";
import { ProblemError } from "../problems.ts";
import { Standing } from "../standing.ts";
import type { BegunMessages } from "./begun-messages.ts";
import type { Encoding } from "./encodings.ts";
import { lengthOf, type MessageFrames, sequenceOfPong } from "./frames.ts";
import type { WebSocketConfig, WebSocketLimits } from "./limits.ts";
import { MessageRate } from "./message-rate.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { Outbox } from "./outbox.ts";
import { endedText, idleEnd, playingText, type Replay } from "./replays.ts";
import { type ClientRequest, parseRequest, type RequestRules } from "./requests.ts";
import type { WriteBuffer } from "./write-buffer.ts";

type SessionOptions = {
  readonly hub: Hub;
  /** The session whose market the hub has. Undefined: the live one. */
  readonly replay: Replay | undefined;
  readonly gate: Gate;
  /** The client that opened the connection. */
  readonly identity: Identity;
  readonly config: WebSocketConfig;
  readonly limits: WebSocketLimits;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Shared by all sessions with the same encoding, so that they share frames. */
  readonly encoding: Encoding;
  /** Shared by all sessions. */
  readonly writeBuffer: WriteBuffer;
  /** Shared by all sessions. */
  readonly begun: BegunMessages<ClientSession>;
  /** Called once, when the connection has ended. */
  readonly onClosed: (session: ClientSession, reason: CloseReason) => void;
};

export class ClientSession implements PushTarget {
  isDirty = false;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #options: SessionOptions;
  readonly #rules: RequestRules;
  readonly #outbox: Outbox;
  readonly #rate: MessageRate;
  readonly #channels: ClientChannels;
  readonly #standing: Standing;
  /** Texts of waiting requests, and their total length. */
  readonly #requests: string[] = [];
  #requestChars = 0;
  #isWorking = false;
  /** Resolves when the state of a session is filled. Requests wait for it. */
  readonly #played: Promise<void> | undefined;
  #lastSentMs: number;
  #closeReason: CloseReason | undefined;

  constructor(ws: WebSocket, socket: Duplex, options: SessionOptions) {
    this.#ws = ws;
    this.#socket = socket;
    this.#options = options;
    this.#standing = new Standing(options.gate, options.identity);
    const { ws: settings } = options.config.api;
    const windows = options.hub.config.windows.list.map((window) => window.name);
    this.#rules = { windows, channelsMax: settings.maxSubscriptions };
    this.#lastSentMs = options.hub.nowMs();
    this.#outbox = new Outbox(
      options.limits,
      (frames, bytes) => options.writeBuffer.write(socket, frames, bytes),
      (frames, bytesFree, nowMs) => this.#take(frames, bytesFree, nowMs),
    );
    const { maxMessagesPerSec: perSecond, messageBurst: burst, maxSubscriptions } = settings;
    // A page that opens all its rows one by one gets an error for each that is refused, and is not cut off.
    this.#rate = new MessageRate({ perSecond, burst, refusals: Math.max(burst, maxSubscriptions) }, this.#lastSentMs);
    this.#channels = new ClientChannels(options.hub, this);
    ws.on("message", (data: Buffer, isBinary) => this.#onMessage(data, isBinary));
    ws.on("ping", (payload) => this.#onPing(payload));
    ws.on("pong", (payload) => this.#onPong(payload));
    ws.on("error", (error) => this.#onReceiveError(error));
    ws.on("close", (code) => this.#onClose(code));
    const { replay } = options;
    this.#played = replay?.session.begun.then(() => {
      if (this.isOpen) this.#reply(playingText(replay));
    });
    void replay?.session.ended.then((end) => this.#endReplay(end));
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get rows(): number {
    return this.#channels.rows;
  }

  /** Writes to the socket what the credit allows. The outbox takes messages of the subscriptions by `#take`. */
  flush(nowMs: number): void {
    if (!this.isOpen || this.#outbox.pump(nowMs) === 0) return;
    this.#lastSentMs = nowMs;
    for (const slow of this.#options.begun.set(this, this.#outbox.begun)) slow.cutOff();
  }

  /** Closes the client, because others need the memory of the message that it has read a part of. */
  cutOff(): void {
    this.#close(closeCodes.policyViolation, "a message was not read to its end", "too_slow");
    this.terminate();
  }

  /**
   * Sends a heartbeat or a warning if one is due, and closes a dead client or one whose credentials have ended. Called every `sweepMs`. `wallMs` is
   * Unix milliseconds.
   */
  sweep(nowMs: number, wallMs: number): void {
    if (!this.isOpen) return;
    const { limits } = this.#options;
    const verdict = this.#standing.check(wallMs);
    if (verdict === "ended") {
      this.#close(closeCodes.unauthorized, "the credentials expired or were revoked", "unauthorized");
      return;
    }
    const { replay } = this.#options;
    const idle = replay === undefined ? undefined : idleEnd(replay, nowMs);
    if (idle !== undefined) this.#endReplay(idle);
    if (verdict === "warn") this.#reply(authExpiringText(this.#standing.identity.expiresAtMs ?? wallMs));
    const oldestPingAtMs = this.#outbox.oldestPingAtMs;
    if (oldestPingAtMs !== undefined && nowMs - oldestPingAtMs > limits.noPongMs) {
      this.#close(closeCodes.policyViolation, "no response to pings", "no_pong");
    } else if (oldestPingAtMs === undefined && nowMs - this.#lastSentMs >= limits.heartbeatMs) {
      // A paused page sleeps. A ping keeps its connection open, and its program does not notice it.
      if (this.#channels.isPaused) this.#outbox.owePing();
      else this.#outbox.reply(this.#framesOf(heartbeatText(Date.now())));
      this.flush(nowMs);
    }
  }

  /** Sends `shutdown` and closes. */
  shutdown(reconnectAfterMs: number): void {
    if (!this.isOpen) return;
    this.#sendLast(shutdownText(reconnectAfterMs));
    this.#close(closeCodes.goingAway, "the service is shutting down", "shutting_down");
  }

  #endReplay(end: Parameters<typeof endedText>[1]): void {
    if (!this.isOpen) return;
    const { replay } = this.#options;
    if (replay !== undefined) this.#sendLast(endedText(replay, end));
    this.#close(closeCodes.replayEnded, `the session ended: ${end.reason}`, "replay_ended");
  }

  /** Ignores the credit: it is one small message, and the last. */
  #sendLast(text: string): void {
    if (this.#outbox.isInMessage) return;
    const frames = this.#framesOf(text);
    this.#options.writeBuffer.write(this.#socket, frames, lengthOf(frames));
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** Appends frames of the channels that are behind; see `MessageSource` in outbox.ts. */
  #take(frames: Buffer[], bytesFree: number, nowMs: number): MessageFrames | undefined {
    const { metrics, encoding } = this.#options;
    const packer = encoding.packer(frames, bytesFree);
    const taken = this.#channels.take(nowMs, packer.offer);
    if (taken.conflated > 0) metrics.conflated(taken.conflated);
    if (taken.oldestSinceMs < Number.POSITIVE_INFINITY) metrics.pushLag((nowMs - taken.oldestSinceMs) / 1_000);
    return packer.end();
  }

  #framesOf(text: string): MessageFrames {
    return this.#options.encoding.reply(text);
  }

  #close(code: number, reason: string, label: CloseReason): void {
    this.#closeReason ??= label;
    this.#ws.close(code, reason);
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    if (isBinary) {
      this.#close(closeCodes.unsupportedData, "messages are JSON text", "bad_frame");
      return;
    }
    const text = data.toString();
    if (!this.#isAllowed(text)) return;
    this.#requests.push(text);
    this.#requestChars += text.length;
    if (!this.#isWorking) void this.#work();
  }

  /** Enforces the rate and the length of the queue. Replies with an error to a message over the limit. */
  #isAllowed(text: string): boolean {
    const { maxMessagesPerSec, messageBurst, maxMessageBytes } = this.#options.config.api.ws;
    const verdict = this.#rate.take(this.#options.hub.nowMs(), text.length);
    if (verdict === "cut_off") {
      this.#close(closeCodes.policyViolation, `more than ${maxMessagesPerSec} messages a second`, "rate_limited");
      return false;
    }
    const isQueueFull = this.#requests.length > 0 && this.#requestChars + text.length > maxMessageBytes;
    if (verdict === "accept" && !isQueueFull) return true;
    const message = isQueueFull
      ? "The message was ignored: the requests before it still wait for their responses. Read the responses first."
      : `The message was ignored: a connection may send ${messageBurst} messages at once and ${maxMessagesPerSec} a second. Send it again later, and put several channels into one message.`;
    if (this.#outbox.hasRoom) {
      const { id, channels } = parseRequest(text, this.#rules);
      this.#reply(errorText(id, new ProblemError("rate_limited", message), channels));
    } else {
      this.#close(closeCodes.policyViolation, "responses are not read", "answers_not_read");
    }
    return false;
  }

  #onPing(payload: Buffer): void {
    if (!this.isOpen) return;
    const verdict = this.#rate.take(this.#options.hub.nowMs());
    if (verdict === "cut_off") this.#close(closeCodes.policyViolation, "too many pings", "rate_limited");
    if (verdict !== "accept") return;
    this.#outbox.owePong(payload);
    this.flush(this.#options.hub.nowMs());
  }

  #onPong(payload: Buffer): void {
    if (!this.isOpen) return;
    const nowMs = this.#options.hub.nowMs();
    const sequence = sequenceOfPong(payload);
    if (sequence !== undefined && this.#outbox.pong(sequence, nowMs)) {
      this.flush(nowMs);
    } else if (this.#rate.take(nowMs) === "cut_off") {
      // RFC 6455 allows unsolicited pongs as a sign of life. A flood of them is an attack.
      this.#close(closeCodes.policyViolation, "too many pongs", "rate_limited");
    }
  }

  /** Notes the reason. `ws` has already sent the close frame with the right code. */
  #onReceiveError(error: Error & { readonly code?: string }): void {
    const isTooBig = error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    this.#closeReason ??= isTooBig ? "message_too_large" : "bad_frame";
  }

  #onClose(code: number): void {
    const isAbnormal = code === 1006;
    this.#outbox.close();
    this.#options.begun.set(this, undefined);
    this.#channels.closeAll();
    this.#requests.length = 0;
    this.#options.onClosed(this, this.#closeReason ?? (isAbnormal ? "lost" : "client"));
  }

  /** `numbers`: of the channels of a `subscribed`, by name. */
  #reply(text: string, numbers?: ReadonlyMap<string, number>): void {
    this.#outbox.reply(this.#options.encoding.reply(text, numbers));
    this.flush(this.#options.hub.nowMs());
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
      await this.#played;
      for (let text = this.#requests[0]; text !== undefined && this.isOpen; text = this.#requests[0]) {
        await this.#handle(parseRequest(text, this.#rules));
        this.#requests.shift();
        this.#requestChars -= text.length;
      }
    } catch (err) {
      this.#options.logger.error({ err }, "a WebSocket request failed");
      this.#close(closeCodes.internalError, "the service failed", "internal");
    }
    this.#isWorking = false;
  }

  async #handle(request: ClientRequest): Promise<void> {
    await this.#outbox.room();
    const { gate } = this.#options;
    const { identity } = this.#standing;
    const operation = request.kind === "resume" ? "subscribe" : request.kind;
    const admission = gate.admit(identity, operation, costOf(operation, request.channels.length));
    const { problem } = admission instanceof Promise ? await admission : admission;
    if (!this.isOpen) return;
    if (problem !== undefined) this.#reply(errorText(request.id, problem, request.channels));
    else if (request.kind === "subscribe" || request.kind === "resume") await this.#subscribe(request);
    else if (request.kind === "unsubscribe") await this.#unsubscribe(request);
    else if (request.kind === "set") this.#set(request);
    else if (request.kind === "pause") this.#pause(request);
    else if (request.kind === "auth") await this.#renew(request);
    else this.#reply(errorText(request.id, request.problem, request.channels));
  }

  async #subscribe(request: Extract<ClientRequest, { kind: "subscribe" | "resume" }>): Promise<void> {
    const { id, channels, requests } = request;
    let outcome: Awaited<ReturnType<ClientChannels["open"]>>;
    try {
      const { encoding } = this.#options;
      outcome = await this.#channels.open(requests, (head, from) => encoding.canContinue(head, from));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#reply(errorText(id, error, channels));
      return;
    }
    if (!this.isOpen) {
      this.#channels.closeAll();
      return;
    }
    if (outcome.channels.length > 0) {
      const numbers = new Map(outcome.opened.map(({ channel, feed }) => [channel, feed.head.number]));
      this.#reply(subscribedText(id, outcome, request.kind === "resume"), numbers);
      this.#channels.activate(outcome.opened);
      this.flush(this.#options.hub.nowMs());
    }
    for (const { channel, problem } of outcome.failed) {
      if (problem.code === "internal")
        this.#options.logger.error({ err: problem.cause, channel }, "subscribing failed");
      await this.#outbox.room();
      this.#reply(errorText(id, problem, [channel]));
    }
  }

  #set({ id, channels, conflateMs, checksum }: Extract<ClientRequest, { kind: "set" }>): void {
    const channel = this.#channels.set(channels[0], { conflateMs, checksum });
    if (channel === undefined) this.#reply(errorText(id, notOpen(), channels));
    else if (id !== undefined) this.#reply(setText(id, channel));
    // A channel that was held may send now.
    this.flush(this.#options.hub.nowMs());
  }

  #pause({ id, isPaused }: Extract<ClientRequest, { kind: "pause" }>): void {
    this.#channels.pause(isPaused);
    if (id !== undefined) this.#reply(pausedText(id, isPaused));
    this.flush(this.#options.hub.nowMs());
  }

  async #renew({ id, token }: Extract<ClientRequest, { kind: "auth" }>): Promise<void> {
    try {
      await this.#standing.renew(token);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#reply(errorText(id, error, []));
      return;
    }
    if (id !== undefined) this.#reply(authenticatedText(id, this.#standing.identity.expiresAtMs));
  }

  async #unsubscribe({ id, channels }: Extract<ClientRequest, { kind: "unsubscribe" }>): Promise<void> {
    const { closed, missing } = this.#channels.close(channels);
    if (id !== undefined && closed.length > 0) this.#reply(unsubscribedText(id, closed));
    for (const channel of missing) {
      await this.#outbox.room();
      this.#reply(errorText(id, notOpen(), [channel]));
    }
  }
}

const notOpen = (): ProblemError => new ProblemError("not_subscribed", "The channel is not open on this connection.");
