/** Typed calls over HTTP. Calls that change nothing are repeated when that can help; others are made once. */
import type { CallOptions } from "./call-options.ts";
import { ClientError } from "./client-error.ts";
import { errorOf, requestOf, splitArguments } from "./http-messages.ts";
import { type TokenOption, TokenSource } from "./token-source.ts";
import { type HttpCalls, type Operation, operations } from "./wire/operations.ts";

export type HttpOptions = {
  /** Address of the service, http(s), with its path prefix if it has one. */
  readonly url: string;
  /** A JSON Web Token or an API key, or a function that returns one. It is called again before the token expires, and after a refusal. */
  readonly token?: TokenOption;
  /** For tests, and for platforms that lack it. */
  readonly fetch?: typeof fetch | undefined;
};

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;
const BACKOFF_MS = 250;
/** Responses after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** Returns the calls of a service, without live data. */
export function createHttpCalls(options: HttpOptions): HttpCalls {
  return httpCalls(options, new TokenSource(options.token));
}

/** Returns the calls. When `closed` is aborted, those in progress reject with the code `closed`. */
export function httpCalls(options: HttpOptions, tokens: TokenSource, closed?: AbortSignal): HttpCalls {
  const caller = new Caller(options, tokens, closed);
  const calls = Object.entries(operations).map(([id, operation]) => [
    id,
    (...given: unknown[]) => caller.call(operation, given),
  ]);
  return Object.fromEntries(calls) as HttpCalls;
}

/** What ends a call before its response. */
type Ends = { readonly signal: AbortSignal; readonly untilMs: number; reason(): unknown };

class Caller {
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #tokens: TokenSource;
  readonly #closed: AbortSignal | undefined;

  constructor(options: HttpOptions, tokens: TokenSource, closed: AbortSignal | undefined) {
    this.#base = options.url.replace(/\/+$/, "");
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#tokens = tokens;
    this.#closed = closed;
  }

  async call(operation: Operation, given: readonly unknown[]): Promise<unknown> {
    const { options, ...rest } = splitArguments(operation, given);
    const { signal, timeoutMs = TIMEOUT_MS } = (options ?? {}) as CallOptions;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const signals = [timeout.signal, signal, this.#closed].filter((one) => one !== undefined);
    const ends: Ends = {
      signal: AbortSignal.any(signals),
      untilMs: Date.now() + timeoutMs,
      reason: () => {
        if (signal?.aborted) return signal.reason;
        if (this.#closed?.aborted) return new ClientError("closed", "The client was closed.");
        return new ClientError("timeout", `${this.#base} did not respond to ${operation.path} within ${timeoutMs} ms.`);
      },
    };
    try {
      return await this.#repeat(operation, requestOf(this.#base, operation, rest), ends);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes attempts until one succeeds or none can help. A refused token is replaced once. */
  async #repeat(operation: Operation, request: [string, RequestInit], ends: Ends): Promise<unknown> {
    let mayRenew = this.#tokens.renews;
    for (let attempt = 1; ; ) {
      const token = await until(this.#tokens.current(), ends);
      const result = await this.#attempt(operation, request, token, ends);
      if (!(result instanceof ClientError)) return result;
      if (result.status === 401 && mayRenew) {
        mayRenew = false;
        this.#tokens.refused(token);
        continue;
      }
      const waitMs = Math.max(result.retryAfterMs ?? 0, Math.random() * BACKOFF_MS * 2 ** attempt);
      const canPass = result.status === undefined || PASSING.has(result.status);
      if (operation.repeats !== true || !canPass || attempt === ATTEMPTS || Date.now() + waitMs >= ends.untilMs)
        throw result;
      attempt += 1;
      await until(after(waitMs, ends.signal), ends);
    }
  }

  /** Returns the data, or an error after which another attempt may help. Rejects when the call was ended. */
  async #attempt(
    { accept }: Operation,
    [url, init]: [string, RequestInit],
    token: string | undefined,
    ends: Ends,
  ): Promise<unknown> {
    const headers = token === undefined ? init.headers : { ...init.headers, authorization: `Bearer ${token}` };
    const fetchIt = this.#fetch;
    try {
      const response = await fetchIt(url, { ...init, headers: headers ?? {}, signal: ends.signal });
      if (response.ok && accept === "text/event-stream" && response.body !== null) return response.body;
      const text = await response.text();
      if (!response.ok) return errorOf(response, text, Date.now());
      return accept === "application/json" ? parsed(response, text) : text;
    } catch (error) {
      if (ends.signal.aborted) throw ends.reason();
      return new ClientError("offline", `${url} cannot be reached: ${causeOf(error)}`, { cause: error });
    }
  }
}

function parsed(response: Response, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `${response.url} responded with something other than JSON. Check that the address is that of the service.`;
    return new ClientError("bad_response", message, { status: response.status, cause });
  }
}

/** Resolves like the promise, unless the call is ended before. */
async function until<T>(promise: Promise<T>, ends: Ends): Promise<T> {
  if (ends.signal.aborted) throw ends.reason();
  let stop = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(ends.reason());
    ends.signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([promise, ended]);
  } finally {
    ends.signal.removeEventListener("abort", stop);
  }
}

/** Resolves after a time. Leaves no timer when the signal is aborted. */
function after(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

/** Node hides the reason of a failed fetch in `cause`. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
