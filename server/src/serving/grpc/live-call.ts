/**
 * The call `Subscribe`: a client of the hub whose messages are taken when the transport can send them. The transport asks for the next batch once
 * the one before has left, so a slow reader falls behind, and the next message of each channel brings it to the newest data.
 *
 *   opening --- the channels are open, the first messages sent ------> flowing
 *   flowing --- nothing to send -------------------------------------> idle, and flowing again when the hub flushes the client
 *   flowing --- a batch has not left for two minutes --------------> cut
 *   any ------- the client left, its credentials expired, shutdown --> ended
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { PushTarget } from "../live/channel-feed.ts";
import { channelRequests } from "../live/channel-requests.ts";
import { ClientChannels } from "../live/client-channels.ts";
import type { Hub } from "../live/hub.ts";
import { authExpiringText, errorText, heartbeatText, shutdownText, subscribedText } from "../live/messages.ts";
import type { Encoder } from "../live/shared-message.ts";
import type { StreamCloseReason, StreamMetrics } from "../live/stream-metrics.ts";
import { ProblemError } from "../problems.ts";
import { replyMessage } from "../protobuf/channel-messages.ts";
import type { Standing } from "../standing.ts";
import { envelopeOf } from "./envelopes.ts";
import type { GrpcLimits } from "./limits.ts";

type LiveCallOptions = {
  readonly hub: Hub;
  readonly limits: GrpcLimits;
  readonly metrics: StreamMetrics;
  readonly encoder: Encoder<Buffer>;
  /** Undefined: nobody has to be known. */
  readonly standing: Standing | undefined;
  /** Ends the connection of the call now. */
  readonly cut: () => void;
};

export class LiveCall implements PushTarget {
  isDirty = false;
  readonly #options: LiveCallOptions;
  readonly #channels: ClientChannels;
  /** Messages that are sent before those of the channels. */
  #replies: Buffer[] = [];
  #isReady = false;
  #wake: () => void = () => {};
  /** Monotonic; undefined while the transport waits for this call. */
  #sendingSinceMs: number | undefined;
  #lastSentMs: number;
  /** Set when the call is to end after the messages that wait. */
  #ending: { readonly reason: StreamCloseReason; readonly problem: ProblemError } | undefined;
  #reason: StreamCloseReason = "client";

  constructor(options: LiveCallOptions) {
    this.#options = options;
    this.#channels = new ClientChannels(options.hub, this);
    this.#lastSentMs = options.hub.nowMs();
  }

  get rows(): number {
    return this.#channels.rows;
  }

  get reason(): StreamCloseReason {
    return this.#reason;
  }

  flush(): void {
    this.#isReady = true;
    this.#wake();
  }

  /**
   * Opens the channels of a request, and returns their messages in batches, each message as the envelope of a `SubscribeResponse`, until the client leaves (`signal`). Throws
   * ProblemError: for a request that is wrong, if no channel can be opened, and at the end of a call that the service ends.
   */
  async *messages(channels: readonly JsonObject[], signal: AbortSignal): AsyncGenerator<readonly Buffer[]> {
    const { hub } = this.#options;
    // The transport may never ask for another message.
    const onAbort = (): void => {
      this.#channels.closeAll();
      this.flush();
    };
    signal.addEventListener("abort", onAbort);
    try {
      const windows = hub.config.windows.list.map(({ name }) => name);
      const requests = requestsOf(channels, windows);
      const outcome = await this.#channels.open(requests);
      const isResumed = requests.some(({ from }) => from !== undefined);
      const [firstFailed] = outcome.failed;
      if (outcome.channels.length === 0 && firstFailed !== undefined) throw firstFailed.problem;
      const numbers = new Map(outcome.opened.map(({ channel, feed }) => [channel, feed.head.number]));
      this.#replies.push(envelopeOf(replyMessage(subscribedText(undefined, outcome, isResumed), numbers)));
      for (const { channel, problem } of outcome.failed) {
        this.#replies.push(envelopeOf(replyMessage(errorText(undefined, problem, [channel]))));
      }
      this.#channels.activate(outcome.opened);
      while (!signal.aborted) yield* this.#sendOrWait();
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#channels.closeAll();
    }
  }

  /** Sends a heartbeat or a warning if one is due, and ends a dead client or one whose credentials have expired. Called every `sweepMs`. */
  sweep(nowMs: number, wallMs: number): void {
    const { limits, standing } = this.#options;
    if (this.#sendingSinceMs !== undefined && nowMs - this.#sendingSinceMs >= limits.stalledMs) {
      this.#reason = "stalled";
      this.#options.cut();
      return;
    }
    const verdict = standing?.check(wallMs);
    if (verdict === "ended") {
      const text = "The credentials have expired or were revoked; call again with new ones.";
      this.end("expired", new ProblemError("unauthorized", text));
    } else if (verdict === "warn") {
      this.#reply(authExpiringText(standing?.identity.expiresAtMs ?? wallMs));
    }
    if (this.#sendingSinceMs === undefined && nowMs - this.#lastSentMs >= limits.heartbeatMs) {
      this.#reply(heartbeatText(wallMs));
    }
  }

  shutdown(reconnectAfterMs: number): void {
    this.#replies.push(envelopeOf(replyMessage(shutdownText(reconnectAfterMs))));
    this.end(
      "shutting_down",
      new ProblemError("shutting_down", "The service is shutting down; call again in a moment."),
    );
  }

  end(reason: StreamCloseReason, problem: ProblemError): void {
    this.#ending ??= { reason, problem };
    this.flush();
  }

  #reply(text: string): void {
    this.#replies.push(envelopeOf(replyMessage(text)));
    this.flush();
  }

  async *#sendOrWait(): AsyncGenerator<readonly Buffer[]> {
    this.#isReady = false;
    const replies = this.#replies;
    this.#replies = [];
    const batch = this.#ending === undefined ? [...replies, ...this.#take()] : replies;
    if (batch.length > 0) {
      this.#lastSentMs = this.#options.hub.nowMs();
      this.#sendingSinceMs = this.#lastSentMs;
      yield batch;
      this.#sendingSinceMs = undefined;
    }
    if (this.#ending !== undefined && this.#replies.length === 0) {
      this.#reason = this.#ending.reason;
      throw this.#ending.problem;
    }
    if (batch.length > 0 || this.#isReady) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(): Buffer[] {
    const { hub, limits, encoder, metrics } = this.#options;
    const nowMs = hub.nowMs();
    const messages: Buffer[] = [];
    let bytes = 0;
    const taken = this.#channels.take(nowMs, (message) => {
      const encoded = message.encodedBy(encoder);
      if (bytes > 0 && bytes + encoded.length > limits.takenBytesMax) return "full";
      messages.push(encoded);
      bytes += encoded.length;
      return "taken";
    });
    if (taken.conflated > 0) metrics.conflated(taken.conflated);
    if (taken.oldestSinceMs < Number.POSITIVE_INFINITY) metrics.pushLag((nowMs - taken.oldestSinceMs) / 1_000);
    return messages;
  }
}

/** Channels with a position and without one may be in one request. */
function requestsOf(channels: readonly JsonObject[], windows: readonly string[]): ReturnType<typeof channelRequests> {
  if (channels.length === 0) throw new ProblemError("bad_message", "channels must name at least one channel.");
  return channels.flatMap((channel) => {
    const { from, ...rest } = channel;
    const given = from === undefined ? rest : { ...rest, ...(from as JsonObject) };
    return channelRequests([given], {}, { member: "channels", windows, isResumed: from !== undefined });
  });
}
