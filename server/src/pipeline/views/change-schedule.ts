/**
 * Tracks when the figures of each token may differ from those of the latest look: after an event of the token, or at an instant at which time
 * changes them. Tokens are identified by the index of the views.
 */
import type { TokenRef } from "../../engine/types.ts";

/** The part of an engine that the schedule uses. */
export type ScheduledEngine = {
  version(token: TokenRef): number;
  nextChangeMs(token: TokenRef, asOfMs: number): number;
};

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL_TOKENS = 1024;
/**
 * The next instant at which time changes a token is computed only after the step of an event has ended, because hot tokens have many events in
 * a step. It is then computed as of the previous look, if that look is at most this old, because the state can still determine it.
 */
const LATE_LOOK_MS_MAX = 10_000;
const NOT_OWED = -1;
/** A version that no token has. */
const NOT_SEEN = -1;

export class ChangeSchedule {
  readonly #engine: ScheduledEngine;
  readonly #stepMs: number;
  #versions = new Float64Array(INITIAL_TOKENS).fill(NOT_SEEN);
  #nextChanges = new Float64Array(INITIAL_TOKENS);
  /** The as-of from which the next change is still to be computed; `#nextChanges` then holds the end of that step. */
  #owedFrom = new Float64Array(INITIAL_TOKENS);
  /** The step of the latest look that found the token changed. */
  #changedSteps = new Float64Array(INITIAL_TOKENS);

  constructor(engine: ScheduledEngine, finestStepMs: number) {
    this.#engine = engine;
    this.#stepMs = finestStepMs;
  }

  /** Adds a token without a previous look. */
  add(index: number): void {
    if (index >= this.#versions.length) this.#grow();
    this.#setNextChange(index, NEVER);
    this.#versions[index] = NOT_SEEN;
  }

  /** Makes the next look report the token as changed. */
  forget(index: number): void {
    this.#versions[index] = NOT_SEEN;
  }

  forgetAll(): void {
    this.#versions.fill(NOT_SEEN);
  }

  /** Whether time may have changed the token since the latest look, or the token was forgotten. */
  isDue(index: number, atMs: number): boolean {
    return (this.#nextChanges[index] as number) <= atMs || this.#versions[index] === NOT_SEEN;
  }

  /**
   * Whether time alone may change the token only at or after this instant. True as well while the next instant is still to be computed: the
   * chain's high may pass the token's last record before that.
   */
  mayBeQuietUntil(index: number, instantMs: number): boolean {
    return this.#owedFrom[index] !== NOT_OWED || (this.#nextChanges[index] as number) >= instantMs;
  }

  /** Whether `look` is right at this as-of even after looks at later ones: the latest change was found in the same step or before. */
  reachesBack(index: number, asOfMs: number): boolean {
    return Math.floor(asOfMs / this.#stepMs) >= (this.#changedSteps[index] as number);
  }

  /**
   * Looks at the token, and returns whether its figures may differ from those of the look before. `isRegular`: the caller looks again
   * within seconds, so expensive work may wait.
   */
  look(index: number, token: TokenRef, asOfMs: number, isRegular: boolean): boolean {
    const version = this.#engine.version(token);
    if (version !== this.#versions[index]) {
      this.#versions[index] = version;
      this.#changedSteps[index] = Math.floor(asOfMs / this.#stepMs);
      this.#plan(index, token, asOfMs, isRegular);
      return true;
    }
    if (asOfMs < (this.#nextChanges[index] as number)) return false;
    const owedFromMs = this.#owedFrom[index] as number;
    if (owedFromMs !== NOT_OWED && asOfMs - owedFromMs <= LATE_LOOK_MS_MAX) {
      this.#setNextChange(index, this.#engine.nextChangeMs(token, owedFromMs));
      if (asOfMs < (this.#nextChanges[index] as number)) return false;
    }
    this.#setNextChange(index, this.#engine.nextChangeMs(token, asOfMs));
    this.#changedSteps[index] = Math.floor(asOfMs / this.#stepMs);
    return true;
  }

  #plan(index: number, token: TokenRef, asOfMs: number, isRegular: boolean): void {
    if (!isRegular) {
      this.#setNextChange(index, this.#engine.nextChangeMs(token, asOfMs));
      return;
    }
    this.#nextChanges[index] = (Math.floor(asOfMs / this.#stepMs) + 1) * this.#stepMs;
    this.#owedFrom[index] = asOfMs;
  }

  #setNextChange(index: number, nextChangeMs: number): void {
    this.#nextChanges[index] = nextChangeMs;
    this.#owedFrom[index] = NOT_OWED;
  }

  #grow(): void {
    const capacity = this.#versions.length * 2;
    this.#versions = grown(this.#versions, capacity);
    this.#nextChanges = grown(this.#nextChanges, capacity);
    this.#owedFrom = grown(this.#owedFrom, capacity);
    this.#changedSteps = grown(this.#changedSteps, capacity);
  }
}

function grown(old: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity);
  next.set(old);
  return next;
}
