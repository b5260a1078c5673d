/** Feeds the generator's swaps into an ingest port at their rate, by the clock; the producer of `demo`. */
import type { IngestPort } from "../ports/ingest.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { GeneratorOptions } from "./options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "./swap-generator.ts";

export type RunningGenerator = {
  /** Records that the service took. */
  sent(): number;
  /** Waits for the batch that is under way. */
  stop(): Promise<void>;
};

export type GeneratorHooks = {
  /** Told of a batch that was refused; `retrying` says whether the same batch is sent again. */
  readonly onProblem: (error: unknown, retrying: boolean) => void;
};

const TICK_MS = 50;
const BATCH_COUNT_MAX = 2_000;
const RETRY_MS = 1_000;
/** After a pause of the machine the stream goes on from now: swaps of the pause would only be late. */
const BEHIND_MAX_MS = 10_000;

/** Event times begin at `startMs` of the options, where the caller gives the present. */
export function startGenerator(ingest: IngestPort, options: GeneratorOptions, hooks: GeneratorHooks): RunningGenerator {
  const stopping = new AbortController();
  let sent = 0;
  const run = async (): Promise<void> => {
    let generator = new SwapGenerator(options);
    while (!stopping.signal.aborted) {
      const now = Date.now();
      if (now - generator.nextDueMs > BEHIND_MAX_MS) generator = new SwapGenerator({ ...options, startMs: now });
      const batch = dueBatch(generator, now);
      if (batch.count > 0) sent += await deliver(ingest, batch.bytes, hooks, stopping.signal);
      if (generator.nextDueMs > Date.now()) await pause(TICK_MS, stopping.signal);
    }
  };
  const running = run();
  return {
    sent: () => sent,
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

function dueBatch(generator: SwapGenerator, nowMs: number): { bytes: Uint8Array; count: number } {
  const dueCount = Math.ceil(Math.min(BATCH_COUNT_MAX, 1 + Math.max(0, nowMs - generator.nextDueMs) * 10_000));
  const bytes = new Uint8Array(dueCount * RECORD_BYTES_MAX);
  let end = 0;
  let count = 0;
  while (count < dueCount && generator.nextDueMs <= nowMs) {
    end = generator.write(bytes, end);
    count++;
  }
  return { bytes: bytes.subarray(0, end), count };
}

/** Accepted records; a batch that the service cannot take now is sent again until it can or we stop. */
async function deliver(
  ingest: IngestPort,
  bytes: Uint8Array,
  hooks: GeneratorHooks,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    try {
      // The port takes the buffer away, so each attempt gets a copy.
      const result = await ingest.ingest(bytes.slice());
      return result.accepted;
    } catch (error) {
      const retrying = !(error instanceof SwapstatsError && error.code === "bad_request") && !signal.aborted;
      if (!signal.aborted) hooks.onProblem(error, retrying);
      if (!retrying) return 0;
      await pause(RETRY_MS, signal);
      if (signal.aborted) return 0;
    }
  }
}

/** Resolves after the time, or at once when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
