/**
 * `replay --into`: fills the log of a data folder of a stopped service, so that the service starts with a past.
 *
 * The log is written in a separate folder and moved to its place when it is complete. A command that is killed therefore leaves the
 * data folder as it was, and the next command removes the rest. Rejected: appending to a log that has records. Lateness follows from
 * the order in the log, so all swaps older than its end would be late. Instead, a new log is made with the old folder among the
 * inputs, which puts all swaps in order.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { type Config, type EngineSettings, toEngineConfig } from "../../config/config.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { partitionOfToken } from "../../shared/token-partition.ts";
import { LOG_FOLDER } from "../../sources/embedded/log-writer.ts";
import { lockFolder } from "../../stores/folder-lock.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { SwapSink } from "./feed.ts";
import { PastLog } from "./past-log.ts";
import type { ReplayInput, ReplayOptions } from "./replay-options.ts";
import { replayToSink } from "./service-replay.ts";

/** Folder of the log until it is complete. */
export const FILLING_FOLDER = "log.filling";
const CHECKPOINT_FOLDER = "checkpoints";

export type IntoOptions = ReplayOptions & {
  readonly into: string;
  /** Whether no swap between the first one and now is missing. */
  readonly isWhole: boolean;
};

/** Resolves to the number of records in the log. Rejects with `data_folder_locked`, `bad_request` when the folder has a state, `log_full`. */
export async function replayInto(
  input: ReplayInput,
  options: IntoOptions,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  if (!("embedded" in config.ingest)) {
    const { source } = config.ingest;
    throw new SwapstatsError(
      "usage",
      `--into fills an embedded log, and ingest.source is ${source}; use --to ${source}`,
    );
  }
  const { embedded } = config.ingest;
  const dataDir = resolve(options.into);
  const name = printableCut(options.into, 200);
  makeDataFolder(dataDir, name);
  const lock = lockFolder(dataDir, Date.now(), () => undefined);
  const filling = join(dataDir, FILLING_FOLDER);
  try {
    refuseUsed(dataDir, name);
    rmSync(filling, { recursive: true, force: true });
    mkdirSync(filling);
    const log = new PastLog(filling, embedded, Date.now());
    try {
      const sink = new IntoSink(log, config, embedded.partitions, input.dead);
      await replayToSink(sink, input, options, config, output, signal);
      signal.throwIfAborted();
      if (input.cut !== undefined) {
        throw new SwapstatsError("bad_request", `${input.cut.message} Nothing was written to ${name}.`);
      }
      log.finish(options.isWhole);
    } finally {
      log.close();
    }
    if (log.count > 0) install(dataDir, filling);
    report(log, options, name, output);
    return log.count;
  } finally {
    rmSync(filling, { recursive: true, force: true });
    lock.release();
  }
}

function makeDataFolder(dataDir: string, name: string): void {
  try {
    makeFolder(dataDir);
  } catch (cause) {
    const message = `the data folder ${name} cannot be created (${(cause as Error).message}); check the path and the permissions`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

function refuseUsed(dataDir: string, name: string): void {
  const used = [LOG_FOLDER, CHECKPOINT_FOLDER].filter((folder) => {
    const path = join(dataDir, folder);
    return existsSync(path) && readdirSync(path).length > 0;
  });
  if (used.length === 0) return;
  throw new SwapstatsError(
    "bad_request",
    `${name} holds a log or checkpoints already (${used.join(", ")}), and a past has its place in front of them. Move the folder away, and give it as an input too, so that nothing of it is lost: mv ${name} ${name}.before; swapstats replay FILE ${name}.before --into ${name}`,
  );
}

/** Moves the log to its place in one step. A crash leaves the step either done or not done. */
function install(dataDir: string, filling: string): void {
  const target = join(dataDir, LOG_FOLDER);
  rmSync(target, { recursive: true, force: true });
  renameSync(filling, target);
  const folder = openSync(dataDir, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function report(log: PastLog, { format, isWhole }: IntoOptions, name: string, output: Output): void {
  const { count, firstMs, lastMs } = log;
  if (format === "json") {
    output.out(
      `${JSON.stringify({ written: count, ...(count === 0 ? {} : { from: firstMs, to: lastMs }), whole: isWhole })}\n`,
    );
    return;
  }
  if (count === 0) return;
  const span = `${new Date(firstMs).toISOString()} to ${new Date(lastMs).toISOString()}`;
  const complete = isWhole
    ? "Windows are complete from the first swap on."
    : "Windows are complete only from now on. Use --whole if no swap between the first one and now is missing.";
  output.out(`${groupDigits(count)} swaps of ${span} are in the log of ${name}. ${complete}\n`);
}

/** Adds lines to the log of the partition of their token. */
class IntoSink implements SwapSink {
  readonly #log: PastLog;
  readonly #dead: DeadLetters;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();
  readonly #partitions: number;
  readonly #settings: EngineSettings;

  constructor(log: PastLog, config: Config, partitions: number, dead: DeadLetters) {
    this.#log = log;
    this.#dead = dead;
    this.#partitions = partitions;
    this.#settings = toEngineConfig(config);
    this.#decoder = new SwapDecoder(config.app.chains);
  }

  take(bytes: Uint8Array, start: number, end: number, file = 0, row = 0): undefined {
    const event = this.#event;
    const code = this.#decoder.decode(bytes, start, end, event);
    // Arrivals in the log never decrease: one swap of next year would make all later arrivals wrong.
    const isAhead = code === undefined && event.eventTimeMs > Date.now() + this.#skewMs(event.chainId);
    if (code !== undefined || isAhead) {
      this.#dead.note(file, row, code ?? "quarantined", bytes, start, end);
      return;
    }
    const partition = partitionOfToken(event.chainId, event.bytes, event.tokenStart, event.tokenEnd, this.#partitions);
    this.#log.add(partition, event.eventTimeMs, bytes, start, end);
  }

  #skewMs(chainId: number): number {
    return this.#settings.chains.get(chainId)?.maxSkewMs ?? this.#settings.maxSkewMs;
  }

  async flush(): Promise<void> {}
}
