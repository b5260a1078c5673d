/** The answer to one call, for parts of a page that do not follow live data. */
import { ClientError } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";

/** While an answer is on its way, `value` is still the answer to the previous question. */
type Answer<T> = {
  readonly value: T | undefined;
  /** The value does not answer the present question yet. */
  readonly isFormer: boolean;
  /** Why there is no answer to the present question. */
  readonly error: ClientError | undefined;
  /** Asks again. */
  retry(): void;
};

/** After these the same call may succeed. */
const PASSING: ReadonlySet<string> = new Set([
  ...["offline", "timeout", "unavailable", "not_ready", "shutting_down", "rate_limited", "too_many_requests"],
]);
const RETRY_MS = 5_000;

type Known<T> = { readonly of: string; readonly value?: T; readonly error?: ClientError; readonly failed?: string };

/** Asks when `key` changes, which holds everything that the question depends on; undefined asks nothing. Problems that pass lead to another try. */
export function useAnswer<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [known, setKnown] = useState<Known<T>>({ of: "" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (key === undefined) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    ask(ended.signal).then(
      (value) => setKnown({ of: key, value }),
      (error: unknown) => {
        if (ended.signal.aborted) return;
        const told = error instanceof ClientError ? error : new ClientError("bad_response", String(error));
        setKnown((former) => ({ ...former, error: told, failed: key }));
        if (PASSING.has(told.code)) timer = setTimeout(() => setAttempt((count) => count + 1), RETRY_MS);
      },
    );
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [key, attempt]);
  return {
    value: known.value,
    isFormer: known.of !== key,
    error: known.failed === key && known.of !== key ? known.error : undefined,
    retry: () => setAttempt((count) => count + 1),
  };
}
