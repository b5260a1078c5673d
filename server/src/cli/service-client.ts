/** The HTTP calls that commands make to a running service. */
import type { Ingested } from "@swapstats/protocol/schemas/ingest.ts";
import type { Status } from "@swapstats/protocol/schemas/service.ts";
import type { ApiRequest } from "../mcp/tools.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { printableCut } from "../shared/printable-text.ts";
import { backoffMs } from "../shared/retry.ts";
import { bearerField, credentialsHint } from "./service-access.ts";

export type PostResult = Pick<Ingested, "accepted" | "rejected">;

/** Used fields of `GET /api/status`. A service of another version may have fewer counters. */
export type ServiceStatus = {
  partitions: (Pick<PartitionStatus, "lag"> & Partial<Pick<PartitionStatus, "watermark">>)[];
  counters: Partial<Status["counters"]>;
};
type PartitionStatus = Status["partitions"][number];
export type CounterName = Exclude<keyof Status["counters"], "dead_letters">;

/** Used fields of `GET /openapi.json`. */
type InterfaceDescription = {
  paths?: Record<string, { get?: { parameters?: { name?: string; schema?: { enum?: unknown[] } }[] } } | undefined>;
};

const REQUEST_MS_MAX = 60_000;
/** Length of the part of a response that an error quotes. */
const RESPONSE_CHARS_MAX = 300;
const RETRIES_MAX = 20;
const BACKOFF = { firstMs: 300, longestMs: 5_000 };
const STATUS_EVERY_MS = 100;

export class ServiceClient {
  readonly url: string;
  readonly #signal: AbortSignal;
  readonly #token: string | undefined;
  #reached = false;

  /** `signal` ends waiting and retrying. Calls then reject with its reason. */
  constructor(url: string, signal: AbortSignal, token?: string) {
    this.url = url;
    this.#signal = signal;
    this.#token = token;
  }

