/** The short form of the chaos run (`npm run chaos` is the long one). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { runChaos } from "./chaos-run.ts";

const MINUTES = 2;

requires("instances and servers killed under load", { servers: ["kafka", "redis", "nats"] }, () => {
  test("whatever is killed, frozen or cut off, every instance serves the figures of an uninterrupted run", async (t) => {
    const report = await runChaos({
      ...{ folder: tempDir(t, "chaos"), seed: seedOf(t), minutes: MINUTES },
      ...{ brokers: 1, store: "redis", partitions: 4, ratePerSecond: 200 },
      log: (line) => t.diagnostic(line),
    });
    t.diagnostic(JSON.stringify(report));
    assert.ok(report.rounds >= 2, "too few rounds to show anything");
    assert.ok(report.answersToModel > 0);
  });
});
