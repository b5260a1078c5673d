/** Waits for a promise for a limited time. The operation is not cancelled; a later rejection is ignored. */
import { SwapstatsError } from "./errors.ts";

/** Rejects with `unavailable` (retryable) after `limitMs`. */
export async function withinTime<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SwapstatsError("unavailable", `${what} took longer than ${limitMs} ms`, { retryable: true }));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
