/** The calls of `Subscribe` that run: bounds their number with the other clients of live data, looks after them, and ends them together. */
import { randomInt } from "node:crypto";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { Identity } from "../../access/identity.ts";
import type { Gate } from "../gate.ts";
import type { Hub } from "../live/hub.ts";
import type { Encoder } from "../live/shared-message.ts";
import type { StreamMetrics } from "../live/stream-metrics.ts";
import { sweepEvery } from "../live/sweeps.ts";
import { ProblemError } from "../problems.ts";
import { ChannelMessages } from "../protobuf/channel-messages.ts";
import { Standing } from "../standing.ts";
import { envelopeOf } from "./envelopes.ts";
import type { GrpcConfig, GrpcLimits } from "./limits.ts";
import { LiveCall } from "./live-call.ts";

type LiveCallsOptions = {
  readonly hub: Hub;
  readonly gate: Gate;
  readonly config: GrpcConfig;
  readonly limits: GrpcLimits;
  readonly metrics: StreamMetrics;
};

type Client = { readonly identity: Identity | undefined; readonly cut: () => void; readonly signal: AbortSignal };

export class LiveCalls {
  readonly #options: LiveCallsOptions;
  /** One for all calls, so that they share the bytes of each message. */
  readonly #encoder: Encoder<Buffer>;
  readonly #calls = new Set<LiveCall>();
  readonly #sweepTimer: NodeJS.Timeout;

  constructor(options: LiveCallsOptions) {
    this.#options = options;
    const messages = new ChannelMessages();
    this.#encoder = { encode: (message) => envelopeOf(messages.of(message)), bytesOf: (bytes) => bytes.length };
    this.#sweepTimer = sweepEvery(options.limits.sweepMs, options.hub.nowMs, (nowMs) => this.#sweep(nowMs));
  }

  /** Returns the messages of a call; see `LiveCall.messages`. Throws ProblemError `too_many_connections` too. */
  async *messages(
    channels: readonly JsonObject[],
    { identity, cut, signal }: Client,
  ): AsyncGenerator<readonly Buffer[]> {
    const { hub, config, metrics } = this.#options;
    const { maxConn } = config.api.ws;
    if (hub.clients >= maxConn) {
      const text = `${hub.clients} clients are connected, as many as api.ws.max_conn allows; try again later.`;
      throw new ProblemError("too_many_connections", text);
    }
    const standing = identity && new Standing(this.#options.gate, identity);
    const call = new LiveCall({ ...this.#options, encoder: this.#encoder, cut, standing });
    this.#calls.add(call);
    metrics.clients(this.#calls.size);
    try {
      yield* call.messages(channels, signal);
    } finally {
      this.#calls.delete(call);
      metrics.clients(this.#calls.size);
      metrics.closed(call.reason);
    }
  }

  /** Tells all clients when to call again, and ends their calls. */
  close(): void {
    clearInterval(this.#sweepTimer);
    const { reconnectAfterMs } = this.#options.limits;
    for (const call of this.#calls) call.shutdown(reconnectAfterMs + randomInt(reconnectAfterMs + 1));
  }

  #sweep(nowMs: number): void {
    const wallMs = Date.now();
    for (const call of this.#calls) call.sweep(nowMs, wallMs);
  }
}
