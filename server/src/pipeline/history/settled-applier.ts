/** Applies settled swaps of a history to an engine, as events that arrive at their time. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { settledEvent } from "../../codecs/settled-events.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { TokenRef } from "../../engine/types.ts";
import type { SettledRow } from "../../ports/history-store.ts";
import { EventApplier } from "../event-applier.ts";

export class SettledApplier {
  readonly #events: EventApplier;
  readonly #encoder = new TextEncoder();

  /** `onTouch` is called for each token that a swap changed. */
  constructor(engine: PartitionEngine, onTouch: (token: TokenRef) => void = () => {}) {
    this.#events = new EventApplier(engine, onTouch, engine.config.chains);
  }

  /** Returns why the swap does not count, if so. */
  apply(row: SettledRow): DeadLetterCode | undefined {
    const bytes = this.#encoder.encode(settledEvent(row));
    return this.#events.apply(bytes, 0, bytes.length, row.eventTimeMs, 0, 0);
  }
}
