/** Runs the command line in this process: exit codes, errors as text, signals, closed pipes. */
import { CommanderError } from "commander";
import { SwapstatsError } from "../shared/errors.ts";
import { maskArguments, maskSecrets } from "../shared/mask-secrets.ts";
import { CommandFailed } from "./command-failed.ts";
import { type Output, processOutput } from "./output.ts";
import { makeProgram } from "./program.ts";

/** Signals that come as close together are one. */
const SAME_SIGNAL_MS = 1_000;
/** Files that this program makes are its user's alone. */
const PRIVATE_UMASK = 0o077;
/** How long the end waits for somebody to read standard error. */
const LAST_WORDS_MS = 500;

export const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

/** The exit code of the command line `args` (without node and script). Never throws. */
export async function runCli(args: readonly string[], given: Output, signal: AbortSignal): Promise<number> {
  const output: Output = { ...given, err: (text) => given.err(maskArguments(text, args)) };
  try {
    await makeProgram(output, signal).parseAsync([...args], { from: "user" });
    return EXIT.fine;
  } catch (error) {
    if (error instanceof CommandFailed) return EXIT.failed;
    // commander has printed help, version or its message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    if (signal.aborted) {
      output.err("Interrupted.\n");
      return EXIT.failed;
    }
    output.err(`${errorText(error)}\n`);
    return error instanceof SwapstatsError && error.code === "usage" ? EXIT.usage : EXIT.failed;
  }
}

/** Expected errors say what to do and need no stack; an unexpected one is ours, and its stack helps to mend it. */
function errorText(error: unknown): string {
  return maskSecrets(plainErrorText(error));
}

function plainErrorText(error: unknown): string {
  if (error instanceof SwapstatsError && error.code !== "internal") return `swapstats: ${error.message}`;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `swapstats: unexpected error; please report it with these lines:\n${stack}`;
}

export async function runProcess(args: readonly string[]): Promise<void> {
  // Data folders, backups and configurations hold what the owner of the service alone should read.
  process.umask(PRIVATE_UMASK);
  const stopping = new AbortController();
  // `serve` and `demo` stop in order on the first signal; another one ends the process at once.
  let firstMs = Number.NaN;
  const onSignal = (): void => {
    const nowMs = performance.now();
    // npm and timeout hand on what the terminal or they themselves sent to the whole group: one signal comes twice.
    if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(EXIT.failed);
    if (Number.isNaN(firstMs)) firstMs = nowMs;
    stopping.abort(new Error("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // Node opens its inspector at this signal, a door to everything in the process; a listener of our own keeps it shut.
  process.on("SIGUSR1", () => {});
  const code = await runCli(args, processOutput(), stopping.signal);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
  // Answers are for whoever reads them, however slowly; what is said to people waits a moment only.
  await written(process.stdout, stopping.signal.aborted ? LAST_WORDS_MS : undefined);
  await written(process.stderr, LAST_WORDS_MS);
  // A pipe that nobody reads would keep the process alive for ever.
  process.exit(code);
}

/** Resolves when all that was written has been taken, or after `limitMs`. */
function written(stream: NodeJS.WriteStream, limitMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) return resolve();
    if (limitMs !== undefined) setTimeout(resolve, limitMs);
    stream.write("", () => resolve());
  });
}
