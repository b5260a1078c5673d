import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StateMachine, type Steps } from "../../src/shared/state-machine.ts";
import { StepsTaken } from "../support/steps-taken.ts";

type Door = "open" | "shut" | "locked";
const STEPS: Steps<Door> = { open: ["shut"], shut: ["open", "locked"], locked: [] };

describe("a state machine", () => {
  test("takes the steps of its table", () => {
    const door = new StateMachine("The door", STEPS, "open");
    assert.equal(door.state, "open");
    door.become("shut");
    door.become("locked");
    assert.equal(door.state, "locked");
  });

  test("throws on a step that its table does not have, and stays in its state", () => {
    const door = new StateMachine("The door", STEPS, "open");
    const message = "The door cannot go from the state open to the state locked.";
    assert.throws(() => door.become("locked"), { code: "internal", message });
    assert.throws(() => door.become("open"), { code: "internal" });
    assert.equal(door.state, "open");
  });

  test("tells a test which steps were not reached", () => {
    const taken = new StepsTaken();
    const door = new StateMachine("The gate", STEPS, "shut");
    door.become("open");
    assert.throws(() => door.become("locked"));
    assert.deepEqual(taken.missing("The gate", STEPS), ["open to shut", "shut to locked"]);
    assert.deepEqual(taken.missing<"open" | "shut">("Another", { open: ["shut"], shut: [] }), ["open to shut"]);
  });
});
