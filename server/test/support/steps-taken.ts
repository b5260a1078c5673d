/** Records the steps of state machines, so that a test file can say which steps of a table its tests reached. */
import { mock } from "node:test";
import { StateMachine, type Steps } from "../../src/shared/state-machine.ts";

/** Records from now on until the process ends. */
export class StepsTaken {
  readonly #taken = new Set<string>();

  constructor() {
    const taken = this.#taken;
    const { become } = StateMachine.prototype;
    mock.method(StateMachine.prototype, "become", function (this: StateMachine<string>, next: string) {
      const before = this.state;
      become.call(this, next);
      taken.add(`${this.name}: ${before} to ${next}`);
    });
  }

  /** Returns the steps of the table that no machine of this name has taken, as `from to to`. */
  missing<S extends string>(name: string, steps: Steps<S>): string[] {
    const all = Object.entries<readonly S[]>(steps).flatMap(([from, tos]) => tos.map((to) => `${from} to ${to}`));
    return all.filter((step) => !this.#taken.has(`${name}: ${step}`));
  }
}
