/** Candles before those of the channel: pages of the history, and bars that left the channel. */
import type { Candle, Candles } from "@swapstats/client";

/** Candles of one chart from the history. Each may stand behind a pause. */
export const EARLIER_MAX = 20_000;
/** A bar that leaves the channel before this age was taken back by a reorg; an older one has only left the memory of the service. */
const LEAVES_AFTER_MS = 3_600_000;

/**
 * `idle`: there may be more. `loading`: a page is on its way. `start`: the history begins here. `none`: the service keeps nothing earlier. `full`: the chart
 * holds as many as it can. `failed`: see `error`.
 */
type EarlierState = "idle" | "loading" | "start" | "none" | "full" | "failed";

/** In ascending order of time. */
export type Earlier = {
  readonly candles: readonly Candle[];
  readonly state: EarlierState;
  readonly error: { readonly code: string; readonly message: string } | undefined;
};

export const NO_EARLIER: Earlier = { candles: [], state: "idle", error: undefined };

/** Returns the candles with a page in front. A page without candles is the last. */
export function withPage(earlier: Earlier, page: Candles): Earlier {
  const first = earlier.candles[0]?.open_time ?? Number.POSITIVE_INFINITY;
  const items = page.items.filter(({ open_time }) => open_time < first);
  const candles = [...items, ...earlier.candles];
  const isOver = page.next_cursor === undefined || items.length === 0;
  return {
    candles,
    state: isOver
      ? page.history_complete === undefined
        ? "none"
        : "start"
      : candles.length >= EARLIER_MAX
        ? "full"
        : "idle",
    error: undefined,
  };
}

/**
 * Returns the candles after the channel went from `before` to `after`, both in ascending order: bars that left the channel at its beginning are kept.
 * `channelMax`: candles that the channel has at most. Undefined: the channel lost contact with what is kept, so the pages have to be loaded again.
 */
export function withLeft(
  earlier: Earlier,
  before: readonly Candle[],
  after: readonly Candle[],
  channelMax: number,
  nowMs: number,
): Earlier | undefined {
  const first = after[0]?.open_time;
  const last = before.at(-1)?.open_time;
  if (first === undefined || last === undefined || earlier.candles.length === 0) return earlier;
  if (first > last) return undefined;
  const isFull = before.length >= channelMax;
  const known = earlier.candles.at(-1)!;
  // The history has the last page's last bar whole where the memory of the service begins within it.
  const left = before.filter(
    (candle) =>
      candle.open_time < first &&
      (candle.open_time > known.open_time || (candle.open_time === known.open_time && candle.complete)) &&
      (isFull || candle.open_time < nowMs - LEAVES_AFTER_MS),
  );
  if (left.length === 0) return earlier;
  const kept = left[0]!.open_time === known.open_time ? earlier.candles.slice(0, -1) : earlier.candles;
  return { ...earlier, candles: [...kept, ...left] };
}

/** Returns the earlier candles without those that the channel has, and the channel's with the first one whole if the history has it so. */
export function joined(
  earlier: readonly Candle[],
  live: readonly Candle[],
): { readonly earlier: readonly Candle[]; readonly live: readonly Candle[] } {
  const first = live[0];
  if (first === undefined || earlier.length === 0) return { earlier, live };
  const end = earlier.findLastIndex(({ open_time }) => open_time < first.open_time) + 1;
  const same = earlier[end];
  // The memory of the service may begin within the first bar of the channel; the history has all of it.
  const isWhole = same?.open_time === first.open_time && same.complete && !first.complete;
  return {
    earlier: end === earlier.length ? earlier : earlier.slice(0, end),
    live: isWhole ? live.with(0, same) : live,
  };
}
