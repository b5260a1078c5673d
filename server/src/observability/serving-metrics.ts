/** The metrics of the doors: WebSocket connections, HTTP requests and budgets. */
import { byLabel, type Family, histogram, type Labels, single } from "./exposition.ts";
import { type HistogramNumbers, PlainHistogram, SHORT_SECONDS } from "./plain-histogram.ts";
import { type StreamNumbers, streamFamilies } from "./stream-numbers.ts";

/** A limit on the resources that all requests hold at the same time. */
export type WatchedBudget = {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly refused: number;
};

export type WebSocketHeld = {
  /** Each holds the figures of one token in one window. */
  readonly rows: number;
  /** Patches and messages kept for clients that are behind. */
  readonly cachedBytes: number;
  /** Channels that stay open for clients that may come back. */
  readonly keptFeeds: number;
  /** Messages that clients have received in part. */
  readonly begunBytes: number;
  /** Tokens that clients wait for and that no swap has named yet. */
  readonly pendingIds: number;
};

/** The numbers that the doors count. */
export type ServingNumbers = {
  readonly wsClients: number;
  readonly wsHeld: () => WebSocketHeld;
  /** Channels that clients asked to resume. */
  readonly wsResumed: () => { readonly recovered: number; readonly lost: number };
  readonly wsConflated: number;
  readonly wsClosed: ReadonlyMap<string, number>;
  readonly wsPushLagSeconds: PlainHistogram;
  readonly streams: readonly StreamNumbers[];
  readonly connectionsDropped: number;
  readonly budgets: readonly WatchedBudget[];
  readonly limited: ReadonlyMap<string, number>;
  readonly limitCalls: ReadonlyMap<string, number>;
  readonly requests: readonly RequestTimes[];
};

export function servingFamilies(serving: ServingNumbers): Family[] {
  const { wsPushLagSeconds, connectionsDropped, budgets, requests } = serving;
  const ofBudgets = (pick: (budget: WatchedBudget) => number) =>
    budgets.map((budget): [string, number] => [budget.name, pick(budget)]);
  return [
    ...webSocketFamilies(serving),
    single(
      "http_connections_dropped_total",
      "counter",
      "Connections refused because there were too many",
      connectionsDropped,
    ),
    byLabel(
      "budget_used",
      "gauge",
      "What requests hold of a budget now",
      "budget",
      ofBudgets(({ used }) => used),
    ),
    byLabel(
      "budget_limit",
      "gauge",
      "What they may hold of it",
      "budget",
      ofBudgets(({ limit }) => limit),
    ),
    byLabel(
      "budget_refused_total",
      "counter",
      "Requests for which a budget had no room",
      "budget",
      ofBudgets(({ refused }) => refused),
    ),
    byLabel(
      "limited_total",
      "counter",
      "Requests that a rate limit refused, by limit; away: its Redis did not respond",
      "reason",
      serving.limited,
    ),
    byLabel(
      "limit_redis_calls_total",
      "counter",
      "Calls to Redis for units of rate limits, by result",
      "result",
      serving.limitCalls,
    ),
    histogram("ws_push_lag_seconds", "Time from the as-of of an update to its socket", [
      { labels: {}, numbers: wsPushLagSeconds.numbers() },
    ]),
    ...streamFamilies(serving.streams),
    histogram(
      "http_request_duration_seconds",
      "Time a request took",
      requests.flatMap((times) => times.all()),
    ),
  ];
}

function webSocketFamilies({ wsClients, wsHeld, wsResumed, wsConflated, wsClosed }: ServingNumbers): Family[] {
  const { rows, pendingIds, cachedBytes, keptFeeds, begunBytes } = wsHeld();
  const { recovered, lost } = wsResumed();
  return [
    single("ws_clients", "gauge", "Open WebSocket connections", wsClients),
    single("ws_rows", "gauge", "Rows of figures that WebSocket channels hold", rows),
    single("ws_pending_tokens", "gauge", "Tokens that WebSocket clients wait for", pendingIds),
    single(
      "ws_kept_channels",
      "gauge",
      "Channels without clients that stay open so that they can be resumed",
      keptFeeds,
    ),
    byLabel(
      "ws_resumed_total",
      "counter",
      "Channels that clients asked to resume, by whether they continued or started with a snapshot",
      "outcome",
      [
        ["recovered", recovered],
        ["lost", lost],
      ],
    ),
    byLabel(
      "ws_held_bytes",
      "gauge",
      "Bytes kept for WebSocket clients that are behind or may come back, or in the middle of a message",
      "kind",
      [
        ["cached", cachedBytes],
        ["begun", begunBytes],
      ],
    ),
    single("ws_conflated_total", "counter", "Updates replaced by newer ones before they were sent", wsConflated),
    byLabel("ws_closed_total", "counter", "WebSocket connections closed, by reason", "reason", wsClosed),
  ];
}

/** Durations of the requests to one route, by status. */
export class RequestTimes {
  readonly #method: string;
  readonly #route: string;
  readonly #byStatus = new Map<number, PlainHistogram>();

  constructor(method: string, route: string) {
    this.#method = method;
    this.#route = route;
  }

  observe(status: number, seconds: number): void {
    let histogram = this.#byStatus.get(status);
    if (histogram === undefined) {
      histogram = new PlainHistogram(SHORT_SECONDS);
      this.#byStatus.set(status, histogram);
    }
    histogram.observe(seconds);
  }

  all(): { readonly labels: Labels; readonly numbers: HistogramNumbers }[] {
    return [...this.#byStatus].map(([status, histogram]) => ({
      labels: { method: this.#method, route: this.#route, status: String(status) },
      numbers: histogram.numbers(),
    }));
  }
}
