/** The sparkline of a row: values of one figure over a window. Its slices move with the window, so time alone may change it. */
import type { Spark } from "@swapstats/protocol/screener/query.ts";
import type { TokenRef, WindowSpec } from "../../engine/types.ts";
import type { ServedEngine } from "./served-engine.ts";

export class RowSpark {
  readonly #spark: Spark;
  readonly #windowIndex: number;
  readonly #window: WindowSpec;

  constructor(spark: Spark, windows: readonly WindowSpec[]) {
    this.#spark = spark;
    this.#windowIndex = windows.findIndex(({ name }) => name === spark.window);
    this.#window = windows[this.#windowIndex] as WindowSpec;
  }

  read(engine: ServedEngine, token: TokenRef, asOfMs: number): (string | number | null)[] {
    return engine.spark(token, this.#windowIndex, this.#spark.field, this.#spark.points, asOfMs);
  }

  /** Returns the as-of at which the window opens at its next step. Until then only a new revision changes the values. */
  validUntilMs(asOfMs: number): number {
    const { lengthMs, stepMs } = this.#window;
    return (Math.floor((asOfMs - lengthMs) / stepMs) + 1) * stepMs + lengthMs;
  }
}
