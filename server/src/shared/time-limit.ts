/** Waits for a promise for a limited time. What it stands for goes on; its later failure is nobody's business any more. */
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
