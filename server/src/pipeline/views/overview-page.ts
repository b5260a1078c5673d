/**
 * Pages of a ranking over the partitions of a worker, made in pieces. All rows are of one instant. They are picked in one piece, from an
 * order that is up to date, and made in further pieces, between which records are applied. Then they are picked again. A row is kept if
 * its token has no new revision; the others are made again, until the rest is small enough for the piece in which it was picked.
 */
import type { SortField } from "@swapstats/protocol/figures.ts";
import type { JsonObject } from "@swapstats/protocol/merge-patch.ts";
import { compareRankKeys } from "../../bus/rank-order.ts";
import type { RankKey } from "../../bus/responses.ts";
import type { Piecewise } from "../thread-share.ts";
import type { PageRow } from "./kept-rows.ts";
import type { RankOrder } from "./rank-keys.ts";
import { Ranking, servedValue } from "./ranking.ts";
import type { RowFigures } from "./row-figures.ts";
import type { ServedPartition } from "./served-partition.ts";

/** Units of work in a piece; see `Work`. */
const UNITS_PER_PIECE = 500;
/** Windows of rows that may be made in the piece in which the page is picked. */
const LAST_WINDOWS_MAX = 64;
/**
 * Rounds after which rows are taken as they are: all as of the instant of the last pick, each with the records that were applied until it
 * was made, and sorted. This happens only if the stream changes rows faster than they can be made, or if the as-of lies in a step
 * before the latest look.
 */
const ROUNDS_MAX = 8;

type PageRequest = {
  readonly windowIndex: number;
  readonly sort: SortField;
  readonly order: RankOrder;
  readonly after: RankKey | undefined;
  readonly count: number;
  readonly figures: RowFigures;
};

type Page = { readonly asOf: number; readonly rows: readonly PageRow[] };

type Picked = { readonly home: ServedPartition; readonly index: number };

/** Updates the views of all tokens and their order. Returns the as-of when the state has not changed during the update. */
export function* caughtUp(
  partitions: readonly ServedPartition[],
  asOf: () => number,
  ranked?: { readonly windowIndex: number; readonly sort: SortField },
): Piecewise<number> {
  const rankings =
    ranked === undefined ? undefined : partitions.map((home) => home.ranking(ranked.windowIndex, ranked.sort));
  for (;;) {
    const asOfMs = asOf();
    const work = { left: UNITS_PER_PIECE };
    const isDone = partitions.every(
      (home, i) => home.views.lookSome(asOfMs, work) && (rankings?.[i]?.syncSome(asOfMs, work) ?? true),
    );
    if (isDone) return asOfMs;
    yield;
  }
}

/** Makes the page as of the last instant that `asOf` returns. */
export function* overviewPage(
  partitions: readonly ServedPartition[],
  request: PageRequest,
  asOf: () => number,
): Piecewise<Page> {
  const { figures } = request;
  const lastRowsMax = Math.max(1, Math.floor(LAST_WINDOWS_MAX / figures.weight));
  for (let round = 1; ; round++) {
    const asOfMs = yield* caughtUp(partitions, asOf, request);
    const picked = pick(partitions, request);
    const missing = picked.filter(({ home, index }) => {
      return home.rows.get(figures.key, index)?.rev !== home.views.revAt(index);
    });
    const isPast = partitions.some((home) => home.views.lastStepMs > asOfMs);
    if (isPast || round === ROUNDS_MAX) return yield* asTheyAre(picked, request, asOfMs);
    if (missing.length <= lastRowsMax) {
      return { asOf: asOfMs, rows: picked.map((one) => rowOf(one, figures, asOfMs)) };
    }
    for (const one of missing) {
      rowOf(one, figures, asOf());
      yield;
    }
  }
}

/** Returns the row at this as-of: the kept one, if its token has no new revision. */
function rowOf({ home, index }: Picked, figures: RowFigures, asOfMs: number): PageRow {
  const token = home.views.tokenAt(index);
  const rev = home.views.look(token, Math.max(asOfMs, home.views.lastStepMs), true);
  const kept = home.rows.get(figures.key, index);
  if (kept?.rev === rev) return kept;
  return madeRow({ home, index }, figures, rev, Math.max(asOfMs, home.views.lastStepMs));
}

/** Feeds share the row, so its object is made once. */
function madeRow({ home, index }: Picked, figures: RowFigures, rev: number, asOfMs: number): PageRow {
  const token = home.views.tokenAt(index);
  const { id, symbol } = home.engine.info(token);
  const { ranked, texts, data } = figures.read(home.engine, token, asOfMs);
  let object: JsonObject | undefined;
  const dataOnce = (): JsonObject => {
    object ??= data();
    return object;
  };
  const isSplit = home.split.has(token);
  const row: PageRow = { ranked, texts, data: dataOnce, partition: home.partition, index, id, symbol, isSplit, rev };
  home.rows.put(figures.key, row);
  return row;
}

function* asTheyAre(picked: readonly Picked[], request: PageRequest, asOfMs: number): Piecewise<Page> {
  const rows: PageRow[] = [];
  for (const { home, index } of picked) {
    const rev = home.views.lookPast(home.views.tokenAt(index), asOfMs);
    const kept = home.rows.get(request.figures.key, index);
    rows.push(kept?.rev === rev ? kept : madeRow({ home, index }, request.figures, rev, asOfMs));
    yield;
  }
  return { asOf: asOfMs, rows: rows.sort((a, b) => compareRows(a, b, request)) };
}

export function keyOfRow({ ranked, id }: PageRow, sort: SortField): RankKey {
  return { value: servedValue(ranked, sort), id };
}

function compareRows(a: PageRow, b: PageRow, { sort, order }: PageRequest): number {
  return compareRankKeys(keyOfRow(a, sort), keyOfRow(b, sort), order);
}

/** Returns the first tokens of all partitions, in order. The state must not have changed since `caughtUp`. */
function pick(
  partitions: readonly ServedPartition[],
  { windowIndex, sort, order, after, count }: PageRequest,
): Picked[] {
  const heads = partitions.flatMap((home) => {
    const ranking = home.ranking(windowIndex, sort);
    const walk = ranking.walk(order, after);
    const first = walk.next();
    return first.done === true ? [] : [{ home, ranking, walk, index: first.value }];
  });
  const picked: Picked[] = [];
  // If several partitions have a token, the first row counts until one partition is chosen for it.
  const known = new Set<string>();
  while (heads.length > 0 && picked.length < count) {
    let best = heads[0] as (typeof heads)[number];
    for (const head of heads) {
      if (head === best) continue;
      const byKey = Ranking.compareKeys(head.ranking, head.index, best.ranking, best.index, order);
      if (byKey < 0 || (byKey === 0 && head.home.views.idAt(head.index) < best.home.views.idAt(best.index)))
        best = head;
    }
    const id = heads.length === 1 && known.size === 0 ? undefined : best.home.views.idAt(best.index);
    if (id === undefined || !known.has(id)) picked.push({ home: best.home, index: best.index });
    if (id !== undefined) known.add(id);
    const next = best.walk.next();
    if (next.done === true) heads.splice(heads.indexOf(best), 1);
    else best.index = next.value;
  }
  return picked;
}
