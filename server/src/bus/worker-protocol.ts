/**
 * What the main thread and the worker threads that own partitions say to each other. One message carries all requests
 * of one turn of the event loop, because a message costs 2 to 3 microseconds whatever it carries.
 */
import type { PartitionMetrics } from "../observability/metrics.ts";
import type { Candidate, DeadLetter, OverviewRequest, Selection, StatusAnswer, Topic } from "../ports/stats-bus.ts";
import type { ErrorCode } from "../shared/errors.ts";

/**
 * The as-of at which a request that goes to several hosts is to be answered; undefined lets the host choose. A host whose
 * tokens were already looked at in a later step of the finest window answers at its own as-of and says so, unless `forced`.
 */
export type AsOfWish = { readonly asOf: number; readonly forced: boolean } | undefined;

/** How a name was found; a lower tier goes before a higher one. */
export type LookupTier = "id" | "token" | "symbol";
export const LOOKUP_TIERS: readonly LookupTier[] = ["id", "token", "symbol"];

/** Tokens that an ambiguous name lists: anybody may give a thousand tokens one symbol. */
export const LOOKUP_IDS_MAX = 20;

/** What one host finds under a name in its partitions, of the first tier that hits. */
export type NameLookup = {
  readonly tier: LookupTier;
  /** At most LOOKUP_IDS_MAX, the most volume first. */
  readonly ids: readonly string[];
  /** The same with what tells them apart; absent for an id. */
  readonly candidates?: readonly Candidate[] | undefined;
  /** Tokens of the name beside these, at least. */
  readonly more?: number | undefined;
  /** False: there are so many that the one with the most volume is not known. */
  readonly isRanked?: boolean | undefined;
};

/** Lets the main thread serve an answer again while nothing has changed: where to look, and what was there. */
export type AnswerTicket = {
  readonly partition: number;
  readonly token: number;
  readonly slot: number;
  readonly generation: bigint;
  readonly chainIndex: number;
  readonly graceMs: number;
  /** The answer holds for an as-of below this one. */
  readonly validUntil: number;
};

export type TokenPart = {
  /** Undefined: unknown here. With more than one id nothing else is given, unless one was to be chosen. */
  readonly lookup: NameLookup | undefined;
  readonly stats:
    | {
        readonly epoch: string;
        readonly rev: number;
        readonly asOf: number;
        readonly watermark: number;
        readonly lagMs: number;
        readonly body: string;
        readonly ticket: AnswerTicket;
      }
    | undefined;
};

/** The place behind which a page begins: the sort value as served (undefined: the figure is absent) and the id. */
export type RankKey = { readonly value: string | undefined; readonly id: string };

/** One row of a ranking with what is needed to merge it with the rows of other hosts. */
export type RankedRow = { readonly key: RankKey; readonly partition: number; readonly json: string };

/** A partition that an answer about all tokens of a host covers, and the revision of its tokens as a whole. */
export type PartRevision = { readonly partition: number; readonly epoch: string; readonly rev: number };

/** The place of a row of a ranking topic, and the partition that it is of. */
export type RankedKey = RankKey & { readonly partition: number };

export type RankingPart = {
  readonly asOf: number;
  readonly epoch: string;
  readonly rev: number;
  readonly parts: readonly PartRevision[];
  readonly rows: readonly RankedRow[];
  /** True when there are rows behind the last one. */
  readonly more: boolean;
};

export type BodyPart = {
  readonly lookup: NameLookup | undefined;
  readonly found:
    | { readonly partition: number; readonly epoch: string; readonly rev: number; readonly body: string }
    | undefined;
};

