/** A store of one user over a subscription that others may share. */
import { ClientError } from "../client-error.ts";
import type { LiveStore, StoreMeta } from "../types.ts";
import { callListeners } from "./call-listeners.ts";
import type { Subscription } from "./subscription.ts";

type Deferred<T> = {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: ClientError) => void;
};

export class Store<T> implements LiveStore<T> {
  readonly #subscription: Subscription;
  readonly #onClose: () => void;
  readonly #listeners = new Set<(value: T | undefined) => void>();
  #ready: Deferred<T> | undefined;
  #isClosed = false;

  constructor(subscription: Subscription, onClose: () => void) {
    this.#subscription = subscription;
    this.#onClose = onClose;
    subscription.listeners.add(this.#changed);
  }

  get current(): T | undefined {
    return this.#subscription.state.shown?.data as T | undefined;
  }

  get meta(): StoreMeta | undefined {
    const { state, receivedAtMs, requestName: channel } = this.#subscription;
    if (state.shown === undefined) return undefined;
    const { epoch, rev, asOf, watermark, lagMs } = state.shown;
    return { channel, epoch, rev, asOf, watermark, lagMs, stale: this.stale, receivedAtMs };
  }

  get stale(): boolean {
    return this.#isClosed || this.#subscription.isStale;
  }

  get error(): ClientError | undefined {
    return this.#subscription.error;
  }

  get pending(): boolean {
    return this.#subscription.isPending;
  }

  get ready(): Promise<T> {
    if (this.#ready !== undefined) return this.#ready.promise;
    const deferred = newDeferred<T>();
    // A problem that nobody waits for is not an unhandled one.
    deferred.promise.catch(() => {});
    this.#settle(deferred);
    return deferred.promise;
  }

  subscribe(listener: (value: T | undefined) => void): () => void {
    // The same function can be given twice.
    const call = (value: T | undefined): void => listener(value);
    this.#listeners.add(call);
    callListeners([call], this.current);
    return () => void this.#listeners.delete(call);
  }

  /** Iterates over `current`, always the newest: values that come while the loop is busy are left out. Ends when the store is closed. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    let last: T | undefined;
    let wake: (() => void) | undefined;
    let isOver = false;
    const stop = this.subscribe(() => wake?.());
    const onClose = (): void => wake?.();
    this.#listeners.add(onClose);
    const finish = (): IteratorResult<T> => {
      isOver = true;
      stop();
      this.#listeners.delete(onClose);
      wake?.();
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        for (;;) {
          const { current } = this;
          if (isOver || this.#isClosed) return finish();
          if (current !== undefined && current !== last) {
            last = current;
            return { done: false, value: current };
          }
          if (current === undefined && this.#subscription.isFinal && this.error !== undefined) {
            finish();
            throw this.error;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      return: async () => finish(),
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscription.listeners.delete(this.#changed);
    this.#ready?.reject(closedError());
    this.#onClose();
    // Loops end, and views see that it is stale.
    callListeners(this.#listeners, this.current);
    this.#listeners.clear();
  }

  readonly #changed = (): void => {
    if (this.#ready !== undefined) this.#settle(this.#ready);
    callListeners(this.#listeners, this.current);
  };

  /** Settles the promise if its outcome is known, else keeps it for later. */
  #settle(deferred: Deferred<T>): void {
    const { current } = this;
    const { error, isFinal } = this.#subscription;
    this.#ready = undefined;
    if (current !== undefined) deferred.resolve(current);
    else if (this.#isClosed) deferred.reject(closedError());
    else if (isFinal && error !== undefined) deferred.reject(error);
    else this.#ready = deferred;
  }
}

const closedError = (): ClientError => new ClientError("closed", "The store was closed.");

function newDeferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: ClientError) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
