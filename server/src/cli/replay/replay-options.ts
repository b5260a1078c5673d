import type { EngineSettings } from "../../config/config.ts";
import type { Output } from "../output.ts";
import { Progress } from "../progress.ts";
import { DisorderWatch } from "./disorder.ts";
import { type Chunks, isInOrder, type OnChunk } from "./feed.ts";
import { readSwaps } from "./formats.ts";
import type { Mapping } from "./mapping.ts";

export type ReplayOptions = {
  readonly order: "auto" | "file" | "time";
  /** Undefined: as fast as possible; else so many times as fast as the swaps happened. */
  readonly speed: number | undefined;
  /** Arrival of every record; undefined: the time of reading. */
  readonly arrivalMs: number | undefined;
  /** Undefined: the longest window (table), or all of them (JSON). */
  readonly window: string | undefined;
  readonly format: "table" | "json";
};

/** One pass over the swaps, with its progress. */
export type Step = { readonly chunks: Chunks; readonly onChunk: OnChunk };

/** The files of a replay; each pass reads them anew. */
export class ReplayInput {
  readonly #paths: readonly string[];
  readonly #mapping: Mapping | undefined;
  readonly #bytesAll: number;
  readonly #output: Output;

  constructor(paths: readonly string[], mapping: Mapping | undefined, bytesAll: number, output: Output) {
    this.#paths = paths;
    this.#mapping = mapping;
    this.#bytesAll = bytesAll;
    this.#output = output;
  }

  /** A pass over the files. `onChunk` throws when the signal aborts. */
  step(label: string, signal: AbortSignal): Step {
    const counter = { bytesDone: 0 };
    const progress = new Progress(this.#output, label, performance.now());
    const onChunk = (records: number): void => {
      signal.throwIfAborted();
      progress.update({ records, bytesDone: counter.bytesDone, bytesAll: this.#bytesAll }, performance.now());
    };
    return { chunks: ending(readSwaps(this.#paths, this.#mapping, counter), progress), onChunk };
  }

  /** A pass over chunks that come from elsewhere. */
  stepOver(label: string, chunks: Iterable<Buffer>, signal: AbortSignal): Step {
    const progress = new Progress(this.#output, label, performance.now());
    const onChunk = (records: number): void => {
      signal.throwIfAborted();
      progress.update({ records, bytesDone: 0, bytesAll: 0 }, performance.now());
    };
    return { chunks: yielding(chunks, progress), onChunk };
  }

  /** A pass that finds out whether the swaps are in order within grace. */
  isInOrder(settings: EngineSettings, graceOf: (chainId: number) => number, signal: AbortSignal): Promise<boolean> {
    const step = this.step("check", signal);
    return isInOrder(step.chunks, new DisorderWatch(graceOf), settings.maxSkewMs, step.onChunk);
  }
}

async function* ending(chunks: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } finally {
    progress.end();
  }
}

/** Lets signals and timers in between chunks that are made without waiting. */
async function* yielding(chunks: Iterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  try {
    for (const chunk of chunks) {
      yield chunk;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    progress.end();
  }
}
