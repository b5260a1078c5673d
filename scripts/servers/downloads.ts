/**
 * Runs commands that download something. Failed commands are retried and hanging ones are ended. Debian packages are installed this way
 * too.
 */
import { spawnSync } from "node:child_process";

/** Pauses before the second and the third attempt. Mirrors and networks usually fail for seconds, rarely for minutes. */
const PAUSES_MS = [5_000, 20_000] as const;
/** Building the S3 server takes 90 s on two idle cores, and many times that on busy ones. */
const ATTEMPT_LIMIT_MS = 20 * 60_000;

type Env = Readonly<Record<string, string>>;

/** Shows the command and its output. After the last attempt it throws an error with the command and how it ended. */
export function download(command: string, args: readonly string[], env: Env = {}): void {
  for (let attempt = 0; ; attempt++) {
    const failure = attemptOnce(command, args, env);
    if (failure === undefined) return;
    const pauseMs = PAUSES_MS[attempt];
    if (pauseMs === undefined) {
      throw new Error(`after ${attempt + 1} attempts: ${command} ${args.join(" ")}: ${failure}`);
    }
    console.log(`${failure}; once more in ${pauseMs / 1_000} s`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
}

/** Describes the failure. A missing command is an error at once, because a retry does not help. */
function attemptOnce(command: string, args: readonly string[], env: Env): string | undefined {
  console.log(`> ${command} ${args.join(" ")}`);
  const { status, signal, error } = spawnSync(command, args, {
    env: { ...process.env, ...env },
    stdio: "inherit",
    timeout: ATTEMPT_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== "ETIMEDOUT") throw error;
  if (status === 0) return undefined;
  return signal === null
    ? `${command} ended with code ${status}`
    : `${command} was ended by ${signal} (limit: ${ATTEMPT_LIMIT_MS / 60_000} minutes)`;
}

/** Only for root on Debian. Elsewhere it throws an error that says what to install. */
export function installDebian(...packages: readonly string[]): void {
  const isDebian = spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0;
  if (!isDebian || process.getuid?.() !== 0) {
    throw new Error(
      `install ${packages.join(", ")} by your system's means (here it is done on Debian, as root, alone)`,
    );
  }
  const patience = ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  download("apt-get", [...patience, "update", "-q"], env);
  // The installation must not start services: tests start their own servers.
  download("apt-get", [...patience, "install", "-y", "-q", "--no-install-recommends", ...packages], {
    ...env,
    RUNLEVEL: "1",
  });
}
