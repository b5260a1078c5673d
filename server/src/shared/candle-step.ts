/** The length of candles from the history: that of all, or a calendar month in UTC. */
export type CandleStep = { readonly ms: number } | "month";

/** Returns the start of the candle of this time. */
export function stepStart(step: CandleStep, timeMs: number): number {
  if (step !== "month") return Math.floor(timeMs / step.ms) * step.ms;
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/** Returns the end of the candle of this time, which is the start of the next one. */
export function stepEnd(step: CandleStep, timeMs: number): number {
  if (step !== "month") return stepStart(step, timeMs) + step.ms;
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
