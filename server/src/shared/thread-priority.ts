/** Priority of the calling thread. */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/** About a tenth of the time of an equal, where cores are busy. */
const LOW_PRIORITY = 10;

/** Lets other threads go before this one and those that it starts. Does nothing where the system has no priorities of threads. */
export function lowerThreadPriority(): void {
  try {
    // Linux alone names the thread; a process elsewhere must keep its priority as a whole.
    const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    setPriority(thread, LOW_PRIORITY);
  } catch {
    // The thread then competes with other threads as an equal.
  }
}
