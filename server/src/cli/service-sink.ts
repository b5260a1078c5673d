/** Sends lines to a service over HTTP. */
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
  /** The first few. `record` counts the sent records from 1. */
  examples: { record: number; code: string; message: string }[];
};

/** A line that the service refused, and its place. */
type RejectedLine = {
  readonly file: number;
  readonly row: number;
  readonly code: string;
  readonly message: string;
  readonly bytes: Uint8Array;
};

/** Sends batches of lines, one request at a time, so the service gets them in order. */
export class ServiceSink implements SwapSink {
  readonly counts: SentCounts = { sent: 0, accepted: 0, rejected: {}, examples: [] };
  readonly #client: ServiceClient;
  #batch = new Uint8Array(BATCH_BYTES_MAX);
  #bytes = 0;
  #count = 0;
  /** File and row of each line of the batch. */
  #places: number[] = [];
  #underWay: Promise<void> = Promise.resolve();
  readonly #onRejected: ((line: RejectedLine) => void) | undefined;

  /** `onRejected` gets each line that the service refuses. Without it, the counts keep the first few. */
  constructor(client: ServiceClient, onRejected?: (line: RejectedLine) => void) {
    this.#client = client;
    this.#onRejected = onRejected;
  }

  take(bytes: Uint8Array, start: number, end: number, file = 0, row = 0): Promise<void> | undefined {
    const length = end - start;
    const full = this.#count > 0 && this.#bytes + length + 1 > BATCH_BYTES_MAX;
    if (full) {
      const copy = bytes.slice(start, end);
      return this.#send().then(() => {
        this.#put(copy, 0, length);
        this.#places.push(file, row);
      });
    }
    this.#put(bytes, start, end);
    this.#places.push(file, row);
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

  /** Waits for the previous request, and starts the next. */
  async #send(): Promise<void> {
    const body = this.#batch.slice(0, this.#bytes);
    const first = this.counts.sent;
    const places = this.#places;
    this.#places = [];
    this.counts.sent += this.#count;
    this.#bytes = 0;
    this.#count = 0;
    await this.#underWay;
    this.#underWay = this.#client.postSwaps(body).then((result) => this.#note(result, first, body, places));
    // The next caller that awaits it gets the failure. Until then, a rejection without a handler would end the process.
    this.#underWay.catch(() => undefined);
  }

  #note(result: PostResult, first: number, body: Uint8Array, places: readonly number[]): void {
    this.counts.accepted += result.accepted;
    let line = 0;
    let start = 0;
    for (const { index, code, message } of result.rejected.toSorted((a, b) => a.index - b.index)) {
      this.counts.rejected[code] = (this.counts.rejected[code] ?? 0) + 1;
      if (this.#onRejected !== undefined) {
        for (; line < index; line++) start = body.indexOf(LINE_FEED, start) + 1;
        const bytes = body.subarray(start, body.indexOf(LINE_FEED, start));
        this.#onRejected({ file: places[2 * index] ?? 0, row: places[2 * index + 1] ?? 0, code, message, bytes });
      } else if (this.counts.examples.length < REJECTED_EXAMPLES_MAX) {
        this.counts.examples.push({ record: first + index + 1, code, message });
      }
    }
  }
}
