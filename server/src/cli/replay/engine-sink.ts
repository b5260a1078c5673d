import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Arrival, SwapSink } from "./feed.ts";

/** Applies lines one by one to an engine of this process. */
export class EngineSink implements SwapSink {
  readonly #engine: PartitionEngine;
  readonly #arrival: Arrival;
  readonly #dead: DeadLetters;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();

  constructor(engine: PartitionEngine, arrival: Arrival, dead: DeadLetters) {
    this.#engine = engine;
    this.#decoder = new SwapDecoder(engine.config.chains);
    this.#arrival = arrival;
    this.#dead = dead;
  }

  take(bytes: Uint8Array, start: number, end: number, file = 0, row = 0): undefined {
    const code = this.#decoder.decode(bytes, start, end, this.#event);
    if (code !== undefined) this.#engine.deadLetter(code);
    const outcome = code ?? this.#engine.apply(this.#event, this.#arrival());
    if (code !== undefined || outcome === "quarantined" || outcome.startsWith("too_many")) {
      this.#dead.note(file, row, outcome, bytes, start, end);
    }
  }

  async flush(): Promise<void> {}
}
