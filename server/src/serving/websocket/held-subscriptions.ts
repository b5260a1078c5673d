/** Subscriptions whose conflate_ms has not passed since their last message, by the moment at which it will have. */
import type { Subscription } from "./subscription.ts";

export class HeldSubscriptions {
  readonly #nowMs: () => number;
  readonly #release: (subscription: Subscription) => void;
  readonly #byDueMs = new Map<number, Subscription[]>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(nowMs: () => number, release: (subscription: Subscription) => void) {
    this.#nowMs = nowMs;
    this.#release = release;
  }

  hold(subscription: Subscription, dueMs: number): void {
    subscription.state = "held";
    const list = this.#byDueMs.get(dueMs);
    if (list === undefined) this.#byDueMs.set(dueMs, [subscription]);
    else list.push(subscription);
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
    for (const [dueMs, list] of this.#byDueMs) {
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      this.#byDueMs.delete(dueMs);
      for (const subscription of list) if (subscription.state === "held") this.#release(subscription);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }
}
