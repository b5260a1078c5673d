/**
 * How many messages a client may send: a bucket of one second's worth that refills steadily. Messages beyond are refused
 * with an error each, up to the same number again a second; a client that goes on is cut off, since refusing costs too.
 */

export type RateVerdict = "accept" | "refuse" | "cut_off";

export class MessageRate {
  readonly #perSecond: number;
  #accepts: number;
  #refusals: number;
  #lastMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#accepts = perSecond;
    this.#refusals = perSecond;
    this.#lastMs = nowMs;
  }

  /** Counts one message at a monotonic moment. */
  take(nowMs: number): RateVerdict {
    const refill = ((nowMs - this.#lastMs) / 1_000) * this.#perSecond;
    this.#lastMs = nowMs;
    this.#accepts = Math.min(this.#perSecond, this.#accepts + refill);
    this.#refusals = Math.min(this.#perSecond, this.#refusals + refill);
    if (this.#accepts >= 1) {
      this.#accepts -= 1;
      return "accept";
    }
    if (this.#refusals >= 1) {
      this.#refusals -= 1;
      return "refuse";
    }
    return "cut_off";
  }
}
