/** The command `replay`: swaps from files into a service, a topic or a data folder, or through an engine of this process. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { DeadLetters, deadLetterLines } from "./dead-letters.ts";
import { replayEmbedded } from "./embedded-replay.ts";
import { inputFiles, Spool, STDIN, type StdinSource } from "./input.ts";
import { readMapping } from "./mapping.ts";
import { ReplayInput, type ReplayOptions } from "./replay-options.ts";
import { replayToKafka, replayToService } from "./service-replay.ts";

export type ReplayCommand = ReplayOptions & {
  readonly mapPath: string | undefined;
  /** Address of a service; `kafka` or `kafka://...`: a topic; undefined: an engine of this process, or `into`. */
  readonly to: string | undefined;
  /** A data folder whose log is filled. */
  readonly into: string | undefined;
  readonly isWhole: boolean;
  /** Where all dead letters are written as NDJSON. */
  readonly deadLetterPath: string | undefined;
  /** Any dead letter makes the command fail. */
  readonly isStrict: boolean;
};

export async function runReplay(
  paths: readonly string[],
  command: ReplayCommand,
  config: Config,
  output: Output,
  signal: AbortSignal,
  stdin: StdinSource = () => process.stdin,
): Promise<void> {
  checkOptions(paths, command);
  const mapping = command.mapPath === undefined ? undefined : readMapping(command.mapPath);
  const files = inputFiles(paths);
  const spool = new Spool();
  try {
    const dead = new DeadLetters(
      files.map(({ name }) => name),
      command.deadLetterPath,
    );
    const input = new ReplayInput({ files, mapping, spool, stdin }, dead, output);
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

function checkOptions(paths: readonly string[], command: ReplayCommand): void {
  const { to, into, arrivalMs, window, speed, isWhole, deadLetterPath } = command;
  const refuse = (message: string): never => {
    throw new SwapstatsError("usage", message);
  };
  if (to !== undefined && into !== undefined)
    refuse("--to sends to a running service, --into fills a stopped one's folder; give one");
  if (to !== undefined && arrivalMs !== undefined) {
    refuse("--arrival goes without --to: a service takes its own time as the arrival");
  }
  if (to !== undefined && window !== undefined) refuse("--window goes without --to: ask the service for its overview");
  if (into !== undefined && arrivalMs !== undefined)
    refuse("--arrival goes without --into: there the arrival is the event time");
  if (into !== undefined && window !== undefined)
    refuse("--window goes without --into: ask the service for its overview");
  if (into !== undefined && speed !== undefined) refuse("--speed goes without --into: there is nothing to wait for");
  if (isWhole && into === undefined) refuse("--whole goes with --into DATA_DIR");
  if (paths.filter((path) => path === STDIN).length > 1) refuse("- is standard input, which can be read once");
  const read = command.mapPath === undefined ? paths : [...paths, command.mapPath];
  if (deadLetterPath !== undefined && read.some((path) => path !== STDIN && isSameFile(path, deadLetterPath))) {
    refuse("--dead-letters would write over one of the files that are read; name another");
  }
}

/** Two names of one file, also by a link: what is read must not be emptied under another name. */
function isSameFile(one: string, other: string): boolean {
  if (resolve(one) === resolve(other)) return true;
  const [a, b] = [one, other].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

/** Lists the dead letters, and fails where the user must hear of it. */
function conclude(
  { dead, cut }: ReplayInput,
  command: ReplayCommand,
  applied: number | undefined,
  output: Output,
): void {
  for (const line of deadLetterLines(dead)) output.err(`${line}\n`);
  if (cut !== undefined) throw cut;
  if (applied === 0) {
    const why = dead.count > 0 ? "" : "; the files hold no swaps, or none that is new and in time";
    output.err(`swapstats: nothing was applied${why}\n`);
    throw new CommandFailed("nothing was applied");
  }
  if (command.isStrict && dead.count > 0) {
    output.err("swapstats: there are dead letters, and --strict was given\n");
    throw new CommandFailed("dead letters");
  }
}
