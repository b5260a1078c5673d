/** The history of several instances, in a chaos run of chosen rounds (`npm run chaos -- --history` is the long form with drawn ones). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { runChaos } from "./chaos-run.ts";
import type { Disturbance, DisturbanceKind } from "./disturbances.ts";

const A = 0;
const B = 1;
const SERVER = -1;

const at = (startMs: number, kind: DisturbanceKind, target: number, lengthMs: number): Disturbance => ({
  ...{ kind, target, startMs, lengthMs, way: "history" },
});

/** Each hand-over with the store as it is, and with the store killed, frozen, or without an answer. */
const ROUNDS: readonly (readonly Disturbance[])[] = [
  [
    at(0, "instance frozen beyond the session", A, 8_000),
    at(500, "instance stopped gracefully and started again", B, 0),
    at(3_000, "history store killed", SERVER, 2_000),
  ],
  [
    at(0, "history store frozen", SERVER, 4_500),
    at(1_000, "instance killed, back after the session", B, 7_000),
    at(6_500, "history store applies and does not answer", SERVER, 2_500),
  ],
];

requires("history of several instances", { servers: ["kafka", "redis", "nats", "clickhouse"] }, () => {
  test("after hand-overs, kills and zombies, and while ClickHouse was away, every row is there exactly once", async (t) => {
    const report = await runChaos({
      ...{ folder: tempDir(t, "chaos"), seed: seedOf(t), minutes: 0, firstRounds: ROUNDS },
      ...{ brokers: 1, store: "redis", partitions: 4, ratePerSecond: 400, hasHistory: true },
      log: (line) => t.diagnostic(line),
    });
    t.diagnostic(JSON.stringify(report));
    assert.ok(report.history !== undefined && report.history.settledRows > 2_000, "too few rows to show anything");
  });
});
