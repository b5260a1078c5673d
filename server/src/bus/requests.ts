/**
 * The kinds of requests to workers. A kind is declared here once: its arguments and its response in `RequestTypes`, its rule in `REQUESTS`.
 * Everything else is total over these two, so a new kind does not compile before it has a rule here and a handler in
 * pipeline/workers/worker-server.ts. A request about one token whose response is a text is declared in ports/stats-bus.ts (`TokenRequests`), and the bus
 * asks for it and merges it without further code.
 */
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import type { PartitionMetrics } from "../observability/partition-metrics.ts";
import type {
  ChannelSpec,
  DeadLetter,
  OverviewRequest,
  RowSelection,
  SearchRequest,
  Selection,
  StatusResponse,
  TokenRequests,
} from "../ports/stats-bus.ts";
import type { BodyPart, RankingPart, RankKey, SearchPart, TokenPart } from "./responses.ts";

/**
 * The as-of for a request to several workers. Undefined: the worker chooses. A worker that has already read its tokens in a later step of the
 * finest window responds with its own as-of, unless `forced`.
 */
export type AsOfWish = { readonly asOf: number; readonly forced: boolean } | undefined;

/** A token that several partitions have. Rankings list it from `home` alone, and look-ups return the figures there. */
export type SplitMark = { readonly id: string; readonly home: number };

type OwnRequestTypes = {
  /** Figures of tokens, by id, address or symbol. */
  tokens: {
    arguments: {
      readonly tokens: readonly string[];
      readonly selection: Selection;
      readonly at: AsOfWish;
      /** True: for a name of several tokens, the response has the token with the most volume. */
      readonly choose?: boolean | undefined;
    };
    response: { readonly asOf: number; readonly items: readonly TokenPart[] };
  };
  /** One page of a ranking. */
  overview: {
    arguments: {
      readonly request: Omit<OverviewRequest, "cursor"> & RowSelection;
      readonly after: RankKey | undefined;
      readonly at: AsOfWish;
    };
    response: RankingPart;
  };
  /** The tokens with the most volume whose id, address or symbol begins with or holds a text. */
  search: { arguments: SearchRequest; response: SearchPart };
  /** The market: a row with the sums of each partition. */
  market: { arguments: { readonly at: AsOfWish }; response: RankingPart };
  /**
   * A page of a query of the screener: the first one, or the rows from `position` on in the order that the worker keeps under `order`.
   * The worker keeps the order of the first page if it has further rows, or if rows of other workers may come before some of its rows.
   */
  screener: {
    arguments: {
      readonly query: ScreenerQuery;
      readonly order: string;
      readonly position: number | undefined;
      /** Whether other workers have rows, too. */
      readonly isPart: boolean;
      readonly at: AsOfWish;
    };
    response: RankingPart;
  };
  /** Opens a feed. Its whole data follows the response, as its first update. */
  open: { arguments: { readonly feedId: number; readonly spec: ChannelSpec }; response: null };
  /** What the worker's partitions add to the history: parts as JSON (history-text.ts). The query is JSON, too. */
  history: { arguments: { readonly query: string; readonly size: number }; response: { readonly body: string } };
  dead_letters: { arguments: { readonly limit: number }; response: readonly DeadLetter[] };
  status: { arguments: unknown; response: StatusResponse };
  metrics: { arguments: unknown; response: readonly PartitionMetrics[] };
  /** The next tokens that are marked as split, or that are not in the partition of their id; see placement-check.ts. */
  misplaced: { arguments: { readonly partitions: number }; response: readonly string[] };
  /** For each of these tokens, the worker's partitions that have it. */
  placements: {
    arguments: { readonly ids: readonly string[] };
    response: { readonly served: readonly number[]; readonly places: readonly (readonly number[])[] };
  };
  /** Tokens that several partitions have, and tokens that only one has. */
  split: { arguments: { readonly split: readonly SplitMark[]; readonly whole: readonly string[] }; response: null };
};

