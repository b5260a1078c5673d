/**
 * Finds out whether the owner of a partition stands still while the records that wait for it are at their bound. An owner that is merely
 * slower than the fetches, as in a catch-up, asks for records again and again, and does not stand still. States (`STALL_STEPS`):
 *
 *   idle      --the bound is reached--> watching
 *   idle      --the bound is reached, and there is no wait--> stalled
 *   watching  --some looks in a row without a read--> stalled
 *   stalled   --a read--> watching
 *   watching, stalled  --below the bound--> idle
 *
 * Looks are counted, not time: a process that was suspended for an hour sees one late look, not a stalled owner.
 */
import { StateMachine, type Steps } from "../../../shared/state-machine.ts";

/** Looks without a read that make a stall. */
const LOOKS = 5;

type StallState = "idle" | "watching" | "stalled";

export const STALL_STEPS: Steps<StallState> = {
  idle: ["watching", "stalled"],
  watching: ["stalled", "idle"],
  stalled: ["watching", "idle"],
};

export class StallWatch {
  readonly #machine = new StateMachine<StallState>("The stall watch", STALL_STEPS, "idle");
  readonly #afterMs: number;
  readonly #onStalled: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Looks since the last read. */
  #looks = 0;

  /** Without a wait (0), every bound that is reached is a stall at once. */
  constructor(afterMs: number, onStalled: () => void) {
    this.#afterMs = afterMs;
    this.#onStalled = onStalled;
  }

  get isStalled(): boolean {
    return this.#machine.state === "stalled";
  }

  set isAtBound(isAtBound: boolean) {
    if (isAtBound === (this.#machine.state !== "idle")) return;
    if (!isAtBound) {
      this.#stopLooking();
      this.#machine.become("idle");
    } else if (this.#afterMs === 0) this.#machine.become("stalled");
    else this.#watch();
  }

  /** Notes that the owner has requested records. */
  noteRead(): void {
    this.#looks = 0;
    if (this.isStalled && this.#afterMs > 0) this.#watch();
  }

  #watch(): void {
    this.#machine.become("watching");
    this.#looks = 0;
    this.#timer = setInterval(() => this.#look(), Math.max(1, this.#afterMs / LOOKS));
    this.#timer.unref();
  }

  #look(): void {
    this.#looks++;
    if (this.#looks < LOOKS) return;
    this.#stopLooking();
    this.#machine.become("stalled");
    this.#onStalled();
  }

  #stopLooking(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
