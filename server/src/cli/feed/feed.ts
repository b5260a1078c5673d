/** The command `feed`: an origin, such as a file or a table, into a service, a topic, or the log of a data folder. */
import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { readFeeder } from "../../config/read-feeder.ts";
import type { FeederLetter } from "../../ports/feeder.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { printableCut, printableJson } from "../../shared/printable-text.ts";
import { openOriginFeeder } from "../../sources/feeders/open-feeder.ts";
import type { OriginFeeder } from "../../sources/feeders/origin-feeder.ts";
import { type FolderLock, lockFolder } from "../../stores/folder-lock.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits, Progress } from "../progress.ts";
import type { FeedTarget } from "./feed-target.ts";
import { openTarget } from "./targets.ts";

export type FeedCommand = {
  readonly type: string;
  readonly name: string;
  readonly mapPath: string | undefined;
  /** Keys of the type with their texts. */
  readonly settings: Readonly<Record<string, string>>;
  readonly to: string;
  /** Token or API key for a service. */
  readonly token: string | undefined;
  /** Folder of the position. Undefined: that of the target, or one named like the feeder. */
  readonly state: string | undefined;
  readonly isOnce: boolean;
  /** File to which dead letters are added, as NDJSON. */
  readonly deadLetterPath: string | undefined;
};

/** Below which the default folder of a feeder's position is. */
const STATE_FOLDER = "feeder-state";
const PROGRESS_EVERY_MS = 200;
/** Time for a running request to end after a signal; longer than a feeder needs to complete its batch. */
const REQUEST_LIMIT_MS = 10_000;
const LISTED_MAX = 10;
const MESSAGE_LENGTH_MAX = 400;

export async function runFeed(
  command: FeedCommand,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { type, name, mapPath, settings } = command;
  const mapping = mapPath === undefined ? {} : { mapping: mapPath };
  const feederSettings = readFeeder({ ...settings, ...mapping, type, name }, output.env);
  const requests = new AbortController();
  const target = await openTarget(command.to, config, requests.signal, command.token);
  let lock: FolderLock | undefined;
  try {
    const folder = resolve(command.state ?? target.stateFolder ?? `${STATE_FOLDER}/${name}`);
    if (target.stateFolder === undefined) lock = lockState(folder);
    const letters = new LettersOut(command.deadLetterPath);
    const problems = new ProblemLines(output);
    const feeder = await openOriginFeeder(feederSettings, {
      ...{ folder, endsAtEnd: command.isOnce, chains: config.app.chains, bodyEventsMax: target.bodyEventsMax },
      onRefused: (found) => {
        target.keepLetters(found);
        letters.add(found);
      },
      events: { onProblem: (error, retrying) => problems.show(error, retrying) },
      registry: config.ingest.registry,
      nowMs: Date.now,
    });
    await run(feeder, target, `feed ${name} to ${target.label}`, output, signal, requests);
    conclude(feeder, letters, target, output);
  } finally {
    await target.close();
    lock?.release();
  }
}

/** Two commands with one position would each send what the other has sent. */
function lockState(folder: string): FolderLock {
  try {
    makeFolder(folder);
    return lockFolder(folder, Date.now(), () => undefined);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SwapstatsError(
      "storage_failed",
      `the folder of the position cannot be used; give another by --state. ${message}`,
      {
        cause,
      },
    );
  }
}

/** Resolves when the feeder has ended by itself, or after the signal and the running batch. */
async function run(
  feeder: OriginFeeder,
  target: FeedTarget,
  label: string,
  output: Output,
  signal: AbortSignal,
  requests: AbortController,
): Promise<void> {
  const progress = new Progress(output, label, performance.now());
  const show = setInterval(() => {
    progress.update({ records: feeder.countsSinceStart.records, bytesDone: 0, bytesAll: 0 }, performance.now());
  }, PROGRESS_EVERY_MS);
  let limit: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    limit = setTimeout(() => requests.abort(new Error("interrupted")), REQUEST_LIMIT_MS);
    void feeder.stop();
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    await feeder.start(target.port);
    await feeder.ended();
  } finally {
    await feeder.stop();
    signal.removeEventListener("abort", stop);
    clearTimeout(limit);
    clearInterval(show);
    progress.end();
  }
}

/** Prints the counts of this run. Throws `CommandFailed` when the feeder has failed. */
function conclude(feeder: OriginFeeder, letters: LettersOut, { label }: FeedTarget, output: Output): void {
  for (const line of letters.lines()) output.err(`${line}\n`);
  const { records, swaps, rejected, skipped } = feeder.countsSinceStart;
  const { state, position, problem } = feeder.status;
  const refused = rejected === 0 ? "" : `, ${groupDigits(rejected)} records rejected`;
  const left = skipped === 0 ? "" : `, ${groupDigits(skipped)} swaps left out by the mapping`;
  output.out(`${groupDigits(records)} records read, ${groupDigits(swaps)} swaps taken by ${label}${refused}${left}\n`);
  if (position !== undefined) output.out(`position: ${position}\n`);
  if (state !== "failed") return;
  output.err(`swapstats: ${problem}\n`);
  throw new CommandFailed("the feeder has failed");
}

/** Lists the first dead letters, and adds all of them to a file. */
class LettersOut {
  readonly #path: string | undefined;
  readonly #listed: FeederLetter[] = [];
  #count = 0;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  add(letters: readonly FeederLetter[]): void {
    this.#count += letters.length;
    const room = LISTED_MAX - this.#listed.length;
    // The bytes belong to the batch.
    this.#listed.push(...letters.slice(0, room).map((letter) => ({ ...letter, raw: new Uint8Array() })));
    if (this.#path === undefined) return;
    const lines = letters.map(({ raw, ...letter }) => JSON.stringify({ ...letter, raw: Buffer.from(raw).toString() }));
    appendFileSync(this.#path, `${lines.map(printableJson).join("\n")}\n`, { mode: 0o600 });
  }

  lines(): string[] {
    const lines = this.#listed.map(
      ({ record, code, message }) => `  record ${record}: ${code}: ${printableCut(message, MESSAGE_LENGTH_MAX)}`,
    );
    const more = this.#count - this.#listed.length;
    if (more > 0) lines.push(`  and ${more} more; --dead-letters FILE writes all of them`);
    return this.#count === 0 ? [] : ["Records that were rejected:", ...lines];
  }
}

/** Says each problem once, until there is another one. */
class ProblemLines {
  readonly #output: Output;
  #last: string | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  show(error: unknown, retrying: boolean): void {
    const message = error instanceof Error ? error.message : String(error);
    // A failure for good is said at the end.
    if (!retrying || message === this.#last) return;
    this.#last = message;
    this.#output.err(`${message} Retrying.\n`);
  }
}
