/**
 * From windows to levels: which bucket steps exist, and how long each is kept.
 *
 * A step is kept for twice the longest window that uses it, plus the step and max_skew (the longest of any chain), because
 * `previous` needs its edges. It is never kept longer than the longest window plus its step and max_skew. Older buckets merge
 * into the next step; those of the last step are dropped. Ages count back from the chain's high, never from a clock.
 */
import type { EngineConfig, WindowSpec } from "../types.ts";

type Level = { readonly stepMs: number; readonly keepMs: number };

export type LevelPlan = {
  /** Ascending by step; the first is the finest. */
  readonly levels: readonly Level[];
  readonly finestStepMs: number;
  readonly longestWindowMs: number;
  /** max_skew, the longest of any chain: swaps may wait this far ahead of an as-of. */
  readonly skewMs: number;
};

/** The furthest that an event of any chain may lie ahead of its arrival. */
export function maxSkewOf(config: EngineConfig): number {
  let skewMs = config.maxSkewMs;
  for (const chain of config.chains.values()) skewMs = Math.max(skewMs, chain.maxSkewMs ?? 0);
  return skewMs;
}

/** Whether figures of the window have `previous`: the span before it must be in memory, whose length the longest window gives. */
export function hasPrevious({ lengthMs, stepMs }: WindowSpec, longestWindowMs: number): boolean {
  return 2 * lengthMs + stepMs <= longestWindowMs;
}

export function planLevels(config: EngineConfig): LevelPlan {
  const skewMs = maxSkewOf(config);
  const steps = [...new Set(config.windows.map((w) => w.stepMs))].sort((a, b) => a - b);
  const longest = config.windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
  const dropAfterMs = longest.lengthMs + longest.stepMs + skewMs;
  const levels = steps.map((stepMs) => {
    const users = config.windows.filter((w) => w.stepMs === stepMs);
    const longestUserMs = Math.max(...users.map((w) => w.lengthMs));
    return { stepMs, keepMs: Math.min(2 * longestUserMs + stepMs + skewMs, dropAfterMs) };
  });
  // A coarser step must not be dropped before a finer one: the last level carries the longest window's edges.
  let keepMs = 0;
  const monotone = levels.map((level, i) => {
    keepMs = Math.max(keepMs, level.keepMs, i === levels.length - 1 ? dropAfterMs : 0);
    return { stepMs: level.stepMs, keepMs };
  });
  return { levels: monotone, finestStepMs: steps[0], longestWindowMs: longest.lengthMs, skewMs };
}
