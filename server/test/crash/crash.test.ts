import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { runCrashes } from "./crash-run.ts";
import { mappedEvent, PRODUCER_MAPPING, producerRecord } from "./producer-form.ts";

const KILLS = 24;
const MAPPED_KILLS = 8;
/** Swaps in one record of the producer, at most. */
const RECORD_SWAPS = 7;

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

test("the same holds for records of a producer's own form that a mapping reads", async (t) => {
  const mappings = tempDir(t, "mappings");
  writeFileSync(join(mappings, "producer.yaml"), PRODUCER_MAPPING);
  const report = await runCrashes({
    dataDir: tempDir(t, "crash-mapped"),
    kills: MAPPED_KILLS,
    seed: seedOf(t),
    onKill: () => {},
    form: {
      settings: { SWAPSTATS_INGEST_MAPPINGS: mappings },
      query: "?mapping=producer",
      bodyOf: (lines) => recordsOf(lines).join("\n"),
      eventOf: mappedEvent,
    },
  });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.acknowledged > 300, "too little was sent to show anything");
});

function recordsOf(lines: readonly string[]): string[] {
  const records: string[] = [];
  for (let at = 0; at < lines.length; at += RECORD_SWAPS)
    records.push(producerRecord(lines.slice(at, at + RECORD_SWAPS)));
  return records;
}