  /**
   * Posts NDJSON. While the service is unavailable, the request is retried for about a minute. Sending twice is harmless, because
   * copies are recognised. A batch that is too large is sent in halves. Rejects with `unavailable` or `bad_request`.
   */
  async postSwaps(body: Uint8Array<ArrayBuffer>): Promise<PostResult> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#attempt(body, attempt);
      if (response === undefined) continue;
      if (response.status === 413) return this.#postHalves(body);
      const result = (await response.json().catch(() => ({}))) as Partial<PostResult> & {
        detail?: string;
        title?: string;
      };
      if (response.status === 202 || (response.status === 422 && result.rejected !== undefined)) {
        return { accepted: result.accepted ?? 0, rejected: result.rejected ?? [] };
      }
      this.#checkCredentials(response.status, "/api/swaps");
      const why = String(result.detail ?? result.title ?? "no reason given");
      throw new SwapstatsError(
        "bad_request",
        `${this.url}/api/swaps responded with ${response.status}: ${printableCut(why, RESPONSE_CHARS_MAX)}`,
      );
    }
  }

  /** Resolves to undefined when the request should be retried. */
  async #attempt(body: Uint8Array<ArrayBuffer>, attempt: number): Promise<Response | undefined> {
    let waitMs = backoffMs(BACKOFF, attempt + 1);
    let problem: string;
    try {
      const response = await this.#fetch("/api/swaps", {
        method: "POST",
        body,
        headers: { "content-type": "application/x-ndjson" },
      });
      this.#reached = true;
      if (response.status !== 503 && response.status !== 429) return response;
      problem = `responded with ${response.status}: ${printableCut(await response.text(), RESPONSE_CHARS_MAX)}`;
      const retryAfter = Number(response.headers.get("retry-after"));
      if (retryAfter > 0) waitMs = Math.min(retryAfter * 1_000, BACKOFF.longestMs);
    } catch (error) {
      this.#signal.throwIfAborted();
      problem = `cannot be reached (${reasonOf(error)})`;
      if (!this.#reached) throw notReached(this.url, problem, error);
    }
    if (attempt === RETRIES_MAX) {
      throw new SwapstatsError("unavailable", `${this.url} ${problem}; look at its log and start again`, {
        retryable: true,
      });
    }
    await this.pause(waitMs);
    return undefined;
  }

  /** Rejects with `unavailable` or `unauthorized`. Undefined: the credentials do not permit to see it. */
  async status(): Promise<ServiceStatus | undefined> {
    const response = await this.#get("/api/status");
    if (response.status === 403) return undefined;
    this.#checkCredentials(response.status, "/api/status");
    if (response.status !== 200) {
      throw new SwapstatsError(
        "unavailable",
        `${this.url}/api/status responded with ${response.status}; is this a swapstats service?`,
      );
    }
    return (await response.json()) as ServiceStatus;
  }

  /** Sends a request as it is. Resolves whatever the status is. Rejects with `unavailable` if the service does not respond. */
  async call({ method, path, body }: ApiRequest): Promise<{ status: number; text: string }> {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const response = await this.#get(path, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, text: await response.text() };
  }

  /** Returns the names of the windows of the service, the shortest first, from its OpenAPI document. */
  async windows(): Promise<string[]> {
    const response = await this.#get("/openapi.json");
    this.#checkCredentials(response.status, "/openapi.json");
    const { paths } = (await response.json()) as InterfaceDescription;
    const parameters = paths?.["/api/overview"]?.get?.parameters ?? [];
    const names = parameters.find(({ name }) => name === "window")?.schema?.enum ?? [];
    return names.map(String);
  }

  /** Resolves to the status after all acknowledged swaps are applied, or to the last status after `limitMs`. */
  async statusAtRest(limitMs: number): Promise<ServiceStatus | undefined> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const status = await this.status();
      if (status === undefined || status.partitions.every(({ lag }) => lag === 0) || performance.now() > deadline)
        return status;
      await this.pause(STATUS_EVERY_MS);
    }
  }

  async #postHalves(body: Uint8Array<ArrayBuffer>): Promise<PostResult> {
    const cut = body.lastIndexOf(10, body.length >> 1) + 1 || body.indexOf(10) + 1;
    if (cut === 0 || cut === body.length) {
      throw new SwapstatsError(
        "bad_request",
        `${this.url} takes no record as large as ${body.length} bytes; leave it out`,
      );
    }
    const first = await this.postSwaps(body.subarray(0, cut));
    const count = countLines(body.subarray(0, cut));
    const second = await this.postSwaps(body.subarray(cut));
    const rejected = second.rejected.map((entry) => ({ ...entry, index: entry.index + count }));
    return { accepted: first.accepted + second.accepted, rejected: [...first.rejected, ...rejected] };
  }

  /** Rejects with `unavailable` if the service does not respond. */
  async #get(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      return await this.#fetch(path, init);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw notReached(this.url, `cannot be reached (${reasonOf(error)})`, error);
    }
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
    const headers = { ...(init.headers as Record<string, string>), ...bearerField(this.#token) };
    return fetch(this.url + path, { ...init, headers, signal });
  }

  #checkCredentials(status: number, path: string): void {
    const hint = credentialsHint(status, this.#token);
    if (hint !== undefined) throw new SwapstatsError("unauthorized", `${this.url}${path}: ${hint}`);
  }

  /** Waits, or rejects with the reason of the signal. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        reject(this.#signal.reason);
      };
      const timer = setTimeout(() => {
        this.#signal.removeEventListener("abort", stop);
        resolve();
      }, ms);
      this.#signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

function notReached(url: string, problem: string, cause: unknown): SwapstatsError {
  return new SwapstatsError(
    "unavailable",
    `${url} ${problem}; start it with \`swapstats serve\`, or name another address`,
    {
      cause,
      retryable: true,
    },
  );
}
