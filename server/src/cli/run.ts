/** Runs the command line in this process: exit codes, errors as text, signals, closed pipes. */
import { CommanderError } from "commander";
import { SwapstatsError } from "../shared/errors.ts";
import { maskArguments, maskSecrets } from "../shared/mask-secrets.ts";
import { CommandFailed } from "./command-failed.ts";
import { type Output, processOutput } from "./output.ts";
import { makeProgram } from "./program.ts";

/** Signals within this time count as one. */
const SAME_SIGNAL_MS = 1_000;
/** Only the user can read the files that this program makes. */
const PRIVATE_UMASK = 0o077;
/** Time for which the end waits for a reader of standard error. */
const LAST_WORDS_MS = 500;

export const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

/** Runs the command line `args` (without node and script), and returns the exit code. Never throws. */
export async function runCli(args: readonly string[], given: Output, signal: AbortSignal): Promise<number> {
  const output: Output = { ...given, err: (text) => given.err(maskArguments(text, args)) };
  try {
    await makeProgram(output, signal).parseAsync([...args], { from: "user" });
    return EXIT.fine;
  } catch (error) {
    if (error instanceof CommandFailed) return EXIT.failed;
    // Commander already printed help, the version or its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    if (signal.aborted) {
      output.err("Interrupted.\n");
      return EXIT.failed;
    }
    output.err(`${errorText(error)}\n`);
    return error instanceof SwapstatsError && error.code === "usage" ? EXIT.usage : EXIT.failed;
  }
}

/** Prints an error. Expected errors say what to do and need no stack. An unexpected error is a bug, and is printed with its stack. */
function errorText(error: unknown): string {
  return maskSecrets(plainErrorText(error));
}

function plainErrorText(error: unknown): string {
  if (error instanceof SwapstatsError && error.code !== "internal") return `swapstats: ${error.message}`;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `swapstats: unexpected error; please report it with these lines:\n${stack}`;
}

/** Runs the command line of this process, and exits with its code. The first signal stops `serve` and `demo` in order. */
export async function runProcess(args: readonly string[]): Promise<void> {
  // Only the owner of the service should read data folders, backups and configurations.
  process.umask(PRIVATE_UMASK);
  const stopping = new AbortController();
  // A second signal ends the process at once.
  let firstMs = Number.NaN;
  const onSignal = (): void => {
    const nowMs = performance.now();
    // npm and timeout forward signals that the whole process group already received, so one signal comes twice.
    if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(EXIT.failed);
    if (Number.isNaN(firstMs)) firstMs = nowMs;
    stopping.abort(new Error("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // By default Node opens its inspector at this signal, which gives access to the whole process. A listener prevents that.
  process.on("SIGUSR1", () => {});
  const code = await runCli(args, processOutput(), stopping.signal);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
  // Results wait for their reader, however slow. Messages wait a moment only.
  await written(process.stdout, stopping.signal.aborted ? LAST_WORDS_MS : undefined);
  await written(process.stderr, LAST_WORDS_MS);
  // A pipe without a reader would keep the process alive forever.
  process.exit(code);
}

/** Resolves when all written bytes are flushed, or after `limitMs`. */
function written(stream: NodeJS.WriteStream, limitMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) return resolve();
    if (limitMs !== undefined) setTimeout(resolve, limitMs);
    stream.write("", () => resolve());
  });
}
