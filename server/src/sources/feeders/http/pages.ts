/** Fetches pages of an API: rate limits, redirects within the same origin, limits of size and time. */
import { setTimeout as pause } from "node:timers/promises";
import type { FeederConfig } from "../../../config/build/ingest.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { readBody, retryAfterMs } from "../../../shared/read-body.ts";
import { type BackoffLimits, backoffMs } from "../../../shared/retry.ts";

export type HttpSettings = FeederConfig<"http">;

type Page = { readonly body: Uint8Array; readonly link: string | null };

const REDIRECTS_MAX = 5;
const RATE_PAUSES: BackoffLimits = { firstMs: 1_000, longestMs: 60_000 };
/** Refusals in a row after which the error is reported as a failure. */
const RATE_ATTEMPTS_MAX = 8;

export class PageClient {
  readonly #settings: HttpSettings;
  readonly #pauses: BackoffLimits;
  readonly #host: string;
  #lastMs = 0;
  /** Present limit of the rate. */
  problem: string | undefined;

  constructor(settings: HttpSettings, pauses: BackoffLimits = RATE_PAUSES) {
    this.#settings = settings;
    this.#pauses = pauses;
    this.#host = new URL(settings.url).host;
  }

  /** Rejects with `unavailable` (retryable), and with the signal's reason. */
  async get(url: URL, signal: AbortSignal): Promise<Page> {
    for (let refusals = 1; ; refusals++) {
      await this.#keepInterval(signal);
      const response = await this.#follow(url, signal);
      if (response.ok) {
        this.problem = undefined;
        const body = await this.#guarded(() => readBody(response, this.#settings.pageBytesMax, this.#host), signal);
        return { body, link: response.headers.get("link") };
      }
      await response.body?.cancel().catch(() => {});
      const { status } = response;
      const asked = retryAfterMs(response, Date.now());
      if (status !== 429 && !(status === 503 && asked > 0)) {
        throw unavailable(
          `${this.#host} answers HTTP ${status}${status < 500 ? "; check url, query and headers" : ""}`,
        );
      }
      this.problem = `${this.#host} limits the rate of requests (HTTP ${status}).`;
      if (refusals === RATE_ATTEMPTS_MAX) throw unavailable(this.problem);
      await pause(Math.max(asked, backoffMs(this.#pauses, refusals)), undefined, { signal });
    }
  }

  /** Follows redirects within the same origin: headers with secrets go nowhere else. */
  async #follow(first: URL, signal: AbortSignal): Promise<Response> {
    let url = first;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#guarded(
        () =>
          fetch(url.href, {
            headers: { accept: "application/json", ...this.#settings.headers },
            redirect: "manual",
            signal: AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeoutMs)]),
          }),
        signal,
      );
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel().catch(() => {});
      const next = URL.parse(location, url.href);
      if (next === null || next.origin !== first.origin) {
        throw unavailable(`${this.#host} redirects to another origin; set url to the address that is meant`);
      }
      if (redirects === REDIRECTS_MAX) throw unavailable(`${this.#host} redirects more than ${REDIRECTS_MAX} times`);
      url = next;
    }
  }

  async #guarded<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SwapstatsError) throw unavailable(`${error.message}; lower the size of a page in query`);
      const isOverdue = error instanceof DOMException && error.name === "TimeoutError";
      const { cause } = error as { cause?: { code?: string } };
      const why = isOverdue ? `does not answer within ${this.#settings.timeoutMs} ms` : "cannot be read";
      throw unavailable(`${this.#host} ${why}${cause?.code === undefined ? "" : ` (${cause.code})`}`, error);
    }
  }

  async #keepInterval(signal: AbortSignal): Promise<void> {
    const waitMs = this.#lastMs + this.#settings.intervalMs - Date.now();
    if (waitMs > 0) await pause(Math.min(waitMs, this.#settings.intervalMs), undefined, { signal });
    this.#lastMs = Date.now();
  }
}

export function unavailable(message: string, cause?: unknown): SwapstatsError {
  return new SwapstatsError("unavailable", message, { retryable: true, cause });
}
