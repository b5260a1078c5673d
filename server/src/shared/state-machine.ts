/** A state that changes only by the steps of a table. Any other step is a programming error. */
import { SwapstatsError } from "./errors.ts";

/** The states that may follow each state. */
export type Steps<S extends string> = Readonly<Record<S, readonly S[]>>;

export class StateMachine<S extends string> {
  readonly name: string;
  readonly #steps: Steps<S>;
  #state: S;

  /** `name` identifies the owner of this state in the message of a forbidden step. */
  constructor(name: string, steps: Steps<S>, first: S) {
    this.name = name;
    this.#steps = steps;
    this.#state = first;
  }

  get state(): S {
    return this.#state;
  }

  /** Takes a step. Throws `internal`, and keeps its state, when the table does not have that step. */
  become(next: S): void {
    const before = this.#state;
    if (!this.#steps[before].includes(next)) {
      throw new SwapstatsError("internal", `${this.name} cannot go from the state ${before} to the state ${next}.`);
    }
    this.#state = next;
  }
}
