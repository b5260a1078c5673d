/** Wakes clients at a later time, because conflate_ms holds channels of theirs until then. */
import type { PushTarget } from "./channel-feed.ts";

export class WakeUps {
  readonly #nowMs: () => number;
  readonly #wake: (client: PushTarget) => void;
  readonly #byDueMs = new Map<number, Set<PushTarget>>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  /** `nowMs` is monotonic. `wake` is called for each client when its time has come. */
  constructor(nowMs: () => number, wake: (client: PushTarget) => void) {
    this.#nowMs = nowMs;
    this.#wake = wake;
  }

  add(client: PushTarget, dueMs: number): void {
    const clients = this.#byDueMs.get(dueMs);
    if (clients === undefined) this.#byDueMs.set(dueMs, new Set([client]));
    else clients.add(client);
    if (dueMs < this.#timerDueMs) this.#arm(dueMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#byDueMs.clear();
  }

  #arm(dueMs: number): void {
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => this.#fire(), Math.max(1, Math.ceil(dueMs - this.#nowMs())));
  }

  #fire(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [dueMs, clients] of this.#byDueMs) {
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      this.#byDueMs.delete(dueMs);
      for (const client of clients) this.#wake(client);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }
}
