/** A bound for waits of long tests, so that a test that is stuck says where, instead of running into the time limit of its file. */

/** Far beyond every time limit of the service, and well within that of a test file. */
const LIMIT_MS = 120_000;

/** Resolves as `promise` does. Rejects if that takes too long, with what was waited for, which `what` tells at that moment. */
export async function within<T>(promise: Promise<T>, what: () => string): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`stuck for ${LIMIT_MS / 1_000} s: ${what()}`)), LIMIT_MS);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
