/**
 * The responses of workers. A bus of the same process and another instance get the same form. Figures are JSON text from the worker, which is not
 * parsed on its way to the door.
 */
import type { Candidate, LogPart } from "../ports/stats-bus.ts";

/** How a name was found. A lower tier goes before a higher one. */
export type LookupTier = "id" | "token" | "symbol";
export const LOOKUP_TIERS: readonly LookupTier[] = ["id", "token", "symbol"];

/** Largest number of tokens listed for an ambiguous name. A thousand tokens may have the same symbol. */
export const LOOKUP_IDS_MAX = 20;

/** The hits of one worker for a name, in the first tier with a hit. */
export type NameLookup = {
  readonly tier: LookupTier;
  /** At most LOOKUP_IDS_MAX ids, by descending volume. */
  readonly ids: readonly string[];
  /** The same tokens with symbol, chain and volume. Absent for an id. */
  readonly candidates?: readonly Candidate[] | undefined;
  /** Lower bound for the number of further tokens with the name. */
  readonly more?: number | undefined;
  /** False when there are so many that the one with the most volume is not known. */
  readonly isRanked?: boolean | undefined;
};

/**
 * The response of one worker about one text. `lookup` is undefined if the worker knows no token with this name (null after a transfer as JSON).
 * With more than one id there is no `found`, unless the request chose the largest.
 */
export type Part<Found> = { readonly lookup: NameLookup | undefined | null; readonly found: Found | undefined };

/** Revision of a token in its partition. */
export type FoundAt = { readonly partition: number; readonly epoch: string; readonly rev: number };

/** Lets the main thread reuse figures while they are unchanged: the slot of the version board, and its value. */
export type ResponseTicket = {
  readonly token: number;
  readonly slot: number;
  readonly generation: bigint;
  readonly chainIndex: number;
  readonly graceMs: number;
  /** The figures are valid for an as-of below this one. */
  readonly validUntil: number;
};

export type FoundStats = FoundAt & {
  readonly asOf: number;
  readonly watermark: number;
  readonly lagMs: number;
  readonly body: string;
  /** Undefined from another instance, because this process cannot read its board. */
  readonly ticket?: ResponseTicket | undefined;
};
export type FoundBody = FoundAt & { readonly body: string };

export type TokenPart = Part<FoundStats>;
export type BodyPart = Part<FoundBody>;

/**
 * The place of a row: the sort value as served (undefined: the figure is absent), then the id. A query of the screener with several sorts
 * has the further values in `more` (null: the figure is absent).
 */
export type RankKey = {
  readonly value: string | undefined;
  readonly id: string;
  readonly more?: readonly (string | null)[];
};
/** A row of a ranking, with the key for merging it with rows of other workers. */
export type RankedRow = { readonly key: RankKey; readonly partition: number; readonly json: string };

/** A partition that a response about all tokens of a worker covers, and the revision of its tokens as a whole. */
export type PartRevision = FoundAt;

export type RankingPart = {
  readonly asOf: number;
  readonly parts: readonly PartRevision[];
  readonly rows: readonly RankedRow[];
  /** True when there are rows behind the last one. */
  readonly more: boolean;
};

/** A token that a search found. `tier` 0: its id, address or symbol begins with the text; 1: its symbol holds it elsewhere. */
export type SearchRow = { readonly tier: number; readonly candidate: Candidate };
export type SearchPart = { readonly asOf: number; readonly rows: readonly SearchRow[] };

/**
 * An update of a feed, from its owner to the door. A token's feed has `data`; a ranking's has `rows`, unless it was opened with `asText`, whose `json` is the value under the
 * token's id, so that rankings of several workers are merged without parsing.
 */
export type FeedUpdate = {
  readonly epoch: string;
  readonly rev: number;
  /** The revision that `patch` applies to. Undefined for the first update. */
  readonly prevRev: number | undefined;
  readonly asOf: number;
  /** Undefined for a ranking. */
  readonly watermark: number | undefined;
  readonly lagMs: number;
  /** JSON text of the whole data. Undefined in an update with `rows`, and in one of a log that has only further items. */
  readonly data: string | undefined;
  /** In the order of the ranking. Undefined for a token. */
  readonly rows: readonly RankedRow[] | undefined;
  /** JSON text of the merge patch (RFC 7396) from prevRev to rev. */
  readonly patch: string | undefined;
  /** Of a log, whose `rev` is the number of its newest item. */
  readonly log?: LogPart | undefined;
  /** The partition of the token, or all partitions that the ranking covers. */
  readonly parts: readonly PartRevision[];
};

/** Returns the whole data of an update as JSON text; empty for one of a log that has only further items. */
export function dataText({ data, rows, log }: Pick<FeedUpdate, "data" | "rows" | "log">): string {
  if (log !== undefined) return data ?? "";
  return data ?? rowsText(rows ?? []);
}

/** Returns the whole data of a ranking: the order, and each row by its id. */
export function rowsText(rows: readonly RankedRow[]): string {
  const order = rows.map(({ key }) => JSON.stringify(key.id));
  return `{"order":[${order.join(",")}],"rows":{${rows.map(({ json }, at) => `${order[at]}:${json}`).join(",")}}}`;
}

/** Returns the characters of an update. Both ends count the updates in transit by them. */
export function updateChars({ data, rows, patch, log }: FeedUpdate): number {
  const rowChars = rows?.reduce((sum, { json }) => sum + json.length, 0) ?? 0;
  const logChars = log?.items.reduce((sum, item) => sum + item.length, 0) ?? 0;
  return (data?.length ?? 0) + rowChars + (patch?.length ?? 0) + logChars;
}

export function epochOfParts(parts: readonly { readonly epoch: string }[]): string {
  return parts.map((part) => part.epoch).join(".");
}

export function revisionOfParts(parts: readonly { readonly rev: number }[]): number {
  return parts.reduce((sum, part) => sum + part.rev, 0);
}
