/** The rules of windows and steps from the text of the semantics, independent of the product's code. */
export type ModelWindow = { readonly name: string; readonly lengthMs: number; readonly stepMs: number };

const listedStepsMs: Readonly<Record<number, number>> = {
  60000: 1_000,
  300000: 5_000,
  900000: 15_000,
  1800000: 15_000,
  3600000: 15_000,
  21600000: 60_000,
  86400000: 60_000,
};

export const candleIntervalsMs: Readonly<Record<string, number>> = {
  "1s": 1_000,
  "5s": 5_000,
  "15s": 15_000,
  "1m": 60_000,
  "5m": 300_000,
  "15m": 900_000,
  "30m": 1_800_000,
  "1h": 3_600_000,
  "4h": 14_400_000,
  "1d": 86_400_000,
};

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function stepOf(lengthMs: number): number {
  const listed = listedStepsMs[lengthMs];
  if (listed !== undefined) return listed;
  const fitting = [300_000, 60_000, 15_000, 5_000, 1_000].filter(
    (step) => step * 60 <= lengthMs && lengthMs % step === 0,
  );
  return fitting[0] ?? 1_000;
}

/** Windows from names like `5m`, ascending by length; `bucketStepMs` sets one step for all. */
export function windowsOf(names: readonly string[], bucketStepMs?: number): ModelWindow[] {
  const windows = names.map((name) => {
    const form = /^(\d+)([smhd])$/.exec(name);
    if (form === null) throw new Error(`not a window: ${name}`);
    const lengthMs = Number(form[1]) * (unitsMs[form[2] as string] as number);
    return { name, lengthMs, stepMs: bucketStepMs ?? stepOf(lengthMs) };
  });
  return windows.sort((a, b) => a.lengthMs - b.lengthMs);
}

export const defaultWindows = windowsOf(["1m", "5m", "15m", "30m", "1h", "6h", "24h"]);

type Edges = { readonly openMs: number; readonly closeMs: number };

export function closeTime(windows: readonly ModelWindow[], asOfMs: number): number {
  const finest = Math.min(...windows.map((window) => window.stepMs));
  return Math.floor(asOfMs / finest) * finest + finest;
}

export function edgesOf(windows: readonly ModelWindow[], window: ModelWindow, asOfMs: number): Edges {
  const openMs = Math.floor((asOfMs - window.lengthMs) / window.stepMs) * window.stepMs;
  return { openMs, closeMs: closeTime(windows, asOfMs) };
}

export function hasPrevious(windows: readonly ModelWindow[], window: ModelWindow): boolean {
  return 2 * window.lengthMs + window.stepMs <= Math.max(...windows.map((other) => other.lengthMs));
}

/**
 * The time from which memory holds the buckets for candles of an interval: at the end of all memory, the edge of a bucket of
 * the finest step that lives as long; otherwise the first interval that no coarser bucket reaches into. undefined when no
 * step divides it.
 */
export function memoryFromMs(
  windows: readonly ModelWindow[],
  maxSkewMs: number,
  intervalMs: number,
  highMs: number,
): number | undefined {
  const keptMs = keptForMs(windows, maxSkewMs, intervalMs);
  if (keptMs === undefined) return undefined;
  const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
  const mostMs = longest.lengthMs + longest.stepMs + maxSkewMs;
  const lasting = windows.filter(({ lengthMs, stepMs }) => 2 * lengthMs + stepMs + maxSkewMs >= mostMs);
  const grainMs = keptMs === mostMs ? Math.min(...lasting.map(({ stepMs }) => stepMs)) : intervalMs;
  return Math.ceil((highMs - keptMs) / grainMs) * grainMs;
}

/**
 * The span before the high for which memory holds candles of an interval: the longest life of a step that divides it.
 * undefined when no step does. A step lives for twice the longest window that uses it, plus the step and max_skew, at most
 * for the longest window plus its step and max_skew.
 */
function keptForMs(windows: readonly ModelWindow[], maxSkewMs: number, intervalMs: number): number | undefined {
  const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
  const mostMs = longest.lengthMs + longest.stepMs + maxSkewMs;
  const lives = windows
    .filter(({ stepMs }) => intervalMs % stepMs === 0)
    .map(({ lengthMs, stepMs }) => Math.min(mostMs, 2 * lengthMs + stepMs + maxSkewMs));
  return lives.length === 0 ? undefined : Math.max(...lives);
}
