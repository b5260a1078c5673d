import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import { SwapEvent } from "../../engine/swap-event.ts";
import type { Arrival, SwapSink } from "./feed.ts";

/** Applies lines one by one to an engine of this process. */
export class EngineSink implements SwapSink {
  readonly #engine: PartitionEngine;
  readonly #arrival: Arrival;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();

  constructor(engine: PartitionEngine, arrival: Arrival) {
    this.#engine = engine;
    this.#decoder = new SwapDecoder(engine.config.chains);
    this.#arrival = arrival;
  }

  take(bytes: Uint8Array, start: number, end: number): undefined {
    const code = this.#decoder.decode(bytes, start, end, this.#event);
    if (code === undefined) this.#engine.apply(this.#event, this.#arrival());
    else this.#engine.deadLetter(code);
  }

  async flush(): Promise<void> {}
}
