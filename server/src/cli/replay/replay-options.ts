import type { EngineSettings } from "../../config/config.ts";
import type { SwapstatsError } from "../../shared/errors.ts";
import type { Output } from "../output.ts";
import { Progress } from "../progress.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { DisorderWatch } from "./disorder.ts";
import { isInOrder, type OnChunk } from "./feed.ts";
import { checkFiles, readSwaps, type Source } from "./formats.ts";
import { type InputFile, NO_COUNTER, type ReadCounter, readChunks, readStdin, STDIN } from "./input.ts";
import type { Batch, Batches } from "./rows.ts";

export type ReplayOptions = {
  readonly order: "auto" | "file" | "time";
  /** Multiple of the speed at which the swaps happened. Undefined: as fast as possible. */
  readonly speed: number | undefined;
  /** Arrival of every record. Undefined: the time of reading. */
  readonly arrivalMs: number | undefined;
  /** Undefined: the longest window (table), or all of them (JSON). */
  readonly window: string | undefined;
  readonly format: "table" | "json";
  /** Token or API key for a service. */
  readonly token?: string | undefined;
};

/** One pass over the swaps, with its progress. */
export type Step = { readonly chunks: Batches; readonly onChunk: OnChunk };

/** The files of a replay. Each pass reads them again. */
export class ReplayInput {
  readonly dead: DeadLetters;
  /** The reason why reading ended before the end of the files. */
  cut: SwapstatsError | undefined;
  #source: Source;
  #bytesAll: number;
  readonly #output: Output;
  #counter = NO_COUNTER();

  constructor(source: Source, dead: DeadLetters, output: Output) {
    this.#source = source;
    this.#bytesAll = bytesOf(source);
    this.dead = dead;
    this.#output = output;
  }

  /** Swaps that the mapping skipped in the last pass over the files. */
  get skipped(): number {
    return this.#counter.skipped;
  }

  /**
   * Checks the kinds of all files, and makes pipes and standard input readable twice if `passes` needs it. Rejects when a file
   * cannot be read.
   */
  async prepare(passes: "one" | "several", signal: AbortSignal): Promise<void> {
    if (passes === "several") {
      const files = [];
      for (const file of this.#source.files) {
        if (file.kind !== "stream") {
          files.push(file);
          continue;
        }
        files.push(await this.#keep(file, signal));
      }
      this.#source = { ...this.#source, files };
      this.#bytesAll = bytesOf(this.#source);
    }
    await checkFiles(this.#source);
  }

  async #keep(file: InputFile, signal: AbortSignal): Promise<InputFile> {
    const counter = NO_COUNTER();
    const progress = new Progress(this.#output, `keep ${file.name}`, performance.now());
    const raw = file.path === STDIN ? readStdin(this.#source.stdin, counter) : readChunks(file, counter);
    async function* watched(): AsyncGenerator<Buffer> {
      for await (const chunk of raw) {
        signal.throwIfAborted();
        progress.update({ records: undefined, bytesDone: counter.bytesDone, bytesAll: 0 }, performance.now());
        yield chunk;
      }
    }
    try {
      return await this.#source.spool.keep(watched(), file.name);
    } finally {
      progress.end();
    }
  }

  /**
   * Starts a pass over the files. `onChunk` throws when the signal aborts. Dead letters of an earlier pass are forgotten. A pass that
   * only checks makes none.
   */
  step(label: string, signal: AbortSignal, purpose: "effect" | "check" = "effect"): Step {
    this.dead.reset();
    this.cut = undefined;
    const { dead } = this;
    const counter: ReadCounter = {
      bytesDone: 0,
      skipped: 0,
      get wantsText() {
        return purpose === "effect" && dead.wantsText;
      },
    };
    this.#counter = counter;
    const progress = new Progress(this.#output, label, performance.now());
    const onChunk = (records: number): void => {
      signal.throwIfAborted();
      progress.update({ records, bytesDone: counter.bytesDone, bytesAll: this.#bytesAll }, performance.now());
    };
    const onCut = (failure: SwapstatsError): void => {
      this.cut = failure;
    };
    return { chunks: ending(readSwaps(this.#source, counter, onCut), progress), onChunk };
  }

  /** Starts a pass over batches from elsewhere. */
  stepOver(label: string, chunks: Iterable<Batch>, signal: AbortSignal): Step {
    const progress = new Progress(this.#output, label, performance.now());
    const onChunk = (records: number): void => {
      signal.throwIfAborted();
      progress.update({ records, bytesDone: 0, bytesAll: 0 }, performance.now());
    };
    return { chunks: yielding(chunks, progress), onChunk };
  }

  /** Makes a pass that checks whether the swaps are in order within grace. */
  isInOrder(settings: EngineSettings, graceOf: (chainId: number) => number, signal: AbortSignal): Promise<boolean> {
    const step = this.step("check", signal, "check");
    return isInOrder(step.chunks, new DisorderWatch(graceOf), settings.maxSkewMs, step.onChunk);
  }
}

function bytesOf({ files }: Source): number {
  return files.some(({ kind }) => kind !== "file") ? 0 : files.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function* ending(chunks: AsyncIterable<Batch>, progress: Progress): AsyncGenerator<Batch> {
  try {
    yield* chunks;
  } finally {
    progress.end();
  }
}

/** Yields to signals and timers between batches that are made synchronously. */
async function* yielding(chunks: Iterable<Batch>, progress: Progress): AsyncGenerator<Batch> {
  try {
    for (const chunk of chunks) {
      yield chunk;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    progress.end();
  }
}
