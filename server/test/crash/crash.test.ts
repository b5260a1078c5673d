import assert from "node:assert/strict";
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { runCrashes } from "./crash-run.ts";

const KILLS = 24;

test("killed with SIGKILL at random moments under load, the service loses nothing and counts nothing twice", async (t) => {
  const report = await runCrashes({
    dataDir: tempDir(t, "crash"),
    kills: KILLS,
    seed: seedOf(t),
    onKill: () => {},
  });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.acknowledged > 1_000, "too little was sent to show anything");
  assert.ok(report.checkpoints > 5, "too few restarts began from a checkpoint to show anything");
});
