import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldText, instantOfField, instantText, readAsOf } from "../../src/past/instant.ts";

const NOW = Date.parse("2026-11-30T12:00:00Z");
const read = (at: string) => readAsOf(new URLSearchParams({ at }), NOW);

test("the address names an instant in milliseconds or as a time of RFC 3339", () => {
  const atMs = Date.parse("2026-11-29T12:00:00Z");
  for (const text of [
    ...["2026-11-29T12:00:00Z", "2026-11-29T12:00:00.000Z", "2026-11-29t12:00:00z", "2026-11-29T13:00:00+01:00"],
    ...["2026-11-29T12:00Z", String(atMs)],
  ])
    assert.deepEqual(read(text), { atMs });
  assert.equal(instantText(atMs), "2026-11-29T12:00:00Z");
  assert.equal(instantText(atMs + 5), "2026-11-29T12:00:00.005Z");
  assert.deepEqual(read(instantText(atMs + 5)), { atMs: atMs + 5 });
});

test("without an instant the present is shown, and what cannot be read is named", () => {
  assert.deepEqual(readAsOf(new URLSearchParams(), NOW), { atMs: undefined });
  assert.deepEqual(read(""), { atMs: undefined });
  for (const text of ["yesterday", "2026-11-29", "12", "2026-13-29T12:00:00Z", "2026-11-29T12:00:00"])
    assert.deepEqual(read(text), { atMs: undefined, problem: `"${text}" is no date and time.` });
  assert.deepEqual(read("2026-11-30T12:00:00Z"), { atMs: NOW });
  assert.deepEqual(read("2026-11-30T12:00:01Z"), {
    atMs: undefined,
    problem: "2026-11-30T12:00:01Z lies in the future.",
  });
  assert.equal(read("x".repeat(100)).problem, `"${"x".repeat(40)}" is no date and time.`);
});

test("a field for date and time has the clock of the reader", () => {
  const atMs = new Date(2026, 0, 2, 3, 4, 5).getTime();
  assert.equal(fieldText(atMs), "2026-01-02T03:04:05");
  assert.equal(instantOfField("2026-01-02T03:04:05"), atMs);
  assert.equal(instantOfField(""), undefined);
});
