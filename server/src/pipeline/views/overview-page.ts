/**
 * Pages of a ranking over the partitions of a worker, made in pieces. All rows are of one instant. They are picked in one piece, from an
 * order that is up to date, and made in further pieces, between which records are applied. Then they are picked again. A row is kept if
 * its token has no new revision; the others are made again, until the rest is small enough for the piece in which it was picked.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { Piecewise } from "../thread-share.ts";
import type { PageRow } from "./kept-rows.ts";
import type { Picked } from "./pick-rows.ts";
import type { RowFigures } from "./row-figures.ts";
import type { ServedPartition } from "./served-partition.ts";
import type { Work } from "./token-views.ts";

/** Units of work in a piece; see `Work`. */
const UNITS_PER_PIECE = 500;
/**
 * Limit for the windows of rows that are made in the piece that picks the page. The first round has room for a page of 50 rows, and each further
 * round for more. With a fixed limit, a stream that changes a row between any two pieces would never let a page end.
 */
const LAST_WINDOWS = 64;
const MORE_WINDOWS_PER_ROUND = 36;
/**
 * Rounds after which rows are taken as they are: all as of the instant of the last pick, each with the records that were applied until it
 * was made, and sorted. This happens only if the stream changes hundreds of rows of a page faster than they can be made, or if the as-of lies
 * in a step before the latest look.
 */
const ROUNDS_MAX = 8;

/** Tells which rows a page has, and their order. */
export type PageSource = {
  /** Brings the order of a partition up to date until the work is used up. The views have looked at all tokens. */
  syncSome(home: ServedPartition, asOfMs: number, work: Work): boolean;
  /** Returns the first tokens of all partitions, in order. The state must not have changed since the partitions were up to date. */
  pick(): Picked[];
  /** Puts rows in order that have other figures than at the pick. */
  sorted(rows: PageRow[]): PageRow[];
};

/** `picked` has the place of each row. */
type Page = { readonly asOf: number; readonly rows: readonly PageRow[]; readonly picked: readonly Picked[] };

/** Updates the views of all tokens and their order. Returns the as-of when the state has not changed during the update. */
export function* caughtUp(
  partitions: readonly ServedPartition[],
  asOf: () => number,
  source?: Pick<PageSource, "syncSome">,
): Piecewise<number> {
  for (;;) {
    const asOfMs = asOf();
    const work = { left: UNITS_PER_PIECE };
    const isDone = partitions.every(
      (home) => home.views.lookSome(asOfMs, work) && (source?.syncSome(home, asOfMs, work) ?? true),
    );
    if (isDone) return asOfMs;
    yield;
  }
}

/** Makes the page as of the last instant that `asOf` returns. */
export function* rankedPage(
  partitions: readonly ServedPartition[],
  source: PageSource,
  figures: RowFigures,
  asOf: () => number,
): Piecewise<Page> {
  for (let round = 1; ; round++) {
    const lastWindows = LAST_WINDOWS + (round - 1) * MORE_WINDOWS_PER_ROUND;
    const lastRowsMax = Math.max(1, Math.floor(lastWindows / figures.weight));
    const asOfMs = yield* caughtUp(partitions, asOf, source);
    const picked = source.pick();
    const kept = picked.map((one) => keptRow(one, figures, asOfMs));
    const missing = picked.filter((_one, at) => kept[at] === undefined);
    const isPast = partitions.some((home) => home.views.lastStepMs > asOfMs);
    if (isPast || round === ROUNDS_MAX) return yield* asTheyAre(picked, source, figures, asOfMs);
    if (missing.length <= lastRowsMax) {
      return { asOf: asOfMs, rows: picked.map((one, at) => kept[at] ?? rowOf(one, figures, asOfMs)), picked };
    }
    for (const one of missing) {
      rowOf(one, figures, asOf());
      yield;
    }
  }
}

/** Returns the kept row if it is valid. */
function keptRow({ home, index }: Picked, figures: RowFigures, asOfMs: number): PageRow | undefined {
  const kept = home.rows.get(figures.key, index);
  return kept?.rev === home.views.revAt(index) && asOfMs < kept.validUntilMs ? kept : undefined;
}

/** Returns the row at this as-of: the kept one, if it is valid. */
function rowOf({ home, index }: Picked, figures: RowFigures, asOfMs: number): PageRow {
  const atMs = Math.max(asOfMs, home.views.lastStepMs);
  const rev = home.views.look(home.views.tokenAt(index), atMs, true);
  return keptRow({ home, index }, figures, atMs) ?? madeRow({ home, index }, figures, rev, atMs);
}

/** Feeds share the row, so its object is made once. */
function madeRow({ home, index }: Picked, figures: RowFigures, lookedRev: number, asOfMs: number): PageRow {
  const token = home.views.tokenAt(index);
  const { id, symbol } = home.engine.info(token);
  const { ranked, texts, spark, validUntilMs, data } = figures.read(home.engine, token, asOfMs);
  let rev = lookedRev;
  const kept = home.rows.get(figures.key, index);
  if (kept?.rev === rev && kept.spark === spark) {
    kept.validUntilMs = validUntilMs;
    return kept;
  }
  // Time has moved the slices of the sparkline, and no figure of the token.
  if (kept?.rev === rev) rev = home.views.renew(token);
  let object: JsonObject | undefined;
  const dataOnce = (): JsonObject => {
    object ??= data();
    return object;
  };
  const isSplit = home.split.has(token);
  const row: PageRow = {
    ...{ ranked, texts, spark, validUntilMs, data: dataOnce },
    ...{ partition: home.partition, index, id, symbol, isSplit, rev, text: undefined, change: undefined },
  };
  home.rows.put(figures.key, row);
  return row;
}

function* asTheyAre(
  picked: readonly Picked[],
  source: PageSource,
  figures: RowFigures,
  asOfMs: number,
): Piecewise<Page> {
  const rows: PageRow[] = [];
  for (const { home, index } of picked) {
    const rev = home.views.lookPast(home.views.tokenAt(index), asOfMs);
    const kept = home.rows.get(figures.key, index);
    rows.push(kept?.rev === rev && asOfMs < kept.validUntilMs ? kept : madeRow({ home, index }, figures, rev, asOfMs));
    yield;
  }
  return { asOf: asOfMs, rows: source.sorted(rows), picked };
}
