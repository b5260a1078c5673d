/**
 * The contract by which serving sends requests to the owners of tokens: workers of this process, or other instances. Serving never sees
 * a partition. The owner renders figures as JSON text, which goes into a response as it is.
 */
import type { CandleInterval } from "@swapstats/protocol/limits.ts";
import type { TokenCandidate } from "@swapstats/protocol/schemas/problems.ts";
import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
import type { ScreenerQuery, Spark } from "@swapstats/protocol/screener/query.ts";
import type { Counters } from "../engine/types.ts";
import type { GzipEnd } from "../shared/gzip-splice.ts";
import type { OwnedPart, OwnedQuery } from "./owned-history.ts";

/**
 * A selection of a token's statistics. `windows` are names of configured windows, without repetition, in the order of the configuration.
 * `fields` are names of protocol's `statsFields`; open_time, close_time and complete are always included. Without any name all figures are
 * selected.
 */
export type Selection = { readonly windows: readonly string[]; readonly fields: readonly string[] };

/**
 * The content of the rows of a ranking. With `windows` a row has the member `windows`: the figures of these windows, each once and in the
 * order of the configuration. Without it a row has `stats`: the figures of the window by which the ranking is sorted. `fields` is as in a
 * Selection.
 */
export type RowSelection = {
  readonly windows?: readonly string[] | undefined;
  readonly fields?: readonly string[] | undefined;
  /** With it a row has the member `spark`: values of one figure over a window. */
  readonly spark?: Spark | undefined;
};

/** One of the tokens that have a name in common. */
export type Candidate = TokenCandidate;

/** The name stands for several tokens, and the request did not choose the largest, or the largest is not known. */
export type Ambiguous = {
  readonly kind: "ambiguous";
  /** Descending by volume. */
  readonly candidates: readonly Candidate[];
  /** Lower bound for the number of further tokens with this name. */
  readonly more: number;
  /** False when there are so many that the largest is not known. */
  readonly isRanked: boolean;
};

/** How to handle a name that stands for several tokens. */
export type Preference = "refuse" | "largest";
/** How the token was chosen. `of`: lower bound for the number of tokens with the name. */
export type Chosen = { readonly by: "largest"; readonly of: number };

/** Encoded forms of a response's text. A door keeps them with the response and makes each only once. */
export type KeptForms = { gzipEnd: GzipEnd | undefined };

