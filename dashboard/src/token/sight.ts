/**
 * Whether the page sees swaps as they arrive. What arrives after a time of blindness (the connection was cut, the owner away, the page
 * hidden) is not late: it could not be seen earlier. It is late only if its time is before the blindness began.
 */
export type Sight = {
  /** Start of the last time of blindness. Undefined: there was none. */
  readonly blindFromMs?: number;
  /** Its end. Undefined: it lasts. */
  readonly blindUntilMs?: number;
};

/** Time after the end of a blindness within which its swaps arrive. */
export const CATCH_UP_MS = 3_000;

export function sightAt(sight: Sight, sees: boolean, nowMs: number): Sight {
  const isBlind = sight.blindFromMs !== undefined && sight.blindUntilMs === undefined;
  if (sees) return isBlind ? { ...sight, blindUntilMs: nowMs } : sight;
  if (isBlind) return sight;
  // Blind again before it had caught up: the first blindness goes on.
  return { blindFromMs: isCatchingUp(sight, nowMs) ? sight.blindFromMs! : nowMs };
}

/** Returns the time until which swaps would have been seen on arrival. */
export function seenUntil(sight: Sight, nowMs: number): number {
  const isBlind = sight.blindFromMs !== undefined && sight.blindUntilMs === undefined;
  return isBlind || isCatchingUp(sight, nowMs) ? sight.blindFromMs! : nowMs;
}

function isCatchingUp({ blindUntilMs }: Sight, nowMs: number): boolean {
  return blindUntilMs !== undefined && nowMs < blindUntilMs + CATCH_UP_MS;
}
