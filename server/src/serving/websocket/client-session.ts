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
 * sound because without compression `ws` writes each of its own frames (here only the close frame) whole and at once, and
 * every write here ends at the end of a frame. `ws` does the handshake, parses incoming frames, and closes.
 */
import type { Duplex } from "node:stream";
import { closeCodes } from "@swapstats/protocol/websocket.ts";
import { WebSocket } from "ws";
import type { Gate, Identity } from "../gate.ts";
import type { PushTarget } from "../live/channel-feed.ts";
import type { Reply } from "../live/channel-list.ts";
import { ClientChannels } from "../live/client-channels.ts";
import type { Hub } from "../live/hub.ts";
import { errorText, heartbeatText, shutdownText, subscribedText, unsubscribedText } from "../live/messages.ts";
import type { Encoder } from "../live/shared-message.ts";
import { ProblemError } from "../problems.ts";
import type { BegunMessages } from "./begun-messages.ts";
import { lengthOf, type MessageFrames, sequenceOfPong, textFrames } from "./frames.ts";
import type { WebSocketConfig, WebSocketLimits } from "./limits.ts";
import { MessageRate } from "./message-rate.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { Outbox } from "./outbox.ts";
import { type ClientRequest, parseRequest, type RequestRules } from "./requests.ts";
import type { WriteBuffer } from "./write-buffer.ts";

type SessionOptions = {
  readonly hub: Hub;
  readonly gate: Gate;
  /** The client that opened the connection. */
  readonly identity: Identity;
  readonly config: WebSocketConfig;
  readonly limits: WebSocketLimits;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Shared by all sessions, so that they share frames. */
  readonly encoder: Encoder<MessageFrames>;
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
  /** Texts of waiting requests, and their total length. */
  readonly #requests: string[] = [];
  #requestChars = 0;
  #isWorking = false;
  #lastSentMs: number;
  #closeReason: CloseReason | undefined;

  constructor(ws: WebSocket, socket: Duplex, options: SessionOptions) {
    this.#ws = ws;
    this.#socket = socket;
    this.#options = options;
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

  /** Sends a heartbeat if one is due, and closes a dead client. Called every `sweepMs`. */
  sweep(nowMs: number): void {
    if (!this.isOpen) return;
    const { limits } = this.#options;
    const oldestPingAtMs = this.#outbox.oldestPingAtMs;
    if (oldestPingAtMs !== undefined && nowMs - oldestPingAtMs > limits.noPongMs) {
      this.#close(closeCodes.policyViolation, "no response to pings", "no_pong");
    } else if (oldestPingAtMs === undefined && nowMs - this.#lastSentMs >= limits.heartbeatMs) {
      this.#outbox.reply(this.#framesOf(heartbeatText(Date.now())));
      this.flush(nowMs);
    }
  }

  /** Sends `shutdown` and closes. Ignores the credit: it is one small message, and the last. */
  shutdown(reconnectAfterMs: number): void {
    if (!this.isOpen) return;
    if (!this.#outbox.isInMessage) {
      const frames = this.#framesOf(shutdownText(reconnectAfterMs));
      this.#options.writeBuffer.write(this.#socket, frames, lengthOf(frames));
    }
    this.#close(closeCodes.goingAway, "the service is shutting down", "shutting_down");
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** Appends frames of the channels that are behind; see `MessageSource` in outbox.ts. */
  #take(frames: Buffer[], bytesFree: number, nowMs: number): MessageFrames | undefined {
    const { metrics, encoder } = this.#options;
    let free = bytesFree;
    let begun: MessageFrames | undefined;
    const taken = this.#channels.take(nowMs, (message): Reply => {
      const encoded = message.encodedBy(encoder);
      const first = encoded[0] as Buffer;
      free -= first.length;
      if (free < 0) return "full";
      frames.push(first);
      if (encoded.length === 1) return "taken";
      begun = encoded;
      return "last";
    });
    if (taken.conflated > 0) metrics.conflated(taken.conflated);
    if (taken.oldestSinceMs < Number.POSITIVE_INFINITY) metrics.pushLag((nowMs - taken.oldestSinceMs) / 1_000);
    return begun;
  }

  #framesOf(text: string): MessageFrames {
    return textFrames(text, this.#options.limits.fragmentBytesMax);
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
    if (sequence !== undefined && this.#outbox.pong(sequence)) {
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

  #reply(text: string): void {
    this.#outbox.reply(this.#framesOf(text));
    this.flush(this.#options.hub.nowMs());
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
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
    const { gate, identity } = this.#options;
    const cost = request.kind === "refused" ? 1 : request.channels.length;
    const problem = gate.admit(identity, request.kind, cost);
    if (problem !== undefined) this.#reply(errorText(request.id, problem, request.channels));
    else if (request.kind === "subscribe") await this.#subscribe(request);
    else if (request.kind === "unsubscribe") await this.#unsubscribe(request);
    else this.#reply(errorText(request.id, request.problem, request.channels));
  }

  async #subscribe({ id, channels, options }: Extract<ClientRequest, { kind: "subscribe" }>): Promise<void> {
    let outcome: Awaited<ReturnType<ClientChannels["open"]>>;
    try {
      outcome = await this.#channels.open(channels, options);
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
      this.#reply(subscribedText(id, outcome));
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

  async #unsubscribe({ id, channels }: Extract<ClientRequest, { kind: "unsubscribe" }>): Promise<void> {
    const { closed, missing } = this.#channels.close(channels);
    if (id !== undefined && closed.length > 0) this.#reply(unsubscribedText(id, closed));
    for (const channel of missing) {
      await this.#outbox.room();
      const problem = new ProblemError("not_subscribed", "The channel is not open on this connection.");
      this.#reply(errorText(id, problem, [channel]));
    }
  }
}
