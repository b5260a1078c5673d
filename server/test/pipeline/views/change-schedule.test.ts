import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChangeSchedule } from "../../../src/pipeline/views/change-schedule.ts";

const STEP_MS = 1_000;

/** An engine with one token, whose figures change by time at these instants. */
class OneToken {
  changesMs: number[] = [];
  #version = 1;
  /** As-ofs of the computed next changes. */
  readonly computed: number[] = [];

  version(): number {
    return this.#version;
  }
  nextChangeMs(_token: number, asOfMs: number): number {
    this.computed.push(asOfMs);
    return this.changesMs.find((instantMs) => instantMs > asOfMs) ?? Number.POSITIVE_INFINITY;
  }
  event(): void {
    this.#version += 1;
  }
}

function started(changesMs: number[]): { engine: OneToken; schedule: ChangeSchedule } {
  const engine = new OneToken();
  engine.changesMs = changesMs;
  const schedule = new ChangeSchedule(engine, STEP_MS);
  schedule.add(0);
  return { engine, schedule };
}

describe("the schedule of changes", () => {
  test("a token is changed at its first look, after an event, and at an instant at which time changes it", () => {
    const { engine, schedule } = started([5_000]);
    const looks = [1_000, 1_500, 4_999, 5_000, 5_001].map((asOfMs) => schedule.look(0, 9, asOfMs, false));
    assert.deepEqual(looks, [true, false, false, true, false]);
    engine.event();
    assert.equal(schedule.look(0, 9, 6_000, false), true);
    assert.equal(schedule.look(0, 9, 6_000, false), false);
    schedule.forget(0);
    assert.equal(schedule.isDue(0, 6_000), true);
    assert.equal(schedule.look(0, 9, 6_000, false), true);
    schedule.forgetAll();
    assert.equal(schedule.look(0, 9, 6_000, false), true);
  });

  test("regular looks at a busy token compute the next change once per step, as of the previous look", () => {
    const { engine, schedule } = started([2_300, 5_000]);
    for (let asOfMs = 1_000; asOfMs < 2_000; asOfMs += 100) {
      engine.event();
      assert.equal(schedule.look(0, 9, asOfMs, true), true);
    }
    assert.deepEqual(engine.computed, []);
    assert.equal(schedule.mayBeQuietUntil(0, 5_000), true);
    assert.equal(schedule.isDue(0, 2_000), true);
    assert.equal(schedule.look(0, 9, 2_000, true), false);
    assert.deepEqual(engine.computed, [1_900]);
    assert.equal(schedule.mayBeQuietUntil(0, 2_300), true);
    assert.equal(schedule.mayBeQuietUntil(0, 2_301), false);
    assert.equal(schedule.look(0, 9, 2_300, true), true);
  });

  test("a token whose previous look is too old counts as changed", () => {
    const { engine, schedule } = started([]);
    schedule.look(0, 9, 1_000, true);
    assert.equal(schedule.look(0, 9, 12_000, true), true);
    assert.deepEqual(engine.computed, [12_000]);
  });

  test("tokens beyond the first capacity have their own schedule", () => {
    const { schedule } = started([]);
    for (let index = 1; index < 3_000; index++) schedule.add(index);
    assert.equal(schedule.look(2_999, 9, 1_000, false), true);
    assert.equal(schedule.look(2_999, 9, 1_000, false), false);
    assert.equal(schedule.isDue(2_998, 1_000), true);
  });
});
