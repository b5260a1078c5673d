import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  APPLY_SLICE_MS,
  finished,
  type Piecewise,
  READ_SLICE_MS,
  READS_WAITING_MAX,
  READS_WEIGHT_MAX,
  ThreadShare,
} from "../../src/pipeline/thread-share.ts";

/** Of sums of tenths. */
const ROUNDING_MS = 1e-6;

/** A thread whose time is the test's: pieces say how long they take, and turns of the event loop are taken by hand. */
class Thread {
  nowMs = 0;
  appliedMs = 0;
  readMs = 0;
  readonly share: ThreadShare;
  #turns: (() => void)[] = [];

  constructor() {
    this.share = new ThreadShare({ nowMs: () => this.nowMs, schedule: (call) => this.#turns.push(call) });
  }

  *work(pieces: number, pieceMs: number, onPiece: () => void = () => {}): Piecewise<string> {
    for (let i = 0; i < pieces; i++) {
      this.nowMs += pieceMs;
      this.readMs += pieceMs;
      onPiece();
      yield;
    }
    return "done";
  }

  /** A turn of the event loop; with `applies` a slice of records, of which there are always more. */
  turn(applies: boolean): void {
    if (applies) {
      const ms = this.share.applySliceMs;
      this.nowMs += ms;
      this.appliedMs += ms;
      this.share.noteApplied(ms);
    }
    for (const call of this.#turns.splice(0)) call();
  }
}

describe("how a thread is shared", () => {
  for (const pieceMs of [0.1, 1, 7, 20]) {
    test(`applying gets at least half of the thread while records wait, with pieces of ${pieceMs} ms`, async () => {
      const thread = new Thread();
      thread.share.beginApplying();
      const clients = Array.from({ length: 16 }, () => {
        return thread.share.run(thread.work(Math.ceil(450 / pieceMs), pieceMs), { lane: "batch", weight: 500 });
      });
      while (thread.share.waiting > 0) {
        const before = thread.readMs;
        thread.turn(true);
        assert.ok(
          thread.readMs - before < READ_SLICE_MS + pieceMs + ROUNDING_MS,
          "a slice ends with the piece that fills it",
        );
        assert.ok(
          thread.readMs <= thread.appliedMs + READ_SLICE_MS + pieceMs,
          `read ${thread.readMs}, applied ${thread.appliedMs}`,
        );
      }
      assert.ok(thread.readMs >= 16 * 450 - ROUNDING_MS, "the clients got their answers, later");
      assert.deepEqual(new Set(await Promise.all(clients)), new Set(["done"]));
    });
  }

  test("readers get the whole thread in slices while no record waits", () => {
    const thread = new Thread();
    void thread.share.run(thread.work(300, 0.1), { lane: "batch" });
    for (let turn = 0; turn < 30 / READ_SLICE_MS + 2; turn++) thread.turn(false);
    assert.equal(thread.share.waiting, 0);
  });

  test("partitions that apply at the same time share a slice", () => {
    const { share } = new Thread();
    const ends = [share.beginApplying(), share.beginApplying()];
    assert.equal(share.applySliceMs, APPLY_SLICE_MS / 2);
    for (const end of ends) {
      end();
      end();
    }
    assert.equal(share.applySliceMs, APPLY_SLICE_MS);
  });

  test("a light request waits for at most two slices of a heavy request in another lane", async () => {
    const thread = new Thread();
    thread.share.beginApplying();
    for (let i = 0; i < 100; i++) void thread.share.run(thread.work(1000, 1), { lane: "batch", weight: 500 });
    for (let turn = 0; turn < 20; turn++) thread.turn(true);
    let answered = false;
    void thread.share.run(thread.work(1, 0.05), { lane: "stats" }).then(() => {
      answered = true;
    });
    let turns = 0;
    while (!answered && turns < 10) {
      thread.turn(true);
      await Promise.resolve();
      turns++;
    }
    assert.ok(answered, `not answered after ${turns} turns`);
    assert.ok(turns <= 4, `${turns} turns`);
  });

  test("reads beyond the limits are refused with overloaded, and reads that waited too long are dropped", async () => {
    const thread = new Thread();
    const runs = Array.from({ length: READS_WAITING_MAX }, () =>
      thread.share.run(thread.work(1, 1), { lane: "stats" }),
    );
    await assert.rejects(thread.share.run(thread.work(1, 1), { lane: "stats" }), {
      code: "overloaded",
      retryable: true,
    });
    while (thread.share.waiting > 0) thread.turn(false);
    await Promise.all(runs);
    const heavy = thread.share.run(thread.work(1, 1), { lane: "batch", weight: READS_WEIGHT_MAX });
    await assert.rejects(thread.share.run(thread.work(1, 1), { lane: "stats" }), { code: "overloaded" });
    let pieces = 0;
    while (thread.share.waiting > 0) thread.turn(false);
    await heavy;
    const late = thread.share.run(
      thread.work(1, 1, () => pieces++),
      { lane: "stats", deadlineMs: thread.nowMs + 5 },
    );
    thread.nowMs += 6;
    thread.turn(false);
    await assert.rejects(late, { code: "unavailable", retryable: true });
    assert.equal(pieces, 0);
    const begun = thread.share.run(
      thread.work(1_000, 1, () => pieces++),
      { lane: "stats", deadlineMs: thread.nowMs + 5 },
    );
    for (let turn = 0; turn < 5; turn++) thread.turn(false);
    await assert.rejects(begun, { code: "unavailable" });
    assert.ok(pieces > 0 && pieces < 20, "one that has begun ends there, too");
  });

  test("a read that throws rejects, and the next read of its lane continues", async () => {
    const thread = new Thread();
    // biome-ignore lint/correctness/useYield: it throws before
    function* failing(): Piecewise<never> {
      throw new RangeError("broken");
    }
    const broken = thread.share.run(failing(), { lane: "stats" });
    const next = thread.share.run(thread.work(1, 1), { lane: "stats" });
    while (thread.share.waiting > 0) thread.turn(false);
    await assert.rejects(broken, RangeError);
    assert.equal(await next, "done");
    assert.equal(finished(thread.work(3, 1)), "done");
  });
});
