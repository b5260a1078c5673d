/** Regular looks at all clients of a door, which close those that are dead. */

/** A sweep that comes this much later than it should means that the process did not run meanwhile. */
const STOOD_STILL_MS = 5_000;

/**
 * Calls `sweep` every `everyMs` with the monotonic time. Leaves one out after the process stood still, for example in a suspended machine: timers
 * run before sockets are read, so the clients, whose answers wait to be read, would all seem dead.
 */
export function sweepEvery(everyMs: number, nowMs: () => number, sweep: (nowMs: number) => void): NodeJS.Timeout {
  let lastMs = nowMs();
  let isLeftOut = false;
  const timer = setInterval(() => {
    const atMs = nowMs();
    // Not two in a row, because a thread that is always late has read its sockets in between.
    isLeftOut = !isLeftOut && atMs - lastMs > everyMs + STOOD_STILL_MS;
    lastMs = atMs;
    if (!isLeftOut) sweep(atMs);
  }, everyMs);
  return timer.unref();
}
