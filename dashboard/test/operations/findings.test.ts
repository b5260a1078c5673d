import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Status } from "@swapstats/client";
import {
  BEHIND_MS,
  CHECKPOINT_OVERDUE_MS,
  type Finding,
  findingsOf,
  partitionsText,
  verdictOf,
} from "../../src/operations/findings.ts";

const NOW = 1_760_000_000_000;

type Partition = Status["partitions"][number];

const partition = (number: number, change: Partial<Partition> = {}): Partition => ({
  ...{ partition: number, owner: "a", epoch: "1", next_offset: 9, end_offset: 9, lag: 0, lag_ms: 0 },
  ...{ watermark: { "1": NOW }, checkpoint: { offset: 5, time: NOW - 1_000, bytes: 9 } },
  ...{ state: "running", problems: [] },
  ...change,
});

function found(change: Partial<Status>): readonly Finding[] {
  const status = { instance: "a", version: "1", partitions: [partition(0)], ...change } as unknown as Status;
  return findingsOf(status, NOW);
}

const told = (change: Partial<Status>): [string, string][] =>
  found(change).map(({ severity, what }) => [severity, what]);

describe("findings of a status", () => {
  test("there are none when all is well", () => {
    assert.deepEqual(found({ circuits: [{ instance: "a", dependency: "s3", state: "closed" }], problems: [] }), []);
    assert.deepEqual(verdictOf([]), { tone: "good", text: "All partitions are up to date" });
  });

  test("a partition is behind from the limit on", () => {
    const at = (lag_ms: number) => told({ partitions: [partition(0, { lag: 1_234, lag_ms })] });
    assert.deepEqual(at(BEHIND_MS - 1), []);
    assert.match(at(BEHIND_MS)[0]?.[1] ?? "", /behind: 1,234 records wait/);
  });

  test("a checkpoint is overdue from the limit on, of partitions that run", () => {
    const at = (ageMs: number, state: Partition["state"] = "running") =>
      told({ partitions: [partition(0, { state, checkpoint: { offset: 1, time: NOW - ageMs, bytes: 1 } })] });
    assert.deepEqual(at(CHECKPOINT_OVERDUE_MS - 1), []);
    assert.match(at(CHECKPOINT_OVERDUE_MS)[0]?.[1] ?? "", /newest checkpoint from 10\u202fmin ago/);
    assert.doesNotMatch(JSON.stringify(at(CHECKPOINT_OVERDUE_MS, "restoring")), /checkpoint/);
  });

  test("partitions with the same state are told of together, the worst first", () => {
    const partitions = [
      partition(0, { state: "draining" }),
      partition(1, { state: "restoring" }),
      partition(2, { state: "restoring" }),
      partition(3, { state: "failed" }),
    ];
    const findings = found({ partitions });
    assert.deepEqual(
      findings.map(({ severity, partitions: of }) => [severity, ...of]),
      [
        ["bad", 3],
        ["warn", 1, 2],
        ["note", 0],
      ],
    );
    assert.deepEqual(verdictOf(findings), { tone: "bad", text: "1 problem to act on, 1 to look at" });
  });

  test("a sentence of the service is told once for all partitions, with what to do", () => {
    const what = "Checkpoints are not being written: no space left. The service retries.";
    const [finding, ...more] = found({ partitions: [0, 1].map((one) => partition(one, { problems: [what] })) });
    assert.equal(more.length, 0);
    assert.deepEqual([finding?.what, finding?.partitions, finding?.severity], [what, [0, 1], "bad"]);
    assert.match(finding?.advice ?? "", /Free space/);
  });

  test("every sentence of the service gets advice", () => {
    const sentences = [
      "The records 5 to 9 were acknowledged and are missing.",
      "The state of partition 0 is rebuilt from the log.",
      "An image of partition 0's checkpoint is damaged.",
      "Not connected to NATS (connection refused).",
      "No instance serves partition 0 at the moment; its tokens are served as stale.",
      "A sentence of a later version.",
    ];
    for (const what of sentences) {
      const [finding] = found({ problems: [what] });
      assert.deepEqual([finding?.what, finding?.advice === ""], [what, false]);
    }
  });

  test("a circuit that is not closed is told of with its instance and since when", () => {
    const circuits = [
      { instance: "b", dependency: "redis_hot", state: "half_open" as const, since: NOW - 90_000 },
      { instance: "b", dependency: "s3", state: "open" as const },
    ];
    assert.deepEqual(told({ circuits }), [
      ["bad", "b cannot use S3, which keeps the checkpoints."],
      ["warn", "b cannot use Redis, which keeps figures for other readers since 1\u202fmin."],
    ]);
  });

  test("feeders that stopped, retry or refused records are told of, each once", () => {
    const feeder = (name: string, state: string, rejected: number, problem?: string) =>
      ({ name, type: "file", state, records: 9, swaps: 9, rejected, skipped: 0, problem }) as never;
    const feeders = [
      feeder("old", "failed", 0, "The file is gone."),
      feeder("slow", "retrying", 2, "The disk is slow."),
      feeder("odd", "running", 3),
      feeder("good", "running", 0),
    ];
    const problems = ["Feeder old: The file is gone.", "Feeder slow: The disk is slow."];
    assert.deepEqual(told({ feeders, problems }), [
      ["bad", "Feeder old has stopped. The file is gone."],
      ["warn", "Feeder slow retries. The disk is slow."],
      ["note", "Feeder odd has read 3 records with a swap that was refused."],
    ]);
  });

  test("an instance whose messages cannot be read is told of", () => {
    const instances = [{ instance: "b", version: "9.0.0", state: "refused" as const, partitions: [] }];
    assert.match(told({ instances })[0]?.[1] ?? "", /^The messages of b \(9\.0\.0\) cannot be read here\.$/);
  });
});

test("partitions are named in short", () => {
  assert.equal(partitionsText([]), "");
  assert.equal(partitionsText([3]), "Partition 3");
  assert.equal(partitionsText([0, 1, 4]), "Partitions 0, 1 and 4");
  assert.equal(partitionsText([0, 1, 2, 3, 4]), "5 partitions (0, 1, …)");
});
