/**
 * The kinds of requests to workers. A kind is declared here once: its arguments and its response in `RequestTypes`, its rule in `REQUESTS`.
 * Everything else is total over these two, so a new kind does not compile before it has a rule here and a handler in
 * pipeline/workers/worker-server.ts. A request about one token whose response is a text is declared in ports/stats-bus.ts (`TokenRequests`), and the bus
 * asks for it and merges it without further code.
 */
import type { PartitionMetrics } from "../observability/partition-metrics.ts";
import type {
  ChannelSpec,
  DeadLetter,
  OverviewRequest,
  RowSelection,
  Selection,
  StatusResponse,
  TokenRequests,
} from "../ports/stats-bus.ts";
import type { BodyPart, RankingPart, RankKey, TokenPart } from "./responses.ts";

/**
 * The as-of at which a request to several workers is to be answered. Undefined lets the worker choose. A worker that already looked at its
 * tokens in a later step of the finest window answers at its own as-of, unless `forced`.
 */
export type AsOfWish = { readonly asOf: number; readonly forced: boolean } | undefined;

/** A token that several partitions have. Rankings list it from `home` alone, and look-ups return the figures there. */
export type SplitMark = { readonly id: string; readonly home: number };

type OwnRequestTypes = {
  /** Figures of tokens, by whatever a client writes. */
  tokens: {
    arguments: {
      readonly tokens: readonly string[];
      readonly selection: Selection;
      readonly at: AsOfWish;
      /** True: a name of several tokens returns the figures of the token with the most volume. */
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
  /** Opens a feed. Its whole data follows the response, as its first update. */
  open: { arguments: { readonly feedId: number; readonly spec: ChannelSpec }; response: null };
  dead_letters: { arguments: { readonly limit: number }; response: readonly DeadLetter[] };
  status: { arguments: unknown; response: StatusResponse };
  metrics: { arguments: unknown; response: readonly PartitionMetrics[] };
  /** The next tokens that are marked as split, or that are not where their id belongs; see placement-check.ts. */
  misplaced: { arguments: { readonly partitions: number }; response: readonly string[] };
  /** The worker's partitions that have each of these tokens. */
  placements: {
    arguments: { readonly ids: readonly string[] };
    response: { readonly served: readonly number[]; readonly places: readonly (readonly number[])[] };
  };
  /** Tokens of several partitions, and tokens of one alone. */
  split: { arguments: { readonly split: readonly SplitMark[]; readonly whole: readonly string[] }; response: null };
};

/** Requests about one token that are answered by a text. */
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
export type RequestLane = "stats" | "batch" | "overview" | "candles" | "swaps" | "lookup" | "service" | "placement";

type RequestRule<R> = {
  /** Other instances may send it. */
  readonly isForPeers: boolean;
  readonly lane: (request: R) => RequestLane;
  /** Share of the memory of waiting work, in tokens. */
  readonly weight: (request: R) => number;
  /** Rows or tokens that the response holds at most: from LONG_FROM on it is a long one. */
  readonly length: (request: R) => number;
};

/** Tokens or rows from which on a request is a long one. */
export const LONG_FROM = 50;
/** Tokens of a request that still goes with the light ones. */
const LIGHT_TOKENS_MAX = 8;
/** Weight of a ranking beside its rows. */
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
  candles: { isForPeers: true, lane: () => "candles", weight: one, length: limit },
  swaps: { isForPeers: true, lane: () => "swaps", weight: one, length: one },
  open: { isForPeers: false, lane: () => "lookup", weight: one, length: one },
  dead_letters: { isForPeers: true, lane: () => "service", weight: one, length: limit },
  status: { isForPeers: true, lane: () => "service", weight: one, length: one },
  metrics: { isForPeers: false, lane: () => "service", weight: one, length: one },
  misplaced: { isForPeers: false, lane: () => "placement", weight: one, length: one },
  placements: { isForPeers: true, lane: () => "placement", weight: one, length: one },
  split: { isForPeers: true, lane: () => "placement", weight: one, length: one },
};

/** The rule of a request, whose kind the table knows. */
export function ruleOf(request: WorkerRequest): RequestRule<WorkerRequest> {
  return REQUESTS[request.kind] as RequestRule<WorkerRequest>;
}

/** Whether another instance may send this, whatever it sent. */
export function isForPeers(request: { readonly kind: string }): boolean {
  return Object.hasOwn(REQUESTS, request.kind) && REQUESTS[request.kind as RequestKind].isForPeers;
}
