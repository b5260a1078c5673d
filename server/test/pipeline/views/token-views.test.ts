/** Revisions of tokens at looks in any order of time: equal revisions mean equal figures, and equal figures keep their revision where that can be known. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { TokenViews } from "../../../src/pipeline/views/token-views.ts";
import { propertyOptions } from "../../support/seed.ts";

const STEP_MS = 1_000;
const TOKEN = 7;

/** An engine with one token, whose figures are told by its events and by how many of these instants have passed. A stand-in, so that they come at will. */
class OneToken {
  readonly config = { windows: [] };
  readonly #changesMs: readonly number[];
  #version = 1;
  /** High of the chain; a token without trades is retired when it is above 9,000. */
  highMs = 0;
  isEmpty = false;
  /** Has a trade behind every as-of, and none before. */
  isAhead = false;

  /** `changesMs`: multiples of the step, ascending. */
  constructor(changesMs: readonly number[]) {
    this.#changesMs = changesMs;
  }

  event(): void {
    this.#version += 1;
  }
  figuresAt(asOfMs: number): string {
    return `${this.#version}:${this.#changesMs.filter((instantMs) => instantMs <= asOfMs).length}`;
  }
  version(): number {
    return this.#version;
  }
  nextChangeMs(_token: number, asOfMs: number): number {
    return this.#changesMs.find((instantMs) => instantMs > asOfMs) ?? Number.POSITIVE_INFINITY;
  }
  seenSinceMs(): undefined {
    return undefined;
  }
  highs(): ReadonlyMap<number, number> {
    return new Map([[1, this.highMs]]);
  }
  info(): { readonly id: string } {
    return { id: "1:a" };
  }
  chainIdOf(): number {
    return 1;
  }
  isRetired(): boolean {
    return this.isEmpty && !this.isAhead && this.highMs > this.settledAboveMs();
  }
  settledAboveMs(): number {
    return 9_000;
  }
  hasTrades(): boolean {
    return !this.isEmpty;
  }
  tokensOfPart(part: number): number[] {
    return part === 0 ? [TOKEN] : [];
  }
}

describe("revisions of a token", () => {
  test("a look at a past step keeps the revision that held there already", () => {
    const engine = new OneToken([9_000]);
    const views = new TokenViews(engine, STEP_MS);
    const rev = views.look(TOKEN, 2_000, true);
    assert.equal(views.look(TOKEN, 8_500, true), rev);
    assert.equal(views.lookPast(TOKEN, 2_000), rev);
    assert.equal(views.lookPast(TOKEN, 5_000), rev);
    assert.equal(views.look(TOKEN, 8_700, true), rev);
    assert.notEqual(views.look(TOKEN, 9_000, true), rev);
    const past = views.lookPast(TOKEN, 8_999);
    assert.ok(past > rev, "other figures than those of the latest look");
    assert.notEqual(views.look(TOKEN, 9_500, true), past);
  });

  test("a token that becomes listed keeps its revision, and those who follow changes learn of it", () => {
    const views = new TokenViews(new OneToken([]), STEP_MS);
    const rev = views.look(TOKEN, 2_000, true);
    assert.equal(views.changeAt(0), rev);
    while (!views.lookSome(2_000, { left: 100 })) {}
    assert.ok(views.isListedAt(0));
    assert.equal(views.look(TOKEN, 2_500, true), rev);
    assert.ok(views.changeAt(0) > rev);
    assert.equal(views.changedAt(views.changeAt(0)), 0);
  });

  for (const passMs of [0, 1_500]) {
    test(`a token that lost its only swap is not listed once all its records are settled, ${passMs} ms after the removal`, () => {
      const engine = new OneToken([]);
      const views = new TokenViews(engine, STEP_MS);
      const lookAll = (asOfMs: number): void => assert.ok(views.lookSome(asOfMs, { left: Number.POSITIVE_INFINITY }));
      lookAll(2_000);
      engine.isEmpty = true;
      engine.event();
      views.touch(TOKEN);
      lookAll(2_100);
      assert.ok(views.isListedAt(0), "its records are not settled yet");
      // A request looks at it between two looks at all tokens.
      views.look(TOKEN, 2_100 + passMs, false);
      engine.highMs = 9_001;
      lookAll(2_100 + passMs);
      assert.equal(views.isListedAt(0), false);
    });
  }

  test("a token whose only swap lies ahead stays listed above the high at which its records are settled", () => {
    const engine = new OneToken([]);
    const views = new TokenViews(engine, STEP_MS);
    engine.isEmpty = true;
    engine.isAhead = true;
    for (const highMs of [8_999, 9_000, 9_001, 9_002]) {
      engine.highMs = highMs;
      engine.event();
      views.touch(TOKEN);
      let pieces = 0;
      while (!views.lookSome(2_000, { left: 10 })) assert.ok(++pieces < 1_000, "the looks do not end");
      assert.ok(views.isListedAt(0));
    }
  });

  test("after an event a look at a past step has a revision of its own", () => {
    const engine = new OneToken([]);
    const views = new TokenViews(engine, STEP_MS);
    const rev = views.look(TOKEN, 5_000, true);
    engine.event();
    assert.notEqual(views.lookPast(TOKEN, 4_000), rev);
    assert.notEqual(views.look(TOKEN, 5_000, true), rev);
  });

  test("equal revisions mean equal figures, whatever the order of looks and events", (t) => {
    const look = fc.record({
      kind: fc.constantFrom("look", "regular", "past", "past", "all", "event"),
      backMs: fc.integer({ min: 0, max: 4_000 }),
      passMs: fc.integer({ min: 0, max: 2_500 }),
    });
    const changes = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });
    const property = fc.property(changes, fc.array(look, { maxLength: 40 }), (steps, looks) => {
      const engine = new OneToken(steps.sort((a, b) => a - b).map((step) => step * STEP_MS));
      const views = new TokenViews(engine, STEP_MS);
      const figuresOf = new Map<number, string>();
      const seen = (rev: number, asOfMs: number): void => {
        const figures = engine.figuresAt(asOfMs);
        assert.equal(figuresOf.get(rev) ?? figures, figures, `revision ${rev} at ${asOfMs}`);
        figuresOf.set(rev, figures);
      };
      let nowMs = 0;
      for (const { kind, backMs, passMs } of looks) {
        if (kind === "event") engine.event();
        else if (kind === "past") seen(views.lookPast(TOKEN, Math.max(0, nowMs - backMs)), Math.max(0, nowMs - backMs));
        else {
          nowMs += passMs;
          if (kind !== "all") seen(views.look(TOKEN, nowMs, kind === "regular"), nowMs);
          else {
            views.touch(TOKEN);
            assert.ok(views.lookSome(nowMs, { left: Number.POSITIVE_INFINITY }));
            seen(views.revAt(0), nowMs);
          }
        }
      }
    });
    fc.assert(property, propertyOptions(t, 1_000));
  });
});
