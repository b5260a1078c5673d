/** The command `replay`: sends swaps from files to a service, a topic, a data folder, or an engine of this process. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { readMapping } from "../../mapping/reading/read-mapping.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import { DeadLetters, deadLetterLines } from "./dead-letters.ts";
import { replayEmbedded } from "./embedded-replay.ts";
import { inputFiles, Spool, STDIN, type StdinSource } from "./input.ts";
import { ReplayInput, type ReplayOptions } from "./replay-options.ts";
import type { Batches } from "./rows.ts";
import { replayToKafka, replayToService } from "./service-replay.ts";

export type ReplayCommand = ReplayOptions & {
  readonly mapPath: string | undefined;
  /** Address of a service; `kafka` or `kafka://...`: a topic. Undefined: an engine of this process, or `into`. */
  readonly to: string | undefined;
  /** Data folder whose log is filled. */
  readonly into: string | undefined;
  readonly isWhole: boolean;
  /** File for all dead letters, as NDJSON. */
  readonly deadLetterPath: string | undefined;
  /** Whether any dead letter makes the command fail. */
  readonly isStrict: boolean;
  /** The part of a history. */
  readonly span: { readonly fromMs: number | undefined; readonly toMs: number | undefined };
  /** Name of the only token of a history that is replayed. Undefined: all. */
  readonly only: string | undefined;
};

export async function runReplay(
  paths: readonly string[],
  command: ReplayCommand,
  config: Config,
  output: Output,
  signal: AbortSignal,
  stdin: StdinSource = () => process.stdin,
  history?: () => Batches,
): Promise<void> {
  checkInput(paths, command, history !== undefined);
  checkOptions(paths, command);
  const mapping = command.mapPath === undefined ? undefined : readMapping(command.mapPath);
  const files = inputFiles(paths);
  const spool = new Spool();
  try {
    const dead = new DeadLetters(
      history === undefined ? files.map(({ name }) => name) : ["the history"],
      command.deadLetterPath,
    );
    const input = new ReplayInput({ files, mapping, spool, stdin, history }, dead, output);
    let applied: number | undefined;
    try {
      await input.prepare(command.order === "auto" ? "several" : "one", signal);
      applied = await run(input, command, config, output, signal);
    } finally {
      dead.close();
    }
    conclude(input, command, applied, output);
  } finally {
    spool.dispose();
  }
}

async function run(
  input: ReplayInput,
  command: ReplayCommand,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { to, into } = command;
  if (into !== undefined) {
    const { replayInto } = await import("./into-folder.ts");
    return replayInto(input, { ...command, into }, config, output, signal);
  }
  if (to === undefined) return replayEmbedded(input, command, config, output, signal);
  if (to.startsWith("kafka")) return replayToKafka(input, command, config, to, output, signal);
  return replayToService(input, command, config, to, output, signal);
}

function checkInput(paths: readonly string[], command: ReplayCommand, isHistory: boolean): void {
  const refuse = (message: string): never => {
    throw new SwapstatsError("usage", message);
  };
  const { span, only, mapPath } = command;
  if (!isHistory) {
    if (paths.length === 0) refuse("give files of swaps, - for standard input, or --history");
    if ((span.fromMs ?? span.toMs ?? only) !== undefined)
      refuse("--from, --until and --only are parts of a history; give --history");
    return;
  }
  if (paths.length > 0) refuse("--history takes the place of files; give one of the two");
  if (mapPath !== undefined) refuse("--map is for files; the swaps of a history need no mapping");
  if ((span.fromMs ?? 0) >= (span.toMs ?? Number.POSITIVE_INFINITY)) refuse("--from is not before --until");
}

function checkOptions(paths: readonly string[], command: ReplayCommand): void {
  const { to, into, arrivalMs, window, speed, isWhole, deadLetterPath } = command;
  const refuse = (message: string): never => {
    throw new SwapstatsError("usage", message);
  };
  if (to !== undefined && into !== undefined)
    refuse("--to sends to a running service, and --into fills the folder of a stopped one; give one of them");
  if (to !== undefined && arrivalMs !== undefined) {
    refuse("--arrival cannot be used with --to: the service sets the arrival");
  }
  if (to !== undefined && window !== undefined)
    refuse("--window cannot be used with --to: request the overview from the service");
  if (into !== undefined && arrivalMs !== undefined)
    refuse("--arrival cannot be used with --into: the arrival is the event time");
  if (into !== undefined && window !== undefined)
    refuse("--window cannot be used with --into: request the overview from the service");
  if (into !== undefined && speed !== undefined)
    refuse("--speed cannot be used with --into: the log is filled at once");
  if (isWhole && into === undefined) refuse("--whole needs --into DATA_DIR");
  if (paths.filter((path) => path === STDIN).length > 1) refuse("- is standard input, which can be given once");
  const read = command.mapPath === undefined ? paths : [...paths, command.mapPath];
  if (deadLetterPath !== undefined && read.some((path) => path !== STDIN && isSameFile(path, deadLetterPath))) {
    refuse("--dead-letters would overwrite an input file; give another file");
  }
}

/** Detects two names of one file, also through a link. An input must not be truncated under another name. */
function isSameFile(one: string, other: string): boolean {
  if (resolve(one) === resolve(other)) return true;
  const [a, b] = [one, other].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

/** Lists the dead letters. Throws `CommandFailed` when nothing was applied, or for dead letters with --strict. */
function conclude(
  { dead, cut, skipped }: ReplayInput,
  command: ReplayCommand,
  applied: number | undefined,
  output: Output,
): void {
  for (const line of deadLetterLines(dead)) output.err(`${line}\n`);
  if (skipped > 0) {
    const what = skipped === 1 ? "One swap was" : `${groupDigits(skipped)} swaps were`;
    output.err(`${what} skipped, because \`when\` of the mapping did not hold.\n`);
  }
  if (cut !== undefined) throw cut;
  if (applied === 0) {
    const others = skipped > 0 ? "all others" : "all of them";
    const why = dead.count > 0 ? "" : `; the files have no swaps, or ${others} are copies or late`;
    output.err(`swapstats: nothing was applied${why}\n`);
    throw new CommandFailed("nothing was applied");
  }
  if (command.isStrict && dead.count > 0) {
    output.err("swapstats: there are dead letters, and --strict was given\n");
    throw new CommandFailed("dead letters");
  }
}
