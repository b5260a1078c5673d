/**
 * Tells whether the owner of a partition stands still while its queue is at its bound. An owner that is merely slower
 * than the fetches, as in a catch-up, does not stand still: it asks for records again and again.
 *
 *   idle      --the bound is reached--> watching
 *   watching  --a read--> watching, from the beginning      --some checks in a row without a read--> stalled
 *   stalled   --a read--> watching
 *   any       --below the bound--> idle
 *
 * Checks are counted, not time: a process that was stopped for an hour sees one late check, not a stalled owner.
 */

/** Checks without a read that make a stall. */
const LOOKS = 5;

export class StallWatch {
  readonly #afterMs: number;
  readonly #onStalled: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isAtBound = false;
  #looks = 0;

  /** With 0, reaching the bound is a stall at once. */
  constructor(afterMs: number, onStalled: () => void) {
    this.#afterMs = afterMs;
    this.#onStalled = onStalled;
  }

  get isStalled(): boolean {
    return this.#isAtBound && (this.#afterMs === 0 || this.#looks >= LOOKS);
  }

  set isAtBound(isAtBound: boolean) {
    if (isAtBound === this.#isAtBound) return;
    this.#isAtBound = isAtBound;
    this.#looks = 0;
    if (isAtBound) this.#begin();
    else this.stop();
  }

  /** The owner asked for records. */
  noteRead(): void {
    this.#looks = 0;
    if (this.#isAtBound) this.#begin();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(): void {
    if (this.#afterMs === 0 || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), Math.max(1, this.#afterMs / LOOKS));
    this.#timer.unref();
  }

  #look(): void {
    this.#looks++;
    if (this.#looks < LOOKS) return;
    this.stop();
    this.#onStalled();
  }
}