/** Requests about one token whose response is a text. */
type BodyRequestTypes = {
  [K in keyof TokenRequests]: {
    arguments: TokenRequests[K] & { readonly token: string; readonly choose?: boolean | undefined };
    response: BodyPart;
  };
};

type RequestTypes = OwnRequestTypes & BodyRequestTypes;
export type RequestKind = keyof RequestTypes;
export type RequestOf<K extends RequestKind> = { readonly kind: K } & RequestTypes[K]["arguments"];
export type WorkerRequest = { [K in RequestKind]: RequestOf<K> }[RequestKind];
export type WorkerResponses = { [K in RequestKind]: RequestTypes[K]["response"] };

/** Work of one lane runs in order, and lanes take turns: see pipeline/thread-share.ts. */
export type RequestLane =
  | "stats"
  | "batch"
  | "overview"
  | "screener"
  | "candles"
  | "swaps"
  | "lookup"
  | "history"
  | "service"
  | "placement";

type RequestRule<R> = {
  /** Whether other instances may send it. */
  readonly isForPeers: boolean;
  readonly lane: (request: R) => RequestLane;
  /** Share of the memory of waiting work, in tokens. */
  readonly weight: (request: R) => number;
  /** Largest number of rows or tokens in the response. From LONG_FROM on the request is a long one. */
  readonly length: (request: R) => number;
};

/** Number of tokens or rows from which a request is a long one. */
export const LONG_FROM = 50;
/** Largest number of tokens of a request in the light lane. */
const LIGHT_TOKENS_MAX = 8;
/** Weight of a ranking without its rows. */
const RANKING_WEIGHT = 16;

const one = (): number => 1;
const limit = (request: { readonly limit: number }): number => request.limit;

const REQUESTS: { readonly [K in RequestKind]: RequestRule<RequestOf<K>> } = {
  tokens: {
    isForPeers: true,
    lane: ({ tokens }) => (tokens.length <= LIGHT_TOKENS_MAX ? "stats" : "batch"),
    weight: ({ tokens }) => tokens.length,
    length: ({ tokens }) => tokens.length,
  },
  overview: {
    isForPeers: true,
    lane: () => "overview",
    weight: ({ request }) => RANKING_WEIGHT + request.limit,
    length: ({ request }) => request.limit * Math.max(1, request.windows?.length ?? 0),
  },
  search: { isForPeers: true, lane: () => "overview", weight: () => RANKING_WEIGHT, length: limit },
  market: { isForPeers: true, lane: () => "overview", weight: () => RANKING_WEIGHT, length: one },
  screener: {
    isForPeers: true,
    lane: () => "screener",
    weight: ({ query }) => RANKING_WEIGHT + query.limit,
    length: ({ query }) => query.limit * query.windows.length,
  },
  candles: { isForPeers: true, lane: () => "candles", weight: one, length: limit },
  swaps: { isForPeers: true, lane: () => "swaps", weight: one, length: one },
  open: { isForPeers: false, lane: () => "lookup", weight: one, length: one },
  history: { isForPeers: true, lane: () => "history", weight: ({ size }) => size, length: ({ size }) => size },
  dead_letters: { isForPeers: true, lane: () => "service", weight: one, length: limit },
  status: { isForPeers: true, lane: () => "service", weight: one, length: one },
  metrics: { isForPeers: false, lane: () => "service", weight: one, length: one },
  misplaced: { isForPeers: false, lane: () => "placement", weight: one, length: one },
  placements: { isForPeers: true, lane: () => "placement", weight: one, length: one },
  split: { isForPeers: true, lane: () => "placement", weight: one, length: one },
};

/** Returns the rule of a request of a known kind. */
export function ruleOf(request: WorkerRequest): RequestRule<WorkerRequest> {
  return REQUESTS[request.kind] as RequestRule<WorkerRequest>;
}

/** Returns whether another instance may send this value, which may be anything. */
export function isForPeers(request: { readonly kind: string }): boolean {
  return Object.hasOwn(REQUESTS, request.kind) && REQUESTS[request.kind as RequestKind].isForPeers;
}
