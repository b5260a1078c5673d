/** Feeds the generator's swaps into the log at their rate, by the clock: the feeder of `demo`. */
import { setTimeout as pause } from "node:timers/promises";
import type { GeneratorConfig } from "../../config/build/ingest.ts";
import { DEMO_DEFAULTS, type GeneratorOptions } from "../../generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../generator/swap-generator.ts";
import type { Feeder, FeederEvents } from "../../ports/feeder.ts";
import type { IngestPort } from "../../ports/intake.ts";
import { handOver } from "./hand-over.ts";

const TICK_MS = 50;
const BATCH_COUNT_MAX = 2_000;
/** After a pause of the machine the stream continues from now: swaps of the pause would only be late. */
const BEHIND_MAX_MS = 10_000;

type GeneratorSettings = { readonly ingest: { readonly generator: GeneratorConfig } };

export function openFeeder({ ingest }: GeneratorSettings, events: FeederEvents): GeneratorFeeder {
  return new GeneratorFeeder({ ...DEMO_DEFAULTS, ...ingest.generator, startMs: Date.now() }, events);
}

export class GeneratorFeeder implements Feeder {
  readonly #options: GeneratorOptions;
  readonly #events: FeederEvents;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #sent = 0;

  /** Event times begin at `startMs` of the options; the caller gives the present. */
  constructor(options: GeneratorOptions, events: FeederEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Records that the log has taken. */
  get sent(): number {
    return this.#sent;
  }

  async start(port: IngestPort): Promise<void> {
    this.#running = this.#run(port);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(port: IngestPort): Promise<void> {
    const { signal } = this.#stopping;
    let generator = new SwapGenerator(this.#options);
    while (!signal.aborted) {
      const now = Date.now();
      if (now - generator.nextDueMs > BEHIND_MAX_MS) generator = new SwapGenerator({ ...this.#options, startMs: now });
      const batch = dueBatch(generator, now);
      if (batch !== undefined) {
        const handed = await handOver(port, batch, this.#events, signal);
        if (handed.kind === "taken") this.#sent += handed.result.accepted;
      }
      if (generator.nextDueMs > Date.now()) await pause(TICK_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** The records that are due, at most BATCH_COUNT_MAX; undefined: none is. */
function dueBatch(generator: SwapGenerator, nowMs: number): Uint8Array | undefined {
  const dueCount = Math.ceil(Math.min(BATCH_COUNT_MAX, 1 + Math.max(0, nowMs - generator.nextDueMs) * 10_000));
  const bytes = new Uint8Array(dueCount * RECORD_BYTES_MAX);
  let end = 0;
  let count = 0;
  while (count < dueCount && generator.nextDueMs <= nowMs) {
    end = generator.write(bytes, end);
    count++;
  }
  return count === 0 ? undefined : bytes.subarray(0, end);
}
