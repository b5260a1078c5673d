/**
 * The contract by which serving asks the owners of tokens, wherever they are: workers of this process, or other instances. Serving never sees a
 * partition. Figures are JSON text that the owner made, ready to be put into a response; none is built twice.
 */
import type { TokenCandidate } from "@swapstats/protocol/schemas/problems.ts";
import type { Counters } from "../engine/types.ts";
import type { GzipEnd } from "../shared/gzip-splice.ts";

/**
 * What a selection of a token's statistics consists of. Windows are names of configured windows, without repetition, in the
 * order of the configuration. `fields` empty: all figures; else those named (of protocol's `statsFields`), and always open_time,
 * close_time and complete, which say what the figures stand on.
 */
export type Selection = { readonly windows: readonly string[]; readonly fields: readonly string[] };

/**
 * What the rows of a ranking hold. `windows` empty or absent: `stats`, the figures of the window that the ranking goes by; else `windows`, the
 * figures of these, each once and in the order of the configuration. `fields` as in a Selection.
 */
export type RowSelection = {
  readonly windows?: readonly string[] | undefined;
  readonly fields?: readonly string[] | undefined;
};

/** One of the tokens that a name stands for. */
export type Candidate = TokenCandidate;

/** The name stands for several tokens, of which one was not to be chosen, or could not be. */
export type Ambiguous = {
  readonly kind: "ambiguous";
  /** The most volume first. */
  readonly candidates: readonly Candidate[];
  /** Tokens of the name beside these, at least. */
  readonly more: number;
  /** False: there are so many that the largest is not known. */
  readonly isRanked: boolean;
};

/** What becomes of a name that stands for several tokens. */
export type Preference = "refuse" | "largest";
/** The token was chosen among so many at least. */
export type Chosen = { readonly by: "largest"; readonly of: number };

/** What a door makes of the text of an answer, kept with it so that it is made once. */
export type KeptForms = { gzipEnd: GzipEnd | undefined };

export type TokenAnswer =
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
      /** True: the owner is away, and this is what it answered last, with the as-of of then. */
      readonly stale: boolean;
      /** `"id":..,"symbol":..,"late":..,"removed":..,"unresolved":..,"replaced":..,"removals_unmatched":..,"windows":{..}` without the outer braces. */
      readonly body: string;
      /** Only where the name stands for several tokens. */
      readonly chosen?: Chosen | undefined;
      /** Of an answer that may be given again: the same object for the same body. Undefined: nothing need be kept. */
      readonly kept?: KeptForms | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous
  /** The owner is away, and nothing is known of this token. */
  | { readonly kind: "unavailable" };

export type OverviewRequest = RowSelection & {
  readonly window: string;
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly limit: number;
  /** From the answer before; undefined for the first page. */
  readonly cursor: string | undefined;
};
export type OverviewAnswer = {
  readonly asOf: number;
  readonly epoch: string;
  readonly rev: number;
  /** JSON array text of items {id, symbol, rev, stats} or {id, symbol, rev, windows}. */
  readonly items: string;
  readonly nextCursor: string | undefined;
  /** True: an owner is away, and its rows are those that it gave last; asOf is that of the oldest. */
  readonly stale: boolean;
};

