/**
 * Limits how many messages a client may send, by a token bucket that holds a burst and refills steadily. A page that opens its rows one by one
 * sends hundreds of messages at once and then none, so the burst is much larger than the rate. Messages beyond the burst are refused with an
 * error each, from a second bucket. A client that empties the second bucket too is cut off, because refusing costs work as well.
 */

type RateVerdict = "accept" | "refuse" | "cut_off";

type MessageRateLimits = {
  /** Sustained messages a second. */
  readonly perSecond: number;
  /** Messages that a quiet client may send at once; never less than `perSecond`. */
  readonly burst: number;
  /** Messages that are refused with an error each before the client is cut off. */
  readonly refusals: number;
};

/** A refused message counts once more for each of this many characters, because its id has to be parsed all the same. */
const REFUSED_CHARS_A_COUNT = 4_096;

export class MessageRate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #refusalsMax: number;
  #accepts: number;
  #refusals: number;
  #lastMs: number;

  constructor({ perSecond, burst, refusals }: MessageRateLimits, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(burst, perSecond);
    this.#refusalsMax = refusals;
    this.#accepts = this.#burst;
    this.#refusals = refusals;
    this.#lastMs = nowMs;
  }

  /** Counts one message of `chars` characters at a monotonic time. */
  take(nowMs: number, chars = 0): RateVerdict {
    const refill = ((nowMs - this.#lastMs) / 1_000) * this.#perSecond;
    this.#lastMs = nowMs;
    this.#accepts = Math.min(this.#burst, this.#accepts + refill);
    this.#refusals = Math.min(this.#refusalsMax, this.#refusals + refill);
    if (this.#accepts >= 1) {
      this.#accepts -= 1;
      return "accept";
    }
    const cost = 1 + Math.floor(chars / REFUSED_CHARS_A_COUNT);
    if (this.#refusals >= cost) {
      this.#refusals -= cost;
      return "refuse";
    }
    return "cut_off";
  }
}