export type TokenResponse =
  | {
      readonly kind: "stats";
      /** Canonical id. */
      readonly id: string;
      readonly epoch: string;
      readonly rev: number;
      readonly asOf: number;
      /** Absent while the chain has no high (cannot happen for a known token). */
      readonly watermark: number;
      readonly lagMs: number;
      /** True when the owner is away. This is then its last known response, with the as-of of that response. */
      readonly stale: boolean;
      /** `"id":..,"symbol":..,"late":..,"removed":..,"unresolved":..,"replaced":..,"removals_unmatched":..,"windows":{..}` without the outer braces. */
      readonly body: string;
      /** Present only when the name stands for several tokens. */
      readonly chosen?: Chosen | undefined;
      /** The same object for the same body, in a response that may be sent again. Undefined in all others. */
      readonly kept?: KeptForms | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous
  /** The owner is away, and no response about this token is known. */
  | { readonly kind: "unavailable" };

export type OverviewRequest = RowSelection & {
  readonly window: string;
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly limit: number;
  /** `nextCursor` of the previous response. Undefined for the first page. */
  readonly cursor: string | undefined;
};
export type OverviewResponse = {
  readonly asOf: number;
  readonly epoch: string;
  readonly rev: number;
  /** JSON array text of items {id, symbol, rev, stats} or {id, symbol, rev, windows}. */
  readonly items: string;
  readonly nextCursor: string | undefined;
  /** True when an owner is away. Its rows are then those of its last response, and asOf is that of the oldest row. */
  readonly stale: boolean;
};

export type SearchRequest = {
  /** The beginning of an id, an address or a symbol, or a part of a symbol. */
  readonly query: string;
  /** Undefined: of all chains. */
  readonly chainId: number | undefined;
  readonly limit: number;
};
export type SearchResponse = {
  readonly asOf: number;
  /** Tokens whose id, address or symbol begins with the text, then those whose symbol holds it elsewhere; in both, the most volume first. */
  readonly items: readonly Candidate[];
  /** True when an owner is away. Its tokens are missing. */
  readonly stale: boolean;
};

export type MarketRequest = { readonly windows: readonly string[] };
export type MarketResponse = {
  readonly asOf: number;
  readonly epoch: string;
  readonly rev: number;
  /** JSON text of the members tokens_active, windows and chains, without the outer braces. */
  readonly body: string;
  /** True when an owner is away. Its part is then the last known one, and asOf is that of the oldest part. */
  readonly stale: boolean;
};

export type ScreenerRequest = {
  readonly query: ScreenerQuery;
  /** `nextCursor` of the previous response. Undefined for the first page. */
  readonly cursor: string | undefined;
};
/** `items`: JSON array text of items {id, symbol, rev, windows, spark}. The rest is as in the response of a ranking. */
export type ScreenerResponse = OverviewResponse;

/** Parameters of the requests about one token whose response is a text, without the token. */
export type TokenRequests = {
  readonly candles: {
    readonly intervalMs: number;
    readonly fromMs: number | undefined;
    readonly toMs: number | undefined;
    readonly limit: number;
  };
  readonly swaps: { readonly limit: number };
};
/** A request about one token. `prefer` undefined: as configured. */
export type TokenRequest = {
  readonly [K in keyof TokenRequests]: {
    readonly kind: K;
    readonly token: string;
    readonly prefer?: Preference | undefined;
  } & TokenRequests[K];
}[keyof TokenRequests];
/** Response about one token. `body`: JSON text of the members behind "id" (and "interval"), without the outer braces. */
export type BodyResponse =
  | {
      readonly kind: "body";
      readonly id: string;
      readonly epoch: string;
      readonly rev: number;
      readonly body: string;
      /** True when the owner is away. This is then its last known response. */
      readonly stale: boolean;
      /** Present only when the name stands for several tokens. */
      readonly chosen?: Chosen | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous
  | { readonly kind: "unavailable" };

export type PartitionStatus = {
  partition: number;
  owner: string;
  epoch: string;
  next_offset: number;
  end_offset: number;
  lag: number;
  /** Age of the oldest waiting record in ms; 0 when none waits. */
  lag_ms: number;
  seen_since?: number;
  watermark: Record<string, number>;
  checkpoint?: { offset: number; time: number; bytes: number };
  /** Clock that set the arrivals of the records read last, for a topic. With a producer's clock, `max_skew` depends on that clock. */
  arrival_clock?: "broker" | "producer" | "reader";
  /** With a mapping: records that were mapped and swaps that `when` left out, since the partition was taken over. */
  mapping?: { records: number; skipped: number };
  /** `away`: no instance serves the partition now; the other members are the last known ones. */
  state: "restoring" | "running" | "draining" | "failed" | "away";
  /** Plain sentences for /readyz and status: damaged checkpoints, gaps, refusals. */
  problems: string[];
};
/** The status of one instance. */
export type InstanceStatus = {
  instance: string;
  version: string;
  /** `self`: this instance; `live`: its messages arrive; `refused`: this version cannot read its messages. */
  state: "self" | "live" | "refused";
  partitions: number[];
};
/** The share of one partition in the sums of a status. A partition without a state has none. */
export type PartitionTotals = { partition: number; epoch: string; counters: Counters; tokens: number };
export type StatusResponse = {
  partitions: PartitionStatus[];
  counters: Counters;
  tokens: number;
  /** Used between instances only: the receiver counts each partition once, even if several instances report it. */
  totals: PartitionTotals[];
  /** Circuits of each instance. Its threads have circuits of their own; the worst counts. Instances of earlier builds do not have this member. */
  circuits?: CircuitStatus[];
  /** Present only when there may be several instances. */
  instances?: InstanceStatus[];
  /** Plain sentences that concern no single partition. */
  problems?: string[];
};
/** `own`: only the partitions of this process. */
export type StatusScope = "all" | "own";

export type DeadLetter = {
  code: string;
  message: string;
  /** Negative for the record of a feeder; `offset` is then its number. */
  partition: number;
  offset: number;
  /** Name of the feeder that read the record. */
  feeder?: string;
  arrival: number;
  /** The record's text, cut to 4 KiB, invalid UTF-8 replaced. */
  raw: string;
  /** The same bytes in base64. Absent if they are UTF-8. */
  raw_base64?: string;
};

/** `stale`: an owner is away, and its dead letters are missing. */
export type DeadLettersResponse = { readonly items: DeadLetter[]; readonly stale: boolean };

/**
 * Identifies a channel: its kind, and everything that its data depends on. `asText` is between the bus and the only worker, whose rows are not
 * merged: they are sent as one text. A channel is about one token, one ranking, or all tokens.
 */
export type ChannelSpec =
  | {
      readonly kind: "token";
      readonly token: string;
      readonly windows: readonly string[];
      /** As in a Selection; absent: all. */
      readonly fields?: readonly string[] | undefined;
      /** Undefined: as configured. */
      readonly prefer?: Preference | undefined;
    }
  | {
      /** The newest `limit` candles of a token. */
      readonly kind: "candles";
      readonly token: string;
      readonly interval: CandleInterval;
      readonly limit: number;
      readonly prefer?: Preference | undefined;
    }
  | {
      /** The newest `limit` swaps of a token that count, and then which begin and cease to count. */
      readonly kind: "swaps";
      readonly token: string;
      readonly limit: number;
      readonly prefer?: Preference | undefined;
    }
  | (RowSelection & {
      readonly kind: "overview";
      readonly window: string;
      readonly sort: string;
      /** Absent: desc. */
      readonly order?: "asc" | "desc" | undefined;
      readonly limit: number;
      readonly asText?: boolean | undefined;
    })
  | {
      /** Sums over all tokens. */
      readonly kind: "market";
      readonly windows: readonly string[];
    }
  | {
      readonly kind: "screener";
      readonly query: ScreenerQuery;
      /** That of the query. */
      readonly limit: number;
      readonly asText?: boolean | undefined;
    };

/** Items of a log, such as the swaps of a token that begin and cease to count. Each has the next number. */
export type LogPart = {
  /** The number at which the owner began to follow the log. Nothing is known of the items up to it. */
  readonly from: number;
  /** JSON texts of items in their order. The last one has the number `rev` of the update. */
  readonly items: readonly string[];
};

export type ChannelUpdate = {
  readonly epoch: string;
  readonly rev: number;
  /** The revision that `patch` applies to; undefined for the first update of a subscription. */
  readonly prevRev: number | undefined;
  readonly asOf: number;
  /** Undefined for an overview. */
  readonly watermark: number | undefined;
  readonly lagMs: number;
  /** True when an owner is away. This is then its last known data. A change of `stale` alone has the same revision. */
  readonly stale: boolean;
  /** JSON text of the whole data at `rev`. Empty in an update of a log that has only further items. */
  readonly data: string;
  /** JSON text of the RFC 7396 merge patch from prevRev to rev; undefined when prevRev is. */
  readonly patch: string | undefined;
  /** Of a channel that is a log: the newest items. `rev` is then the number of the newest. */
  readonly log?: LogPart | undefined;
};

export type ChannelOpened =
  | {
      readonly kind: "opened";
      /** The requested spec, with the canonical id of its token. */
      readonly spec: ChannelSpec;
      readonly close: () => void;
      /** Present only when the name stands for several tokens. */
      readonly chosen?: Chosen | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous;

export type StatsBus = {
  /** Resolves with the answer of the owner of every partition. Rejects with `unavailable` while one is away. */
  ownedHistory(query: OwnedQuery): Promise<readonly OwnedPart[]>;
  /**
   * Returns the response of `tokenStats` for one token if it is known and exact now: it includes every acknowledged swap, and as_of,
   * watermark and lag are current. Returns undefined otherwise; the caller then uses `tokenStats`. Never waits, never throws. This is the
   * hot path of `GET stats`. Serving passes equal selections as the same object, and a bus may use the object's identity as a key.
   */
  cachedTokenStats(token: string, selection: Selection): TokenResponse | undefined;
  /** `prefer` undefined: as configured. */
  tokenStats(tokens: readonly string[], selection: Selection, prefer?: Preference): Promise<TokenResponse[]>;
  overview(request: OverviewRequest): Promise<OverviewResponse>;
  search(request: SearchRequest): Promise<SearchResponse>;
  market(request: MarketRequest): Promise<MarketResponse>;
  /** Rejects with `bad_request` for a cursor of another query, and with `cursor_expired` for one whose order is no longer kept. */
  screener(request: ScreenerRequest): Promise<ScreenerResponse>;
  tokenBody(request: TokenRequest): Promise<BodyResponse>;
  deadLetters(limit: number): Promise<DeadLettersResponse>;
  status(scope: StatusScope): Promise<StatusResponse>;
  /**
   * Resolves with whether a swap has named each of these canonical ids. The result is false for ids of an owner that is away or does not
   * respond. Never rejects.
   */
  areKnown(ids: readonly string[]): Promise<boolean[]>;
  /**
   * Opens a feed of the channel. The first call of `onUpdate` comes at once and has the whole data. Later calls come when the data has
   * changed (by swaps or by time), at most once every coalesce_ms. Updates of one feed are in the order of their revisions. The caller
   * shares one subscription among its clients.
   */
  subscribe(spec: ChannelSpec, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened>;
};
