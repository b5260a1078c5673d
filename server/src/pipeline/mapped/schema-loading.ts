/** Loads a schema that a mapped record needs, for as long as the registry is away. */
import { setTimeout as pause } from "node:timers/promises";
import { SwapstatsError } from "../../shared/errors.ts";
import { backoffMs } from "../../shared/retry.ts";
import type { MappedApplier } from "./mapped-applier.ts";

const BACKOFF = { firstMs: 200, longestMs: 10_000 };

export class SchemaLoading {
  #problem: string | undefined;

  /** Why the latest attempt failed, in a plain sentence. Undefined while nothing is missing. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Retries after pauses that grow. `onFailure` is called after each failed attempt. Rejects when aborted, and with errors that are no
   * SwapstatsError.
   */
  async run(applier: MappedApplier, signal: AbortSignal, onFailure: () => void): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        signal.throwIfAborted();
        await applier.loadSchema(signal);
        this.#problem = undefined;
        return;
      } catch (error) {
        if (signal.aborted || !(error instanceof SwapstatsError)) throw error;
        this.#problem = error.message;
      }
      onFailure();
      await pause(backoffMs(BACKOFF, failures), undefined, { signal });
    }
  }
}
