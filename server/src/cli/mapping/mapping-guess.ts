/** The command `mapping guess`: proposes a mapping for a file. */
import { parseMapping } from "../../mapping/reading/read-mapping.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import {
  type InputFile,
  inputFiles,
  NO_COUNTER,
  readChunks,
  readStdin,
  Spool,
  STDIN,
  type StdinSource,
} from "../replay/input.ts";
import { type Guess, guessMapping } from "./guess.ts";
import { runMapping, type Schemas } from "./run-mapping.ts";
import { readSample } from "./sample-records.ts";

/** Guesses are about JSON and tables. */
const NO_SCHEMAS: Schemas = { registry: undefined, signal: new AbortController().signal };
/** Records that a guess is made of. */
const GUESS_RECORDS = 200;

/** Prints the mapping. Rejects with `CommandFailed` when a required field is missing, or no record gives a swap. */
export async function runMappingGuess(
  path: string,
  output: Output,
  stdin: StdinSource = () => process.stdin,
): Promise<void> {
  const [given] = inputFiles([path]) as [InputFile];
  const spool = new Spool();
  try {
    // The file is read twice: for the guess, and to try it.
    const raw = given.path === STDIN ? readStdin(stdin, NO_COUNTER()) : readChunks(given, NO_COUNTER());
    const input = given.kind === "stream" ? await spool.keep(raw, given.name) : given;
    const source = { files: [], mapping: undefined, spool, stdin };
    const { records, columns, areSwaps } = await readSample(source, input, GUESS_RECORDS);
    if (records.length === 0) {
      throw new SwapstatsError(
        "bad_request",
        `${given.name} has no records that a mapping could read; is it the right file?`,
      );
    }
    if (areSwaps) output.err("The records are swap events already, and need no mapping.\n");
    const guess = guessMapping(records, columns);
    const { swaps, why } = await tried(guess, { ...source, spool }, input);
    const name = printableCut(path, 100);
    output.out(
      [
        `# Guessed by \`swapstats mapping guess\` from the first ${groupDigits(records.length)} records of ${name}: ${swaps === 1 ? "1 swap comes" : `${groupDigits(swaps)} swaps come`} out.`,
        "# Check it, above all the lines with `# ?`. docs/mapping.md describes every key. Then:",
        `#   swapstats mapping test --map mapping.yaml ${name}`,
        guess.text,
      ].join("\n"),
    );
    if (guess.missing.length > 0) {
      output.err(`The records have nothing for ${guess.missing.join(", ")}: complete these lines of the mapping.\n`);
      throw new CommandFailed("fields are missing");
    }
    if (swaps === 0) {
      output.err(
        `No swap comes out yet${why === undefined ? "" : `: ${printableCut(why, 400)}`}. Correct the mapping, and test it.\n`,
      );
      throw new CommandFailed("no swap came out");
    }
  } finally {
    spool.dispose();
  }
}

/** Returns the number of swaps that the guess makes, and the first reason why a record makes none. */
async function tried(
  guess: Guess,
  source: Parameters<typeof readSample>[0],
  input: InputFile,
): Promise<{ swaps: number; why: string | undefined }> {
  if (guess.missing.length > 0) return { swaps: 0, why: undefined };
  const mapping = parseMapping(guess.text, "of the guess");
  const tested = await runMapping({ ...source, mapping }, input, GUESS_RECORDS, NO_SCHEMAS);
  return {
    swaps: tested.reduce((sum, { events }) => sum + events.length, 0),
    why: tested.flatMap(({ refused }) => refused)[0]?.message,
  };
}