/** Requests about one token whose answer is a text, with what they need beside the token. */
export type TokenRequests = {
  readonly candles: {
    readonly intervalMs: number;
    readonly fromMs: number | undefined;
    readonly toMs: number | undefined;
    readonly limit: number;
  };
  readonly swaps: { readonly limit: number };
};
/** `prefer` undefined: as configured. */
export type TokenRequest = {
  readonly [K in keyof TokenRequests]: {
    readonly kind: K;
    readonly token: string;
    readonly prefer?: Preference | undefined;
  } & TokenRequests[K];
}[keyof TokenRequests];
/** `body`: JSON text of the members behind "id" (and "interval"), such as available_from and items, without the outer braces. */
export type BodyAnswer =
  | {
      readonly kind: "body";
      readonly id: string;
      readonly epoch: string;
      readonly rev: number;
      readonly body: string;
      /** True: the owner is away, and this is what it answered last. */
      readonly stale: boolean;
      /** Only where the name stands for several tokens. */
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
  /** ms; 0 when nothing waits. */
  lag_ms: number;
  seen_since?: number;
  watermark: Record<string, number>;
  checkpoint?: { offset: number; time: number; bytes: number };
  /** Of a topic: whose clock set the arrivals of the records read last; a producer's is trusted to tell swaps from the future. */
  arrival_clock?: "broker" | "producer" | "reader";
  /** `away`: nobody answers for it at the moment; the rest is what was known last. */
  state: "restoring" | "running" | "draining" | "failed" | "away";
  /** Plain sentences for /readyz and status: damaged checkpoints, gaps, refusals. */
  problems: string[];
};
/** One instance as this one sees it. */
export type InstanceStatus = {
  instance: string;
  version: string;
  /** `self`: this one; `live`: heard of lately; `refused`: what it says cannot be read here. */
  state: "self" | "live" | "refused";
  partitions: number[];
};
/** What one partition adds to the sums of a status; of one that has no state yet there is none. */
export type PartitionTotals = { partition: number; epoch: string; counters: Counters; tokens: number };
export type StatusAnswer = {
  partitions: PartitionStatus[];
  counters: Counters;
  tokens: number;
  /** Between instances alone, which count each partition once, whoever tells of it. */
  totals: PartitionTotals[];
  /** Only where there may be several instances. */
  instances?: InstanceStatus[];
  /** Plain sentences that concern no single partition. */
  problems?: string[];
};
/** `own`: the partitions of this process alone. */
export type StatusScope = "all" | "own";

export type DeadLetter = {
  code: string;
  message: string;
  partition: number;
  offset: number;
  arrival: number;
  /** The record's text, cut to 4 KiB, invalid UTF-8 replaced. */
  raw: string;
};

/** `stale`: an owner is away, and only those of the others are here. */
export type DeadLettersAnswer = { readonly items: DeadLetter[]; readonly stale: boolean };

/** Which channel: its kind, and everything that its data depends on. A channel is a stream of one token's or one ranking's figures. */
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
  | (RowSelection & {
      readonly kind: "overview";
      readonly window: string;
      readonly sort: string;
      readonly limit: number;
    });

export type ChannelUpdate = {
  readonly epoch: string;
  readonly rev: number;
  /** The revision that `patch` applies to; undefined for the first update of a subscription. */
  readonly prevRev: number | undefined;
  readonly asOf: number;
  /** Undefined for an overview. */
  readonly watermark: number | undefined;
  readonly lagMs: number;
  /** True: an owner is away, and this is what it told last. A change of `stale` alone comes with the same revision. */
  readonly stale: boolean;
  /** JSON text of the whole data at `rev`. */
  readonly data: string;
  /** JSON text of the RFC 7396 merge patch from prevRev to rev; undefined when prevRev is. */
  readonly patch: string | undefined;
};

export type ChannelOpened =
  | {
      readonly kind: "opened";
      /** The spec that was asked for, with its token by the canonical id. */
      readonly spec: ChannelSpec;
      readonly close: () => void;
      /** Only where the name stands for several tokens. */
      readonly chosen?: Chosen | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous;

export type StatsBus = {
  /**
   * Returns the answer of `tokenStats` for one token when it can be given at once and is exact at this moment (nothing acknowledged is
   * missing; as_of, watermark and lag are current), else undefined: then ask `tokenStats`. Never waits, never throws. It is the hot path of
   * `GET stats`. Serving passes equal selections as the same object, so a bus may key its answers by identity of the selection.
   */
  cachedTokenStats(token: string, selection: Selection): TokenAnswer | undefined;
  /** `prefer` undefined: as configured. */
  tokenStats(tokens: readonly string[], selection: Selection, prefer?: Preference): Promise<TokenAnswer[]>;
  overview(request: OverviewRequest): Promise<OverviewAnswer>;
  tokenBody(request: TokenRequest): Promise<BodyAnswer>;
  deadLetters(limit: number): Promise<DeadLettersAnswer>;
  status(scope: StatusScope): Promise<StatusAnswer>;
  /** Of each canonical id whether a swap has named it. An owner that is away, or does not answer, knows none. Never rejects. */
  areKnown(ids: readonly string[]): Promise<boolean[]>;
  /**
   * Opens a feed of the channel. `onUpdate` gets the whole data once, at once, then an update at most every coalesce_ms whenever the data
   * changed (by swaps or by time). Updates of one feed are in order of revision. The caller shares one subscription among its clients.
   */
  subscribe(spec: ChannelSpec, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened>;
};
