/**
 * Makes windows with steps from names of windows. The step of a default window is in a table. Any other window has the largest
 * standard step that is at most a sixtieth of it and divides it. `windows.bucket_step` replaces all of these steps. All standard
 * steps divide each other, so buckets of one step can merge into the next.
 */
import { formatDurationMs, parseDurationMs } from "./units.ts";

/** Same shape as the engine's `WindowSpec`. This layer is below the engine and does not import it. */
export type WindowSetting = {
  /** As configured and as served. */
  readonly name: string;
  readonly lengthMs: number;
  readonly stepMs: number;
};

export const WINDOWS_COUNT_MAX = 16;
const WINDOW_LENGTH_MIN_MS = 10_000;
const WINDOW_LENGTH_MAX_MS = 30 * 86_400_000;
export const DEFAULT_WINDOWS = "1m,5m,15m,30m,1h,6h,24h";

const STEPS_MS = [300_000, 60_000, 15_000, 5_000, 1_000] as const;
/** Smallest number of steps in a window outside the table. The edge error stays below 1/60 of the window. */
const STEPS_PER_WINDOW_MIN = 60;
const STEP_BY_LENGTH_MS: ReadonlyMap<number, number> = new Map([
  [60_000, 1_000],
  [300_000, 5_000],
  [900_000, 15_000],
  [1_800_000, 15_000],
  [3_600_000, 15_000],
  [21_600_000, 60_000],
  [86_400_000, 60_000],
]);

/** Returns the step of a window of this length without `windows.bucket_step`. */
export function stepOfWindowMs(lengthMs: number): number {
  const fixed = STEP_BY_LENGTH_MS.get(lengthMs);
  if (fixed !== undefined) return fixed;
  return STEPS_MS.find((step) => step * STEPS_PER_WINDOW_MIN <= lengthMs && lengthMs % step === 0) ?? 1_000;
}

/** Returns the finest step of all windows. A response covers the time up to the next multiple of it after its as-of. */
export function finestStepMs(windows: readonly WindowSetting[]): number {
  return windows.reduce((finest, window) => Math.min(finest, window.stepMs), Number.POSITIVE_INFINITY);
}

type WindowsResult = {
  /** Ascending by length. Empty when there are problems. */
  readonly windows: readonly WindowSetting[];
  /** One phrase for each problem of a window or of the list. */
  readonly problems: readonly string[];
};

/** Returns the windows with these names. `bucketStepMs` is the step of all windows; undefined: the steps of the rule above. */
export function windowsOf(names: readonly string[], bucketStepMs: number | undefined): WindowsResult {
  const problems: string[] = [];
  const byLength = new Map<number, WindowSetting>();
  if (names.length === 0) problems.push("names no window; give at least one, such as 5m");
  if (names.length > WINDOWS_COUNT_MAX)
    problems.push(`names ${names.length} windows; give at most ${WINDOWS_COUNT_MAX}`);
  for (const name of names) {
    const lengthMs = /^[1-9][0-9]*[smhd]$/.test(name) ? parseDurationMs(name) : undefined;
    if (lengthMs === undefined) {
      problems.push(`"${name}" is not a window; write a whole number and s, m, h or d, such as 5m`);
      continue;
    }
    if (lengthMs < WINDOW_LENGTH_MIN_MS || lengthMs > WINDOW_LENGTH_MAX_MS) {
      problems.push(`"${name}" is outside 10s to 30d; choose a length within`);
      continue;
    }
    const twin = byLength.get(lengthMs);
    if (twin !== undefined) {
      problems.push(`"${name}" is as long as "${twin.name}"; name each length once`);
      continue;
    }
    const stepMs = bucketStepMs ?? stepOfWindowMs(lengthMs);
    if (lengthMs % stepMs !== 0) {
      problems.push(`"${name}" is not a multiple of the bucket step ${formatDurationMs(stepMs)}; change either`);
    }
    byLength.set(lengthMs, { name, lengthMs, stepMs });
  }
  const windows = [...byLength.values()].sort((a, b) => a.lengthMs - b.lengthMs);
  return problems.length > 0 ? { windows: [], problems } : { windows, problems };
}
