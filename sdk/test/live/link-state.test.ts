import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import {
  DELAY_MAX_MS,
  DELAY_MIN_MS,
  initialLink,
  type LinkEvent,
  type LinkState,
  type Loss,
  nextLink,
  RETRY_AFTER_MAX_MS,
} from "../../src/live/link-state.ts";

const LOSS: Loss = { code: 1006, retryAfterMs: undefined, isRefusal: false, isEmpty: false, openMs: 0 };
const lost = (loss: Partial<Loss> = {}): LinkEvent => ({ type: "lost", loss: { ...LOSS, ...loss } });
const opening: LinkState = { ...initialLink("websocket"), phase: "opening" };
const open: LinkState = { ...opening, phase: "open", hasOpened: true };
const run = (state: LinkState, events: readonly LinkEvent[], random = 0.5): LinkState =>
  events.reduce((before, event) => nextLink(before, event, true, random), state);

const simple = ["wanted", "unwanted", "opened", "changed", "due", "online", "slept", "shown"] as const;
const event: fc.Arbitrary<LinkEvent> = fc.oneof(
  fc.record({ type: fc.constantFrom(...simple) }),
  fc.record({
    type: fc.constant("lost" as const),
    loss: fc.record({
      code: fc.constantFrom(0, 1000, 1001, 1006, 1008, 1011, 1013, 4401),
      retryAfterMs: fc.option(fc.nat({ max: 2 * RETRY_AFTER_MAX_MS }), { nil: undefined }),
      isRefusal: fc.boolean(),
      isEmpty: fc.boolean(),
      openMs: fc.nat({ max: 20_000 }),
    }),
  }),
);

describe("the states of a connection", () => {
  test("keep their rules for all events in any order", (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(event, fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 60 }),
        (events) => {
          let state = initialLink("websocket");
          for (const [next, random] of events) {
            const before = state;
            state = nextLink(before, next, true, random);
            if (state.phase === "waiting" && state !== before) {
              assert.equal(next.type, "lost");
              const floorMs = next.type === "lost" ? Math.min(next.loss.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) : 0;
              assert.ok(state.delayMs >= floorMs, `${state.delayMs} ms before the ${floorMs} ms that were asked for`);
              assert.ok(state.delayMs <= RETRY_AFTER_MAX_MS + DELAY_MAX_MS);
            }
            assert.ok(state.delayMs === 0 || state.phase === "waiting");
            assert.ok(!state.isReplaced || state.phase === "opening");
            if (next.type === "unwanted") assert.equal(state.phase, "idle");
            if (before.phase === "open" && state.phase === "open") assert.equal(state, before);
          }
        },
      ),
      propertyOptions(t, 500),
    );
  });

  test("delays grow with each failure up to 30 s, with full jitter from 0.5 s", () => {
    const delays = (random: number): number[] => {
      let state = open;
      return Array.from({ length: 8 }, () => {
        state = run(state, [lost()], random);
        const { delayMs } = state;
        state = run(state, [{ type: "due" }]);
        return delayMs;
      });
    };
    assert.deepEqual(delays(0), Array(8).fill(DELAY_MIN_MS));
    assert.deepEqual(delays(1), [1_000, 2_000, 4_000, 8_000, 16_000, DELAY_MAX_MS, DELAY_MAX_MS, DELAY_MAX_MS]);
  });

  test("a connection that lasted five seconds begins again with short delays; one that did not goes on", () => {
    const failed = run(open, [lost(), { type: "due" }, lost(), { type: "due" }, { type: "opened" }], 1);
    assert.equal(run(failed, [lost({ openMs: 5_000 })], 1).delayMs, 1_000);
    assert.equal(run(failed, [lost({ openMs: 4_999 })], 1).delayMs, 4_000);
  });

  test("the time that the service asks for is kept, up to five minutes", () => {
    assert.equal(run(open, [lost({ code: 1001, retryAfterMs: 1_234 })], 0).delayMs, 1_234);
    assert.equal(run(open, [lost({ retryAfterMs: RETRY_AFTER_MAX_MS + 1 })], 0).delayMs, RETRY_AFTER_MAX_MS);
  });

  test("closing because of load waits five seconds more", () => {
    for (const code of [1008, 1013]) assert.equal(run(open, [lost({ code })], 0).delayMs, 5_000 + DELAY_MIN_MS);
  });

  test("credentials that expired are replaced at once, and with delays when that does not help", () => {
    const first = run(open, [lost({ code: 4401, openMs: 10_000 })], 1);
    assert.equal(first.delayMs, 0);
    const second = run(first, [{ type: "due" }, { type: "opened" }, lost({ code: 4401 })], 1);
    assert.equal(second.delayMs, 2_000);
  });

  test("two WebSockets in a row that do not open make room for events, and events that fail for the WebSocket", () => {
    const failed = run(opening, [lost(), { type: "due" }]);
    assert.equal(failed.transport, "websocket");
    const events = run(failed, [lost(), { type: "due" }]);
    assert.equal(events.transport, "sse");
    assert.equal(run(events, [lost()]).transport, "websocket");
    assert.equal(run(events, [{ type: "opened" }, lost()]).transport, "websocket");
    // One try is enough then.
    const again = run(events, [{ type: "opened" }, lost({ openMs: 60_000 }), { type: "due" }, lost()]);
    assert.equal(again.transport, "sse");
  });

  test("a WebSocket that has opened once is given up after five failures, and a refusal changes no transport", () => {
    const cut: LinkEvent[] = [lost(), { type: "due" }];
    const worked = run(opening, [{ type: "opened" }, ...cut]);
    assert.equal(run(worked, [...cut, ...cut, ...cut, ...cut]).transport, "websocket");
    assert.equal(run(worked, [...cut, ...cut, ...cut, ...cut, ...cut]).transport, "sse");
    const refused: LinkEvent[] = [lost({ isRefusal: true }), { type: "due" }];
    assert.equal(run(opening, [...refused, ...refused, ...refused]).transport, "websocket");
    const stream: LinkState = { ...opening, transport: "sse" };
    assert.equal(run(stream, refused).transport, "sse");
  });

  test("the transport stays when the user chose it", () => {
    let state = opening;
    for (let i = 0; i < 5; i++) state = nextLink(nextLink(state, lost(), false, 0), { type: "due" }, false, 0);
    assert.equal(state.transport, "websocket");
  });
});
