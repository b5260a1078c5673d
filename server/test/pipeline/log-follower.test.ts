import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LogFollower } from "../../src/pipeline/log-follower.ts";
import type { PartitionReader } from "../../src/ports/source.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";

const never = new AbortController().signal;

/** A log in which every batch of one record is damaged. */
function damagedLog(): PartitionReader & { reads: number } {
  return {
    reads: 0,
    pressure: false,
    knownEnd: 1000,
    isOwn: true,
    keepsRecords: false,
    problem: undefined,
    arrivalClock: undefined,
    numbers: undefined,
    range: async () => ({ startOffset: 0, endOffset: 1000, logId: undefined, formerLogIds: [] }),
    async read(position) {
      this.reads++;
      throw new SwapstatsError("log_damaged", `the batch at offset ${position} is damaged`);
    },
    resumeAfter: (position) => position + 1,
    arrivalFrom: () => undefined,
    openAt: async () => {},
    release: async () => {},
    close: async () => {},
  };
}

test("damage is read three times before it is reported, with a wait only after long intervals", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const reader = damagedLog();
  const follower = new LogFollower(0, reader);
  let first: unknown;
  const waiting = follower
    .next(0, never, () => {})
    .then((gap) => {
      first = gap;
    });
  while (first === undefined) {
    t.mock.timers.tick(100);
    await nextTurn();
  }
  await waiting;
  assert.equal(reader.reads, 3);
  // No timer is moved from here on: whatever waited would never end.
  for (let position = 1; position < 200; position++) {
    const gap = await follower.next(position, never, () => {});
    assert.ok("from" in gap && gap.from === position && gap.to === position + 1);
  }
  assert.equal(reader.reads, 600);
});
