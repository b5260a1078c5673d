/**
 * What changed after a reader had seen it: late swaps, removals by reorgs, and what arrived too late to count. Derived from the changes
 * of the messages of the token's swaps, and from the counters beside its figures.
 */
import type { SwapChange } from "@swapstats/client";
import { LATE_AFTER_MS } from "./candle-bars.ts";
import { windowMsOf, windowsInOrder } from "./comparison.ts";
import { negated, sumOf } from "./exact.ts";

export type CorrectionKind = "late" | "removed" | "refused" | "unresolved" | "replaced";

export type Correction = {
  /** Grows with each entry; an entry keeps it while later swaps of the same burst join it. */
  readonly id: number;
  readonly kind: CorrectionKind;
  /** Time of its first swap's arrival, in ms since 1970. */
  readonly atMs: number;
  /** Number of swaps. */
  readonly count: number;
  /** For `late` and `removed`: the swap if it is one, and what it did to the volume of the windows that hold it. */
  readonly swap?: SwapChange;
  /** Signed dollars, exact. */
  readonly usd?: string;
  /** Windows whose figures changed, the shortest first. */
  readonly windows?: readonly string[];
  /** Largest age of a swap at its arrival, in ms. */
  readonly ageMs?: number;
};

export type NewCorrection = Omit<Correction, "id">;

/** Entries of the feed. The oldest go first. */
export const CORRECTIONS_MAX = 40;
/** Corrections of a kind within this time are one entry, so that a reorg of a hundred swaps is one line. */
const BURST_MS = 2_000;

type TokenCounters = {
  readonly late: number;
  readonly unresolved: number;
  readonly replaced: number;
};

/**
 * Returns the entries for swaps that began to count long after their time, and for swaps that ceased to count. A swap that is included
 * again in another block gives both. `seenUntilMs`: the time until which swaps would have been seen on arrival (see `sight.ts`).
 */
export function swapCorrections(
  changes: readonly SwapChange[],
  { atMs, seenUntilMs }: { readonly atMs: number; readonly seenUntilMs: number },
  windowNames: readonly string[],
): readonly NewCorrection[] {
  const found: NewCorrection[] = [];
  for (const swap of changes) {
    const ageMs = atMs - swap.event_time;
    const windows = windowNames.filter((name) => windowMsOf(name) > ageMs);
    const entry = { atMs, count: 1, swap, windows, ageMs };
    if (swap.action === "removed") found.push({ ...entry, kind: "removed", usd: negated(swap.amount_usd) });
    else if (swap.event_time + LATE_AFTER_MS <= seenUntilMs)
      found.push({ ...entry, kind: "late", usd: swap.amount_usd });
  }
  return found;
}

/** Returns the entries for counters that grew: swaps and removals that arrived too late, and swaps that others replaced. */
export function counterCorrections(
  before: TokenCounters,
  after: TokenCounters,
  atMs: number,
): readonly NewCorrection[] {
  const kinds = [
    ["refused", after.late - before.late],
    ["unresolved", after.unresolved - before.unresolved],
    ["replaced", after.replaced - before.replaced],
  ] as const;
  return kinds.filter(([, count]) => count > 0).map(([kind, count]) => ({ kind, count, atMs }));
}

/** Returns the feed, newest first, with the new entries. An entry joins the newest of its kind if that is of the same burst. */
export function withCorrections(feed: readonly Correction[], entries: readonly NewCorrection[]): readonly Correction[] {
  let next = feed;
  for (const entry of entries) {
    const open = next.find(({ kind, atMs }) => kind === entry.kind && entry.atMs - atMs < BURST_MS);
    const joined = open === undefined ? undefined : joinOf(open, entry);
    const id = (next[0]?.id ?? 0) + 1;
    next = joined === undefined ? [{ ...entry, id }, ...next] : next.map((item) => (item === open ? joined : item));
  }
  return next.slice(0, CORRECTIONS_MAX);
}

function joinOf(open: Correction, entry: NewCorrection): Correction {
  const { swap: _swap, ...rest } = open;
  if (open.usd === undefined || entry.usd === undefined) return { ...rest, count: open.count + entry.count };
  const windows = [...new Set([...(open.windows ?? []), ...(entry.windows ?? [])])];
  return {
    ...rest,
    count: open.count + entry.count,
    usd: sumOf([open.usd, entry.usd]),
    windows: windowsInOrder(Object.fromEntries(windows.map((name) => [name, true]))),
    ageMs: Math.max(open.ageMs ?? 0, entry.ageMs ?? 0),
  };
}
