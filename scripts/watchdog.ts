/**
 * Kills test files that outlive their time. The runner's own timeout ends a file by SIGTERM, which a process in an endless
 * loop never handles, and the whole run would hang with it.
 */
import { readFileSync } from "node:fs";

const LOOK_EVERY_MS = 5_000;

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
