import type { EngineRun } from "./pair.ts";

/** All figures of all tokens at one as-of, by token id, without `complete`: it follows the first high, not the swaps. */
export function figuresOf(run: EngineRun, asOfMs: number): Record<string, unknown> {
  const figures: Record<string, unknown> = {};
  for (const ref of run.engine.tokens()) {
    const { id, symbol } = run.engine.info(ref);
    const windows = run.config.windows.map((_window, index) => {
      const { complete: _, ...rest } = run.engine.windowStats(ref, index, asOfMs);
      return rest;
    });
    figures[id] = { symbol, windows };
  }
  return figures;
}
