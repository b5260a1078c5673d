import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { EventParser } from "../../src/live/event-stream.ts";

test("events are the same however the stream is cut", (t) => {
  const text = fc.stringMatching(/^[^\r\n]*$/);
  const event = fc.array(text, { minLength: 1, maxLength: 2 });
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 6 }), fc.constantFrom("\n", "\r\n"), cuts, (events, end, at) => {
      const stream = events
        .map((lines) => [":", "event: patch", ...lines.map((line) => `data: ${line}`), "id: 1", "", ""].join(end))
        .join("");
      const parser = new EventParser();
      const received: string[] = [];
      let from = 0;
      for (const to of [...at.map((one) => Math.min(one, stream.length)).sort((a, b) => a - b), stream.length]) {
        received.push(...parser.push(stream.slice(from, to)));
        from = to;
      }
      assert.deepEqual(
        received,
        events.map((lines) => lines.join("\n")),
      );
    }),
    propertyOptions(t, 300),
  );
});

test("comments and the time to connect again are no events, and what has not ended waits", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push(":\n\nretry: 2000\n\nevent: x\nda"), []);
  assert.ok(parser.waitingChars > 0);
  assert.deepEqual(parser.push("ta:1\n\n"), ["1"]);
});
