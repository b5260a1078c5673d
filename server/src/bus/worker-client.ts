/**
 * The main thread's end of one worker's port. Requests of one turn of the event loop are sent as one message, and responses have the number of their
 * request. A request that times out fails with `unavailable`, and its late response is dropped.
 *
 * Long requests have responses of hundreds of kilobytes. The worker gets only a few of them at a time, and the others wait here as small objects. Their
 * responses are delivered one in each turn of the event loop. A port delivers all its messages in one turn: hundreds of clients with long
 * rankings would otherwise delay all others until their responses are written (44 s for 800 of 0.9 MB).
 */
import type { MessagePort } from "node:worker_threads";
import type { ChannelSpec } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { fromWire } from "../shared/wire-error.ts";
import {
  LONG_FROM,
  type RequestKind,
  type RequestOf,
  ruleOf,
  type WorkerRequest,
  type WorkerResponses,
} from "./requests.ts";
import { type FeedUpdate, updateChars } from "./responses.ts";
import type { FromWorker, RequestItem, ResponseItem, ToWorker, UpdateItem } from "./worker-protocol.ts";

type Waiting = {
  readonly resolve: (response: WorkerResponses[RequestKind]) => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
  /** Whether the request has one of the places of long requests. */
  hasPlace: boolean;
};

type FeedListener = { readonly onUpdate: (update: FeedUpdate) => void; readonly onGone: () => void };

/** Largest number of requests that wait for one worker. Further ones fail at once. */
const REQUESTS_WAITING_MAX = 100_000;
const SWEEP_MS = 250;
/** Largest number of long requests that the worker has, or whose response is not delivered yet. */
export const LONG_UNDER_WAY_MAX = 8;
export class WorkerClient {
  readonly #port: MessagePort;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<number, FeedListener>();
  readonly #sweep: NodeJS.Timeout;
  #batch: RequestItem[] = [];
  /** Long requests that wait for a place. Requests that have timed out are skipped at their turn. */
  #longWaiting: RequestItem[] = [];
  #longUnderWay = 0;
  /** Responses to long requests. Each is delivered in its own turn of the event loop. */
  readonly #longResponses: (() => void)[] = [];
  #nextId = 1;
  #closed = false;

  constructor(port: MessagePort, timeoutMs: number) {
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    port.on("message", (message: FromWorker) => this.#receive(message));
    // The thread has ended, and no further response will come.
    port.on("close", () => this.close());
    this.#sweep = setInterval(() => this.#failOverdue(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** Sends a request to the worker (`WorkerServer`), and resolves to its response. */
  ask<K extends RequestKind>(request: RequestOf<K>): Promise<WorkerResponses[K]> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting.size >= REQUESTS_WAITING_MAX) {
      const message = `${REQUESTS_WAITING_MAX} requests wait for a response already; ask again later`;
      return Promise.reject(new SwapstatsError("overloaded", message, { retryable: true }));
    }
    return new Promise<WorkerResponses[K]>((resolve, reject) => {
      const id = this.#nextId++;
      const deadlineMs = performance.now() + this.#timeoutMs;
      const waiting = { resolve: resolve as Waiting["resolve"], reject, deadlineMs, hasPlace: false };
      this.#waiting.set(id, waiting);
      // Monotonic clocks differ between threads. The deadline is therefore a time of the wall clock.
      const item: RequestItem = { id, request: request as WorkerRequest, deadlineMs: Date.now() + this.#timeoutMs };
      if (ruleOf(item.request).length(item.request) < LONG_FROM) this.#send(item);
      else {
        this.#longWaiting.push(item);
        this.#fillPlaces();
      }
    });
  }

  #send(item: RequestItem): void {
    if (this.#batch.length === 0) setImmediate(() => this.#flush());
    this.#batch.push(item);
  }

  /** Sends long requests while there are places. */
  #fillPlaces(): void {
    while (this.#longUnderWay < LONG_UNDER_WAY_MAX) {
      const item = this.#longWaiting.shift();
      if (item === undefined) return;
      const waiting = this.#waiting.get(item.id);
      if (waiting === undefined) continue;
      waiting.hasPlace = true;
      this.#longUnderWay += 1;
      this.#send(item);
    }
  }

  /** Ends the wait for a request, whatever the outcome. Its place, if it has one, goes to the next. */
  #end(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    if (!waiting.hasPlace) return waiting;
    this.#longUnderWay -= 1;
    this.#fillPlaces();
    return waiting;
  }

  /** Opens a feed. Updates come until the returned function or `onGone` is called. Rejects as `ask` does. */
  async open(
    spec: ChannelSpec,
    onUpdate: (update: FeedUpdate) => void,
    onGone: () => void = () => {},
  ): Promise<() => void> {
    const feedId = this.#nextId++;
    const close = (): void => {
      if (this.#listeners.delete(feedId) && !this.#closed) this.#post({ type: "close", feedId });
    };
    this.#listeners.set(feedId, { onUpdate, onGone });
    try {
      await this.ask({ kind: "open", feedId, spec });
      return close;
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Fails all waiting requests. No request is sent afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#listeners.clear();
    for (const waiting of this.#waiting.values()) waiting.reject(closed());
    this.#waiting.clear();
    this.#batch = [];
    this.#longWaiting = [];
    this.#longResponses.length = 0;
    this.#port.close();
  }

  #post(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  #flush(): void {
    if (this.#closed) return;
    const items = this.#batch;
    this.#batch = [];
    this.#post({ type: "requests", items });
  }

  #receive(message: FromWorker): void {
    if (message.type === "updates") {
      this.#deliver(message.items);
      return;
    }
    if (message.type === "gone") {
      for (const feedId of message.feedIds) this.#forget(feedId);
      return;
    }
    for (const item of message.items) {
      if (this.#waiting.get(item.id)?.hasPlace !== true) this.#settle(item);
      else {
        if (this.#longResponses.length === 0) setImmediate(() => this.#giveLongResponse());
        this.#longResponses.push(() => this.#settle(item));
      }
    }
  }

  #giveLongResponse(): void {
    this.#longResponses.shift()?.();
    if (this.#longResponses.length > 0) setImmediate(() => this.#giveLongResponse());
  }

  #settle(item: ResponseItem): void {
    const waiting = this.#end(item.id);
    if (waiting === undefined) return;
    if ("error" in item) waiting.reject(fromWire(item.error));
    else waiting.resolve(item.response);
  }

  /**
   * Passes each update to its listener: a TokenFeed or RankingFeed, or the server for other instances. Acknowledges the updates after all other work of
   * this turn of the event loop, which leaves time for requests.
   */
  #deliver(updates: readonly UpdateItem[]): void {
    let chars = 0;
    for (const update of updates) {
      chars += updateChars(update);
      this.#listeners.get(update.feedId)?.onUpdate(update);
    }
    setImmediate(() => {
      if (!this.#closed) this.#post({ type: "taken", chars });
    });
  }

  #forget(feedId: number): void {
    const listener = this.#listeners.get(feedId);
    this.#listeners.delete(feedId);
    listener?.onGone();
  }

  #failOverdue(): void {
    const now = performance.now();
    for (const [id, waiting] of this.#waiting) {
      // Ids grow and all requests have the same timeout. The first one that is in time ends the pass.
      if (waiting.deadlineMs > now) return;
      this.#end(id);
      const message = `the owner of the tokens did not respond within ${this.#timeoutMs} ms; retry`;
      waiting.reject(new SwapstatsError("unavailable", message, { retryable: true }));
    }
  }
}

function closed(): SwapstatsError {
  return new SwapstatsError("unavailable", "the service is stopping", { retryable: true });
}
