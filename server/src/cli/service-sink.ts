/** Lines into a service over HTTP. */
import type { SwapSink } from "./replay/feed.ts";
import type { PostResult, ServiceClient } from "./service-client.ts";

/** Below the defaults of `api.http.max_batch` and `api.http.max_body`. */
const BATCH_COUNT_MAX = 2_000;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const REJECTED_EXAMPLES_MAX = 20;
const LINE_FEED = 10;

export type SentCounts = {
  sent: number;
  accepted: number;
  /** By dead-letter code. */
  rejected: Record<string, number>;
  /** The first few, with the place of the record in what was sent, from 1. */
  examples: { record: number; code: string; message: string }[];
};

/** Batches of lines, one request under way at a time, so that the service gets them in order. */
export class ServiceSink implements SwapSink {
  readonly counts: SentCounts = { sent: 0, accepted: 0, rejected: {}, examples: [] };
  readonly #client: ServiceClient;
  #batch = new Uint8Array(BATCH_BYTES_MAX);
  #bytes = 0;
  #count = 0;
  #underWay: Promise<void> = Promise.resolve();

  constructor(client: ServiceClient) {
    this.#client = client;
  }

  take(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const length = end - start;
    const full = this.#count > 0 && this.#bytes + length + 1 > BATCH_BYTES_MAX;
    if (full) return this.#send().then(() => this.#put(bytes.slice(start, end), 0, length));
    this.#put(bytes, start, end);
    return this.#count === BATCH_COUNT_MAX ? this.#send() : undefined;
  }

  async flush(): Promise<void> {
    if (this.#count > 0) await this.#send();
    await this.#underWay;
  }

  #put(bytes: Uint8Array, start: number, end: number): void {
    this.#batch.set(bytes.subarray(start, end), this.#bytes);
    this.#bytes += end - start;
    this.#batch[this.#bytes++] = LINE_FEED;
    this.#count++;
  }

  /** Waits for the request before, and begins the next. */
  async #send(): Promise<void> {
    const body = this.#batch.slice(0, this.#bytes);
    const first = this.counts.sent;
    this.counts.sent += this.#count;
    this.#bytes = 0;
    this.#count = 0;
    await this.#underWay;
    this.#underWay = this.#client.postSwaps(body).then((result) => this.#note(result, first));
    // Whoever waits for it next gets the failure; without a handler until then it would end the process.
    this.#underWay.catch(() => undefined);
  }

  #note(result: PostResult, first: number): void {
    this.counts.accepted += result.accepted;
    for (const { index, code, message } of result.rejected) {
      this.counts.rejected[code] = (this.counts.rejected[code] ?? 0) + 1;
      if (this.counts.examples.length < REJECTED_EXAMPLES_MAX) {
        this.counts.examples.push({ record: first + index + 1, code, message });
      }
    }
  }
}
