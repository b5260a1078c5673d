/**
 * What workers respond with. One shape each, whoever asks: a bus of the same process, or another instance. Figures are JSON text that the worker
 * made, and nothing on the way to the door parses it.
 */
import type { Candidate } from "../ports/stats-bus.ts";

/** How a name was found. A lower tier goes before a higher one. */
export type LookupTier = "id" | "token" | "symbol";
export const LOOKUP_TIERS: readonly LookupTier[] = ["id", "token", "symbol"];

/** Tokens that an ambiguous name lists: anybody may give a thousand tokens one symbol. */
export const LOOKUP_IDS_MAX = 20;

/** What one worker finds under a name in its partitions, of the first tier that hits. */
export type NameLookup = {
  readonly tier: LookupTier;
  /** At most LOOKUP_IDS_MAX, the most volume first. */
  readonly ids: readonly string[];
  /** The same with what tells them apart. Absent for an id. */
  readonly candidates?: readonly Candidate[] | undefined;
  /** Tokens of the name beside these, at least. */
  readonly more?: number | undefined;
  /** False: there are so many that the one with the most volume is not known. */
  readonly isRanked?: boolean | undefined;
};

/**
 * What one worker knows of one text. `lookup` is undefined where it knows nothing, and null where that came as JSON. With more than one
 * id there is no `found`, unless one was to be chosen.
 */
export type Part<Found> = { readonly lookup: NameLookup | undefined | null; readonly found: Found | undefined };

/** Revision of a token in its partition. */
export type FoundAt = { readonly partition: number; readonly epoch: string; readonly rev: number };

/** Lets the main thread serve figures again while nothing has changed: where to look, and what was there. */
export type ResponseTicket = {
  readonly token: number;
  readonly slot: number;
  readonly generation: bigint;
  readonly chainIndex: number;
  readonly graceMs: number;
  /** The figures hold for an as-of below this one. */
  readonly validUntil: number;
};

export type FoundStats = FoundAt & {
  readonly asOf: number;
  readonly watermark: number;
  readonly lagMs: number;
  readonly body: string;
  /** Undefined from another instance, whose board is not here. */
  readonly ticket?: ResponseTicket | undefined;
};
export type FoundBody = FoundAt & { readonly body: string };

export type TokenPart = Part<FoundStats>;
export type BodyPart = Part<FoundBody>;

/** The place of a row: the sort value as served (undefined: the figure is absent), then the id. */
export type RankKey = { readonly value: string | undefined; readonly id: string };
/** A row of a ranking with what is needed to merge it with rows of other workers. */
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

/**
 * An update of a feed, from its owner to the door. A token's feed has `data`; a ranking's has `rows`, whose `json` is the value under the
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
  /** JSON text of the whole data; undefined where it is made of `rows`. */
  readonly data: string | undefined;
  /** In the order of the ranking. Undefined for a token. */
  readonly rows: readonly RankedRow[] | undefined;
  /** JSON text of the merge patch (RFC 7396) from prevRev to rev. */
  readonly patch: string | undefined;
  /** The partition of the token, or all that the ranking covers. */
  readonly parts: readonly PartRevision[];
};

/** The whole data of an update as JSON text. */
export function dataText({ data, rows }: Pick<FeedUpdate, "data" | "rows">): string {
  return data ?? rowsText(rows ?? []);
}

/** The whole data of a ranking: the order, and each row by its id. */
export function rowsText(rows: readonly RankedRow[]): string {
  const order = rows.map(({ key }) => JSON.stringify(key.id));
  return `{"order":[${order.join(",")}],"rows":{${rows.map(({ json }, at) => `${order[at]}:${json}`).join(",")}}}`;
}

/** Characters of an update, by which both ends count what is on its way. */
export function updateChars({ data, rows, patch }: FeedUpdate): number {
  const rowChars = rows?.reduce((sum, { json }) => sum + json.length, 0) ?? 0;
  return (data?.length ?? 0) + rowChars + (patch?.length ?? 0);
}

export function epochOfParts(parts: readonly { readonly epoch: string }[]): string {
  return parts.map((part) => part.epoch).join(".");
}

export function revisionOfParts(parts: readonly { readonly rev: number }[]): number {
  return parts.reduce((sum, part) => sum + part.rev, 0);
}
