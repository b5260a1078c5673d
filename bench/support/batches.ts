/** The benchmarks' stream as batches of a log. */

import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../server/src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../server/src/generator/swap-generator.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";

/** Records arrive this long after the newest event time of the stream. */
const ARRIVAL_LEAD_MS = 1000;

export class BatchStream {
  readonly #options: GeneratorOptions;
  readonly #generator: SwapGenerator;

  constructor(options: Partial<GeneratorOptions> = {}) {
    this.#options = { ...GENERATOR_DEFAULTS, ...options };
    this.#generator = new SwapGenerator(this.#options);
  }

  /** Makes the next batch, of this many records. */
  next(count: number): RecordBatch {
    const baseOffset = this.#generator.index;
    const room = new Uint8Array(count * RECORD_BYTES_MAX);
    const ends = new Uint32Array(count);
    let at = 0;
    for (let i = 0; i < count; i++) {
      // The next record begins at the line feed of this one.
      at = this.#generator.write(room, at) - 1;
      ends[i] = at;
    }
    const { startMs, ratePerSecond } = this.#options;
    const arrivalsMs = Math.floor(startMs + (this.#generator.index * 1000) / ratePerSecond + ARRIVAL_LEAD_MS);
    const nextOffset = baseOffset + count;
    return { partition: 0, baseOffset, nextOffset, count, payload: room.slice(0, at), ends, arrivalsMs };
  }
}
