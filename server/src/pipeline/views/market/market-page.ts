/** The market of the partitions of a worker at one as-of: a row for each partition, which the bus adds up (bus/market-sums.ts). */
import type { RankedRow } from "../../../bus/responses.ts";
import type { Piecewise } from "../../thread-share.ts";
import type { ServedPartition } from "../served-partition.ts";

/** Units of work in a piece; see `Work`. */
const UNITS_PER_PIECE = 500;

type MarketPage = { readonly asOf: number; readonly rows: readonly RankedRow[] };

/** Brings the market of the partitions up to date. The state has not changed since, until the caller yields. */
export function* marketCaughtUp(partitions: readonly ServedPartition[], asOf: () => number): Piecewise<number> {
  for (;;) {
    const asOfMs = asOf();
    const work = { left: UNITS_PER_PIECE };
    const isDone = partitions.every(
      ({ views, counted }) => views.lookSome(asOfMs, work) && counted.market.syncSome(asOfMs, work),
    );
    if (isDone) return asOfMs;
    yield;
  }
}

/** Makes the rows as of the last instant that `asOf` returns. */
export function* marketPage(partitions: readonly ServedPartition[], asOf: () => number): Piecewise<MarketPage> {
  const asOfMs = yield* marketCaughtUp(partitions, asOf);
  return { asOf: asOfMs, rows: marketRows(partitions, asOfMs) };
}

/** Makes the rows. The market must be up to date. */
export function marketRows(partitions: readonly ServedPartition[], asOfMs: number): RankedRow[] {
  return partitions.map(({ partition, views, counted }) => {
    const atMs = Math.max(asOfMs, views.lastStepMs);
    return { key: { value: undefined, id: String(partition) }, partition, json: counted.market.text(atMs) };
  });
}
