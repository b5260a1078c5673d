/** Runs the command line in this process: exit codes, errors as text, signals, closed pipes. */
import { CommanderError } from "commander";
import { SwapstatsError } from "../shared/errors.ts";
import { CommandFailed } from "./command-failed.ts";
import { type Output, processOutput } from "./output.ts";
import { makeProgram } from "./program.ts";

/** Signals that come as close together are one. */
const SAME_SIGNAL_MS = 1_000;

export const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

/** The exit code of the command line `args` (without node and script). Never throws. */
export async function runCli(args: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
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
  if (error instanceof SwapstatsError && error.code !== "internal") return `swapstats: ${error.message}`;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `swapstats: unexpected error; please report it with these lines:\n${stack}`;
}

export async function runProcess(args: readonly string[]): Promise<void> {
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
  // `swapstats generate | head` ends the pipe; that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT.fine : EXIT.failed);
  });
  const code = await runCli(args, processOutput(), stopping.signal);
  process.exitCode = code;
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
}
