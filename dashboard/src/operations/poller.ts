/**
 * Asks for something again and again, while the page is visible:
 *
 *   waiting  --the time is over, or the page becomes visible--> asking
 *   asking   --an answer--> waiting for the interval
 *   asking   --a failure--> waiting, twice as long after each failure up to the limit, or as long as the service says
 *   any      --the page is hidden--> hidden    a running request ends by itself
 *   hidden   --the page is visible--> asking
 *   any      --closed--> closed
 */

/** The parts of the platform that a poller uses. */
export type Platform = {
  /** Unix milliseconds. */
  now(): number;
  /** From 0 up to 1, for jitter. */
  random(): number;
  /** Calls back once. Returns how to prevent that. */
  after(ms: number, call: () => void): () => void;
  isHidden(): boolean;
  /** Calls back when `isHidden` changes, until the returned function is called. */
  onHidden(call: () => void): () => void;
};

export type Failure = { readonly code: string; readonly message: string; readonly retryAfterMs?: number | undefined };

export type Polled<T> = {
  /** The newest answer, also while newer requests fail. */
  readonly value: T | undefined;
  /** When it came. */
  readonly atMs: number | undefined;
  /** Why the last request failed. Undefined: it did not. */
  readonly error: Failure | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** When the next request is made. Undefined: one is running, or the page is hidden. */
  readonly nextAtMs: number | undefined;
};

type Options<T> = {
  readonly ask: (signal: AbortSignal) => Promise<T>;
  /** Makes a failure of what `ask` rejected with. */
  readonly failureOf: (error: unknown) => Failure;
  readonly everyMs: number;
  readonly platform: Platform;
  readonly onChange: (polled: Polled<T>) => void;
};

export const RETRY_MAX_MS = 30_000;
/** Time limit for an answer. */
export const ANSWER_WITHIN_MS = 10_000;

/** Returns the wait after this number of failures in a row. `random` is from 0 to below 1. */
export function waitMsAfter(failures: number, everyMs: number, random: number): number {
  if (failures === 0) return everyMs;
  const most = Math.min(RETRY_MAX_MS, everyMs * 2 ** failures);
  return most / 2 + (most / 2) * random;
}

export class Poller<T> {
  readonly #options: Options<T>;
  #polled: Polled<T> = { value: undefined, atMs: undefined, error: undefined, failures: 0, nextAtMs: undefined };
  #stopTimer = (): void => undefined;
  readonly #stopHidden: () => void;
  #running: AbortController | undefined;
  #isClosed = false;

  /** Asks at once, unless the page is hidden. */
  constructor(options: Options<T>) {
    this.#options = options;
    this.#stopHidden = options.platform.onHidden(() => this.#visibilityChanged());
    this.#visibilityChanged();
  }

  /** Asks now, if no request is running. */
  askNow(): void {
    if (this.#isClosed || this.#running !== undefined) return;
    this.#stopTimer();
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer();
    this.#stopHidden();
    this.#running?.abort();
  }

  #visibilityChanged(): void {
    if (this.#options.platform.isHidden()) {
      this.#stopTimer();
      this.#change({ nextAtMs: undefined });
    } else {
      this.askNow();
    }
  }

  async #ask(): Promise<void> {
    const { ask, failureOf, platform } = this.#options;
    const running = new AbortController();
    this.#running = running;
    this.#change({ nextAtMs: undefined });
    const stopLimit = platform.after(ANSWER_WITHIN_MS, () => running.abort());
    let result: Partial<Polled<T>>;
    try {
      result = { value: await ask(running.signal), atMs: platform.now(), error: undefined, failures: 0 };
    } catch (error) {
      const failure = running.signal.aborted
        ? { code: "timeout", message: `The service has not answered within ${ANSWER_WITHIN_MS / 1_000} s.` }
        : failureOf(error);
      result = { error: failure, failures: this.#polled.failures + 1 };
    }
    stopLimit();
    this.#running = undefined;
    if (!this.#isClosed) this.#next(result);
  }

  #next(result: Partial<Polled<T>>): void {
    const { everyMs, platform } = this.#options;
    const { failures = 0, error } = result;
    if (platform.isHidden()) {
      this.#change({ ...result, nextAtMs: undefined });
      return;
    }
    const waitMs = Math.max(waitMsAfter(failures, everyMs, platform.random()), error?.retryAfterMs ?? 0);
    this.#stopTimer = platform.after(waitMs, () => void this.#ask());
    this.#change({ ...result, nextAtMs: platform.now() + waitMs });
  }

  #change(change: Partial<Polled<T>>): void {
    this.#polled = { ...this.#polled, ...change };
    if (!this.#isClosed) this.#options.onChange(this.#polled);
  }
}

/** The platform of the page. */
export const PAGE: Platform = {
  now: Date.now,
  random: Math.random,
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  isHidden: () => document.hidden,
  onHidden: (call) => {
    document.addEventListener("visibilitychange", call);
    return () => document.removeEventListener("visibilitychange", call);
  },
};
