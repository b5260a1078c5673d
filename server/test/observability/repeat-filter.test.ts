import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../src/observability/logger.ts";
import { KINDS_MAX, PASSED_PER_SPAN_MAX, RepeatFilter, SPAN_MS } from "../../src/observability/repeat-filter.ts";

test("messages of a kind pass up to the limit of a span; at its end one report says how many were held back", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const reports: [string, string, number][] = [];
  const filter = new RepeatFilter<"info" | "warn">((...report) => reports.push(report));
  const passed = Array.from({ length: PASSED_PER_SPAN_MAX + 7 }, () => filter.passes("info", "a bad frame"));
  assert.equal(passed.filter(Boolean).length, PASSED_PER_SPAN_MAX);
  assert.ok(filter.passes("warn", "a bad frame"), "another level is another kind");
  t.mock.timers.tick(SPAN_MS - 1);
  assert.deepEqual(reports, []);
  t.mock.timers.tick(1);
  assert.deepEqual(reports, [["info", "a bad frame", 7]]);
  assert.ok(filter.passes("info", "a bad frame"), "a new span begins anew");
  t.mock.timers.tick(SPAN_MS);
  assert.equal(reports.length, 1);
});

test("kinds beyond their limit share one, so that memory is bounded whatever the messages say", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let held = 0;
  const kinds = new Set<string>();
  const filter = new RepeatFilter<"info">((_level, kind, count) => {
    held += count;
    kinds.add(kind);
  });
  let passed = 0;
  for (let i = 0; i < 10_000; i++) if (filter.passes("info", `message ${i}`)) passed++;
  assert.equal(passed, KINDS_MAX + PASSED_PER_SPAN_MAX);
  t.mock.timers.tick(SPAN_MS);
  assert.equal(held, 10_000 - passed);
  assert.equal(kinds.size, 1);
});

test("a logger writes what repeats as a number; debug lines and fatal errors are all written", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const lines: { level: string; msg: string; repeated?: number }[] = [];
  const logger = createLogger(
    { level: "debug", format: "json" },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  for (let i = 0; i < 1000; i++) {
    logger.info({ client: i }, "a client closed");
    logger.debug("request");
    logger.fatal("gone");
  }
  t.mock.timers.tick(SPAN_MS);
  const count = (level: string): number => lines.filter((line) => line.level === level).length;
  assert.equal(count("info"), PASSED_PER_SPAN_MAX + 1);
  assert.equal(count("debug"), 1000);
  assert.equal(count("fatal"), 1000);
  assert.equal(lines.at(-1)?.repeated, 1000 - PASSED_PER_SPAN_MAX);
  assert.match(lines.at(-1)?.msg ?? "", /^a client closed \(and 950 more like this\)$/);
});
