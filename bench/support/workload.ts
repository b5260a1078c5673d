/** The workload that the benchmarks share: 10,000 tokens by Zipf 1.0, 50,000 traders, 1 % copies, 30 s of disorder. */
import { toEngineConfig } from "../../server/src/config/config.ts";
import { defaultConfig } from "../../server/src/config/load.ts";
import type { HashSeed } from "../../server/src/engine/memory/keyed-hash.ts";
import type { EngineConfig } from "../../server/src/engine/types.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../server/src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../server/src/generator/swap-generator.ts";

/** The secret of the engines' hashes. */
export const BENCH_SEED: HashSeed = [0x2545f491, 0x9e3779b9];

/** All seven default windows, default grace and horizon. */
export function engineConfig(): EngineConfig {
  return toEngineConfig(defaultConfig());
}

/** Records of a generator, concatenated. */
export type Chunk = { readonly bytes: Uint8Array; readonly starts: Uint32Array; readonly ends: Uint32Array };

export class Workload {
  readonly #generator: SwapGenerator;

  constructor(options: Partial<GeneratorOptions> = {}) {
    this.#generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, ...options });
  }

  chunk(count: number): Chunk {
    const room = new Uint8Array(count * RECORD_BYTES_MAX);
    const starts = new Uint32Array(count);
    const ends = new Uint32Array(count);
    let at = 0;
    for (let i = 0; i < count; i++) {
      starts[i] = at;
      at = this.#generator.write(room, at);
      // Without the line feed.
      ends[i] = at - 1;
    }
    return { bytes: room.subarray(0, at), starts, ends };
  }
}

/** Processor time of this process in ms. On a shared machine it is steadier than the wall clock. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
