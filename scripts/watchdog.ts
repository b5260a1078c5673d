/**
 * Kills test files that exceed their time, and processes that test files leave behind. The runner's own timeout sends SIGTERM, which a
 * process in an endless loop never handles, and the whole run would hang with it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** This environment variable is inherited by children and distinguishes the processes of one run from all others. */
export const RUN_MARK = "SWAPSTATS_TEST_RUN";

const LOOK_EVERY_MS = 5_000;
/** A guard kills the servers of a test file when the file ends. On a busy machine this takes a moment. */
const GRACE_MS = 5_000;
const GRACE_LOOK_MS = 50;
const COMMAND_SHOWN_CHARS = 200;

/** Watches the direct children of this process until the returned function is called. Does nothing where /proc is missing. */
export function watchChildren(lifetimeMs: number, onKill: (pid: number) => void): () => void {
  const firstSeenMs = new Map<number, number>();
  const timer = setInterval(
    () => {
      const nowMs = performance.now();
      const children = new Set(childrenOfThisProcess());
      for (const pid of firstSeenMs.keys()) if (!children.has(pid)) firstSeenMs.delete(pid);
      for (const pid of children) {
        const sinceMs = firstSeenMs.get(pid) ?? nowMs;
        firstSeenMs.set(pid, sinceMs);
        if (nowMs - sinceMs < lifetimeMs) continue;
        onKill(pid);
        process.kill(pid, "SIGKILL");
      }
    },
    Math.min(LOOK_EVERY_MS, lifetimeMs),
  );
  return () => clearInterval(timer);
}

function childrenOfThisProcess(): number[] {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

/**
 * Waits for a moment until all processes with this mark have ended, kills the remaining ones, and returns their command lines. Finds none
 * where /proc is missing.
 */
export async function endLeftBehind(mark: string): Promise<string[]> {
  const deadlineMs = performance.now() + GRACE_MS;
  for (;;) {
    const pids = processesWith(`${RUN_MARK}=${mark}`);
    if (pids.length === 0) return [];
    if (performance.now() > deadlineMs) return pids.map(killProcess);
    await pause(GRACE_LOOK_MS);
  }
}

function killProcess(pid: number): string {
  const command = textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim().slice(0, COMMAND_SHOWN_CHARS);
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The process has ended meanwhile.
  }
  return command;
}

/** A zombie process has no environment. */
function processesWith(setting: string): number[] {
  const pids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)) : [];
  const others = pids.map(Number).filter((pid) => pid !== process.pid);
  return others.filter((pid) => textOf(`/proc/${pid}/environ`).split("\0").includes(setting));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process has ended meanwhile, or belongs to another user.
    return "";
  }
}
