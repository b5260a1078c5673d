/**
 * The common part of starting a real server: a process with its log in a file, waiting until it responds, and its end. A server
 * never outlives the process that started it, however that process ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const HOST = "127.0.0.1";
const STOP_LIMIT_MS = 10_000;
const READY_LIMIT_MS = 60_000;
const POLL_MS = 20;
const CONNECT_LIMIT_MS = 1_000;
/** How much of the end of a log an error message shows. */
const LOG_SHOWN_CHARS = 4_000;

type ProcessOptions = {
  /** Name in messages and of the log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Folder of the log `<name>.log`, created if missing. Also the working folder. */
  readonly folder: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
};

export type ServerProcess = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended for any reason. */
  readonly exited: Promise<void>;
  hasExited(): boolean;
  /** SIGTERM, then SIGKILL when that does not end it within 10 s. Resolves when it has ended. May be called again. */
  stop(): Promise<void>;
  /** SIGKILL at once. `exited` tells when it has ended. */
  kill(): void;
  /** Sends any other signal, such as SIGSTOP and SIGCONT. */
  signal(name: NodeJS.Signals): void;
};

/** Starts a process. It is killed when this process ends. Call `stop` earlier where a clean end matters. */
export function startProcess(options: ProcessOptions): ServerProcess {
  const { name, command, args, folder, env } = options;
  mkdirSync(folder, { recursive: true });
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", log, log] });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    // The event with the reason comes later and would add nothing to this message.
    child.on("error", () => {});
    throw new Error(`${name} cannot be started: is ${command} there and executable?`);
  }
  const guard = guardOf(pid);
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      ended = true;
      guard.stdin?.end("done\n");
      resolve();
    });
  });
  child.unref();
  const signal = (signalName: NodeJS.Signals): void => {
    if (!ended) child.kill(signalName);
  };
  const stop = async (): Promise<void> => {
    // A process that was stopped by SIGSTOP would not handle the request.
    signal("SIGCONT");
    signal("SIGTERM");
    const overdue = setTimeout(() => signal("SIGKILL"), STOP_LIMIT_MS);
    child.ref();
    await exited;
    clearTimeout(overdue);
  };
  return { name, pid, logFile, exited, hasExited: () => ended, stop, kill: () => signal("SIGKILL"), signal };
}

/**
 * A shell that kills the process when the shell's own input ends. The system closes that input when this process is gone, also after
 * SIGKILL, where no handler of ours would run. It has its own process group, so that Ctrl-C does not end it first.
 */
function guardOf(pid: number): ChildProcess {
  const script = 'read -r word; [ "$word" = done ] || kill -9 "$1"';
  const guard = spawn("sh", ["-c", script, "guard", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.stdin.on("error", () => {});
  (guard.stdin as unknown as { unref(): void }).unref();
  guard.unref();
  return guard;
}

/**
 * Resolves when `probe` returns true. A probe that throws counts as false. If the process ends before, or the limit passes, it kills the
 * process and rejects with the end of the log in the message.
 */
export async function waitUntilReady(
  server: ServerProcess,
  probe: () => Promise<boolean>,
  limitMs: number = READY_LIMIT_MS,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await probe().catch(() => false))) {
    const overdue = performance.now() > deadlineMs;
    if (!overdue && !server.hasExited()) {
      await pause(POLL_MS);
      continue;
    }
    server.kill();
    await server.exited;
    const why = overdue ? `did not answer within ${limitMs} ms` : "ended while it was starting";
    throw new Error(`${server.name} ${why}. The end of its log ${server.logFile}:\n${endOfLog(server.logFile)}`);
  }
}

/** Resolves when `probe` returns true, or rejects with `what` after the limit. For states that a running server reaches. */
export async function waitFor(what: string, probe: () => Promise<boolean>, limitMs = READY_LIMIT_MS): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await probe().catch(() => false))) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await pause(POLL_MS);
  }
}

/** Returns whether something accepts connections there. */
export function canConnect(port: number, host: string = HOST): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: CONNECT_LIMIT_MS });
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", done(true));
    socket.once("error", done(false));
    socket.once("timeout", done(false));
  });
}

export function endOfLog(file: string): string {
  try {
    return readFileSync(file, "utf8").slice(-LOG_SHOWN_CHARS);
  } catch {
    return "(there is none)";
  }
}
