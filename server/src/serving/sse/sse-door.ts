/** The door of server-sent events: `GET /api/stream` at the HTTP address. */
import { randomInt } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Gate } from "../gate.ts";
import type { Hub } from "../live/hub.ts";
import type { StreamCloseReason, StreamMetrics } from "../live/stream-metrics.ts";
import { sweepEvery } from "../live/sweeps.ts";
import type { MountContext, MountRoute } from "../mounts.ts";
import { costOf } from "../operation-rules.ts";
import { ProblemError } from "../problems.ts";
import { Standing } from "../standing.ts";
import { EVENT_STREAM_FIELDS, EventStream } from "./event-stream.ts";
import { SSE_LIMITS, type SseConfig, type SseLimits } from "./limits.ts";
import { parseStreamQuery } from "./stream-query.ts";

type SseOptions = {
  readonly hub: Hub;
  readonly gate: Gate;
  readonly config: SseConfig;
  readonly metrics: StreamMetrics;
  /** Overrides of single limits. */
  readonly limits?: Partial<SseLimits>;
};

export class SseDoor {
  readonly mounts: readonly MountRoute[];
  readonly #options: SseOptions;
  readonly #limits: SseLimits;
  readonly #streams = new Set<EventStream>();
  readonly #sweepTimer: NodeJS.Timeout;

  constructor(options: SseOptions) {
    this.#options = options;
    this.#limits = { ...SSE_LIMITS, ...options.limits };
    this.mounts = [
      {
        ...{ method: "GET", path: "/api/stream", operation: "stream", bodyBytesMax: undefined },
        ...{ isWriting: false, isStream: true },
        handle: (request, response, context) => this.#serve(request, response, context),
      },
    ];
    this.#sweepTimer = sweepEvery(this.#limits.sweepMs, options.hub.nowMs, (nowMs) => this.#sweep(nowMs));
  }

  /** Tells all clients when to connect again, and ends their streams. The HTTP door refuses new ones by then. */
  close(): void {
    clearInterval(this.#sweepTimer);
    const { reconnectAfterMs } = this.#limits;
    for (const stream of this.#streams) stream.shutdown(reconnectAfterMs + randomInt(reconnectAfterMs + 1));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void> {
    const { hub, gate, metrics, config } = this.#options;
    const windows = hub.config.windows.list.map(({ name }) => name);
    const lastEventId = request.headers["last-event-id"];
    const query = parseStreamQuery(context.url.searchParams, singleOf(lastEventId), windows);
    if (request.method === "HEAD") {
      response.writeHead(200, EVENT_STREAM_FIELDS).end();
      return;
    }
    const { problem } = await gate.admit(context.identity, "subscribe", costOf("subscribe", query.requests.length));
    if (problem !== undefined) throw problem;
    // The client may have left while the gate looked.
    if (response.destroyed) return;
    const { maxConn } = config.api.ws;
    if (hub.clients >= maxConn) {
      const text = `${hub.clients} clients are connected, as many as api.ws.max_conn allows; try again later.`;
      throw new ProblemError("too_many_connections", text);
    }
    const stream = new EventStream(response, query, {
      ...{ hub, metrics, limits: this.#limits, standing: new Standing(gate, context.identity) },
      onClosed: (closed, reason) => this.#onClosed(closed, reason),
    });
    this.#streams.add(stream);
    metrics.clients(this.#streams.size);
    await stream.open(query);
  }

  #onClosed(stream: EventStream, reason: StreamCloseReason): void {
    const { metrics } = this.#options;
    this.#streams.delete(stream);
    metrics.clients(this.#streams.size);
    metrics.closed(reason);
  }

  #sweep(nowMs: number): void {
    const wallMs = Date.now();
    let unsentBytes = 0;
    for (const stream of this.#streams) {
      stream.sweep(nowMs, wallMs);
      unsentBytes += stream.unsentBytes;
    }
    if (unsentBytes > this.#limits.unsentBytesMax) this.#cutSlowest(unsentBytes - this.#limits.unsentBytesMax);
  }

  /** Cuts the streams that have taken nothing for the longest time, until `bytes` are free. */
  #cutSlowest(bytes: number): void {
    const waiting = [...this.#streams].filter(({ unsentBytes }) => unsentBytes > 0);
    waiting.sort((a, b) => a.progressMs - b.progressMs);
    let left = bytes;
    for (const stream of waiting) {
      if (left <= 0) return;
      left -= stream.unsentBytes;
      stream.cut("too_slow");
    }
  }
}

const singleOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