export type WorkerRequest =
  | {
      readonly kind: "tokens";
      readonly tokens: readonly string[];
      readonly selection: Selection;
      readonly at: AsOfWish;
      /** True: where a name stands for several tokens of the host, figures of the one with the most volume come with them. */
      readonly choose?: boolean | undefined;
    }
  | {
      readonly kind: "overview";
      readonly request: Omit<OverviewRequest, "cursor">;
      readonly after: RankKey | undefined;
      readonly at: AsOfWish;
    }
  | {
      readonly kind: "candles";
      readonly token: string;
      readonly intervalMs: number;
      readonly fromMs: number | undefined;
      readonly toMs: number | undefined;
      readonly limit: number;
      readonly choose?: boolean | undefined;
    }
  | {
      readonly kind: "swaps";
      readonly token: string;
      readonly limit: number;
      readonly choose?: boolean | undefined;
    }
  | { readonly kind: "lookup"; readonly token: string }
  /** The topic's whole data follows the answer, as its first update. */
  | { readonly kind: "open"; readonly topicId: number; readonly topic: Topic }
  | { readonly kind: "dead_letters"; readonly limit: number }
  | { readonly kind: "status" }
  /** The next tokens that are marked as split, or not where their id belongs among so many partitions; see placement-check.ts. */
  | { readonly kind: "misplaced"; readonly partitions: number }
  /** In which partitions of the host each of these is. */
  | { readonly kind: "placements"; readonly ids: readonly string[] }
  /** What is in several partitions of the topic, with the partition that speaks for each, and what is in one alone. */
  | { readonly kind: "split"; readonly split: readonly SplitMark[]; readonly whole: readonly string[] }
  | { readonly kind: "metrics" };

/** A token that several partitions have. In rankings `home` alone lists it, and look-ups answer with the figures there. */
export type SplitMark = { readonly id: string; readonly home: number };

export type WorkerResponses = {
  tokens: { readonly asOf: number; readonly items: readonly TokenPart[] };
  overview: RankingPart;
  candles: BodyPart;
  swaps: BodyPart;
  lookup: NameLookup | undefined;
  open: null;
  dead_letters: readonly DeadLetter[];
  status: StatusAnswer;
  misplaced: readonly string[];
  placements: { readonly served: readonly number[]; readonly places: readonly (readonly number[])[] };
  split: null;
  metrics: readonly PartitionMetrics[];
};

export type RequestOf<K extends WorkerRequest["kind"]> = Extract<WorkerRequest, { kind: K }>;

export type WireError = { readonly code: ErrorCode; readonly message: string; readonly retryable: boolean };

/** A topic as a host serves it: a token by its canonical id, or its part of a ranking. */
export type { Topic } from "../ports/stats-bus.ts";

/** A host's news of one topic. For a ranking of several hosts `rows` replaces data and patch. */
export type FeedUpdate = {
  readonly topicId: number;
  readonly epoch: string;
  readonly rev: number;
  readonly prevRev: number | undefined;
  readonly asOf: number;
  readonly watermark: number | undefined;
  readonly lagMs: number;
  readonly data: string;
  readonly patch: string | undefined;
  /** Sort keys of the rows of a ranking in their order; undefined for a token. */
  readonly keys: readonly RankedKey[] | undefined;
  /** The partition of the token, or all that the ranking covers. */
  readonly parts: readonly PartRevision[];
};

/** Characters of an update, by which both ends count what is on its way. */
export function updateChars({ data, patch }: FeedUpdate): number {
  return data.length + (patch?.length ?? 0);
}

/** `deadlineMs`: by the wall clock; nobody waits for the answer any more. */
export type RequestItem = { readonly id: number; readonly request: WorkerRequest; readonly deadlineMs: number };

export type ToWorker =
  | { readonly type: "requests"; readonly items: readonly RequestItem[] }
  | { readonly type: "close"; readonly topicId: number }
  /** So many characters of updates were taken; the host makes no more while too many are on their way. */
  | { readonly type: "taken"; readonly chars: number };

export type FromWorker =
  | {
      readonly type: "answers";
      readonly items: readonly (
        | { readonly id: number; readonly answer: WorkerResponses[WorkerRequest["kind"]] }
        | { readonly id: number; readonly error: WireError }
      )[];
    }
  | { readonly type: "updates"; readonly items: readonly FeedUpdate[] }
  /** The host has let the tokens of these topics go; nothing more comes. */
  | { readonly type: "gone"; readonly topicIds: readonly number[] };
