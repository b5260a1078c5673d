import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientError, TokenData } from "@swapstats/client";
import { viewStateOf } from "../../src/token/view-state.ts";

const data = (trades: number): TokenData =>
  ({ id: "1:0xc0", windows: { "5m": { complete: true, trades } } }) as unknown as TokenData;
const errorOf = (code: string): ClientError => Object.assign(new Error(code), { code }) as unknown as ClientError;
const none = { data: undefined, error: undefined, stale: false, pending: false };

test("before the first data the view loads, or waits for the first swap", () => {
  assert.deepEqual(viewStateOf(none, "connecting"), { kind: "loading" });
  assert.deepEqual(viewStateOf({ ...none, pending: true }, "live"), { kind: "pending" });
});

test("data are live, stale while the owner is away, and offline without a connection", () => {
  const store = { ...none, data: data(1) };
  assert.deepEqual(viewStateOf(store, "live"), { kind: "shown", age: "live", isQuiet: false });
  assert.deepEqual(viewStateOf({ ...store, stale: true }, "live"), { kind: "shown", age: "stale", isQuiet: false });
  for (const status of ["offline", "connecting", "stale"] as const) {
    assert.deepEqual(viewStateOf({ ...store, stale: true }, status), { kind: "shown", age: "offline", isQuiet: false });
  }
  assert.deepEqual(viewStateOf({ ...none, data: data(0) }, "live"), { kind: "shown", age: "live", isQuiet: true });
});

test("each problem has its own state", () => {
  const stateOf = (error: ClientError) => viewStateOf({ ...none, error }, "live");
  assert.deepEqual(stateOf(errorOf("unknown_token")), { kind: "unknown" });
  assert.deepEqual(stateOf(errorOf("ambiguous_token")), { kind: "ambiguous" });
  const forbidden = errorOf("forbidden");
  assert.deepEqual(stateOf(forbidden), { kind: "forbidden", error: forbidden });
  const other = errorOf("overloaded");
  assert.deepEqual(stateOf(other), { kind: "failed", error: other });
});

test("without a connection a token is still loading", () => {
  assert.deepEqual(viewStateOf({ ...none, error: errorOf("offline") }, "offline"), { kind: "loading" });
});

test("a passing problem does not hide the figures, a refusal does", () => {
  const store = { ...none, data: data(1) };
  assert.equal(viewStateOf({ ...store, error: errorOf("unavailable") }, "live").kind, "shown");
  assert.equal(viewStateOf({ ...store, error: errorOf("unauthorized") }, "offline").kind, "forbidden");
});
