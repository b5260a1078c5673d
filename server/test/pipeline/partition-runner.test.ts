import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { HistoryLink } from "../../src/pipeline/history/history-link.ts";
import { TailBudget } from "../../src/pipeline/history/history-tail.ts";
import { PartitionHistory } from "../../src/pipeline/history/partition-history.ts";
import { type PartitionRunner, RUNNER_STEPS } from "../../src/pipeline/partition-runner.ts";
import type { ToHistory } from "../../src/ports/history-stream.ts";
import type { DeadLetterSink } from "../../src/ports/source.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { EmbeddedLogReader } from "../../src/sources/embedded/log-reader.ts";
import { StepsTaken } from "../support/steps-taken.ts";
import { RunnerFolder, START_MS } from "./runner-folder.ts";

const DRAIN_MS = 10_000;
const steps = new StepsTaken();

async function caughtUp(runner: PartitionRunner): Promise<Awaited<ReturnType<PartitionRunner["status"]>>> {
  for (;;) {
    const status = await runner.status();
    if (status.lag === 0) return status;
    await nextTurn();
  }
}

/** Resolves when the first checkpoint is there; the next one comes after an hour. */
async function saved(runner: PartitionRunner): Promise<void> {
  while ((await runner.status()).checkpoint === undefined) await nextTurn();
}

describe("the owner of a partition", () => {
  test("applies records, reports its position, and continues there after a drain", async (t) => {
    const folder = new RunnerFolder(t);
    const first = await folder.started();
    folder.append(10);
    folder.append(1);
    const status = await caughtUp(first.runner);
    assert.equal(status.next_offset, 11);
    assert.deepEqual([status.state, status.problems, status.seen_since], ["running", [], START_MS]);
    assert.equal(status.watermark["1"], START_MS + 100 - 120_000);
    assert.equal(first.clock.now(), START_MS + 100);
    await first.runner.drain(DRAIN_MS);

    folder.append(5);
    const second = await folder.started();
    const later = await caughtUp(second.runner);
    assert.equal(later.next_offset, 16);
    assert.equal(later.checkpoint?.offset, 11);
    assert.equal(second.runner.counters?.applied, 16);
    assert.ok(BigInt(later.epoch) > BigInt(status.epoch));
    const metrics = await second.runner.metrics();
    assert.deepEqual([metrics?.counters.applied, metrics?.countersAtStart.applied], [16, 11]);
    await second.runner.drain(DRAIN_MS);
  });

  test("reports the records that its decoder failed on", async (t) => {
    const folder = new RunnerFolder(t);
    t.mock.getter(SwapDecoder.prototype, "fallbacks", () => 3);
    const { runner } = await folder.started();
    assert.equal((await runner.metrics())?.decoderFallbacks, 3);
    await runner.drain(DRAIN_MS);
  });

  test("a drain applies all records that were acknowledged before it", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner } = await folder.started();
    for (let i = 0; i < 20; i++) folder.append(50);
    await runner.drain(DRAIN_MS);
    const next = await folder.started();
    assert.equal((await next.runner.status()).checkpoint?.offset, 1000);
    await next.runner.drain(DRAIN_MS);
  });

  test("without a checkpoint all records are read again, with the same dead letters", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(3);
    folder.append(1, { event_time: START_MS + 86_400_000 });
    folder.append(3);
    const killed = await folder.started(folder.storeWithoutParts());
    await caughtUp(killed.runner);
    const { runner } = await folder.started();
    await caughtUp(runner);
    assert.deepEqual([runner.counters?.applied, runner.counters?.quarantined], [6, 1]);
    await runner.drain(DRAIN_MS);
    assert.deepEqual([...new Set(folder.letters)], ["3:quarantined"]);
    // Unlike a killed owner it still runs, and must end before this process can end.
    await killed.runner.drain(DRAIN_MS).catch((error) => assert.equal(error.code, "checkpoint_conflict"));
  });

  test("an owner whose partition was claimed stops, and still responds", async (t) => {
    const folder = new RunnerFolder(t);
    const old = await folder.started();
    folder.append(4);
    await caughtUp(old.runner);
    await saved(old.runner);
    const next = await folder.started();
    await caughtUp(next.runner);
    await next.runner.drain(DRAIN_MS);
    folder.append(3);
    await old.runner.drain(DRAIN_MS).catch((error) => assert.equal(error.code, "checkpoint_conflict"));
    assert.ok(old.runner.served.engine.knownTokens >= 4);
    const last = await folder.started();
    assert.equal((await last.runner.status()).checkpoint?.offset, 4);
    assert.equal((await caughtUp(last.runner)).next_offset, 7);
    await last.runner.drain(DRAIN_MS);
  });

  test("damaged records are reported as a gap, windows are incomplete, and the stream continues behind it, also after a restart", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(5);
    folder.append(4);
    folder.append(3);
    const database = new DatabaseSync(folder.logPath);
    database.exec("UPDATE batches SET batch = zeroblob(length(batch)) WHERE key = 5");
    database.close();
    const { runner } = await folder.started();
    const status = await caughtUp(runner);
    assert.equal(status.state, "running");
    assert.equal(runner.counters?.applied, 8);
    assert.match(status.problems.join(), /records from offset 5 to 8 of partition 0 are lost/);
    assert.equal(status.seen_since, START_MS + 90);
    await runner.drain(DRAIN_MS);

    const next = await folder.started();
    const later = await caughtUp(next.runner);
    assert.deepEqual([later.next_offset, later.seen_since], [12, START_MS + 90]);
    assert.equal(next.runner.counters?.applied, 8);
    await next.runner.drain(DRAIN_MS);
  });

  test("the lag grows while a damaged page is read repeatedly and no record is applied", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(5);
    folder.append(4);
    const database = new DatabaseSync(folder.logPath);
    database.exec("UPDATE batches SET batch = zeroblob(length(batch)) WHERE key = 0");
    database.close();
    const { runner, board, clock } = await folder.started();
    let looks = 0;
    for (;;) {
      const status = await runner.status();
      if (status.lag === 0) break;
      if (status.problems.some((problem) => problem.includes("damaged"))) looks += 1;
      // The records came in the past of the wall clock.
      assert.ok(status.lag_ms > 60_000, `${status.lag} records wait, lag_ms ${status.lag_ms}`);
      assert.ok(board.lagMs(clock.wallMs()) > 60_000, "answers say so too");
      await nextTurn();
    }
    assert.ok(looks > 0, "damage was not seen");
    await runner.drain(DRAIN_MS);
  });

  test("the lag of new records grows while the owner is busy", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner, board, clock } = await folder.started();
    const away = Promise.withResolvers<void>();
    const { read } = EmbeddedLogReader.prototype;
    t.mock.method(
      EmbeddedLogReader.prototype,
      "read",
      async function (this: EmbeddedLogReader, ...given: Parameters<typeof read>) {
        await away.promise;
        return read.apply(this, given);
      },
    );
    folder.append(1);
    await caughtUp(runner);
    folder.append(3);
    runner.noteWaiting();
    const status = await runner.status();
    assert.equal(status.lag, 3);
    assert.ok(status.lag_ms > 60_000 && board.lagMs(clock.wallMs()) > 60_000, `lag_ms ${status.lag_ms}`);
    away.resolve();
    await caughtUp(runner);
    assert.equal(board.lagMs(clock.wallMs()), 0);
    await runner.drain(DRAIN_MS);
  });

  test("what has settled becomes final in the history also when no further record comes", async (t) => {
    const folder = new RunnerFolder(t);
    const sent: ToHistory[] = [];
    let nowMs = 0;
    folder.history = new PartitionHistory({
      ...{ partition: 0, keepsRaw: false, onFailure: "gap", bufferBytes: 2 ** 30, monotonicMs: () => nowMs },
      link: new HistoryLink({ postMessage: (message) => sent.push(message), on: () => {}, close: () => {} }),
      budget: new TailBudget(2 ** 20),
    });
    const { runner } = await folder.started();
    folder.append(10, { event_time: START_MS - 3_600_000 });
    folder.append(10);
    await caughtUp(runner);
    assert.ok(!sent.some(({ type }) => type === "mark"));
    nowMs = 61_000;
    // A scan looks at some parts of the tokens each time.
    for (let i = 0; i < 1_000; i++) runner.noteWaiting();
    const marks = sent.flatMap((message) => (message.type === "mark" ? [message.mark] : []));
    assert.equal(marks.length, 1);
    assert.equal(marks[0]!.sequence, 10);
    assert.ok(marks[0]!.beforeMs > START_MS - 3_600_000, `before ${marks[0]!.beforeMs}`);
    await runner.drain(DRAIN_MS);
  });

  test("requests are served while a long batch is applied", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner, board } = await folder.started();
    folder.append(5_000);
    const seen = new Set<number>();
    while (board.nextOffset() < 5_000) {
      seen.add(board.nextOffset());
      await nextTurn();
    }
    assert.ok(seen.size > 2, "the batch was applied in one go");
    await runner.drain(DRAIN_MS);
  });

  test("a drain ends within its limit while dead letters cannot be stored, and the next owner applies the remaining records", async (t) => {
    const folder = new RunnerFolder(t);
    const away = Promise.withResolvers<void>();
    t.after(() => away.resolve());
    const room = { isFull: true, room: () => away.promise, problem: "the topic is away" };
    const sink: DeadLetterSink = { ...room, add: () => {}, flush: async () => false, close: async () => {} };
    const { runner } = folder.runner(undefined, sink);
    await runner.start();
    folder.append(20);
    await assert.rejects(runner.drain(50), { code: "storage_failed" });
    const next = await folder.started();
    assert.equal((await caughtUp(next.runner)).next_offset, 20);
    await next.runner.drain(DRAIN_MS);
  });

  test("requests are refused before the state is restored", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner } = folder.runner();
    assert.throws(() => runner.served, { code: "unavailable", retryable: true });
    assert.equal((await runner.status()).state, "restoring");
    await runner.drain(0);
  });
});

describe("the states of a partition's owner", () => {
  test("a store that fails at the start makes the start reject, and is not reported as a failure of a running partition", async (t) => {
    const folder = new RunnerFolder(t);
    const store = folder.store();
    store.readManifest = async () => {
      throw new SwapstatsError("storage_failed", "no store here", { retryable: true });
    };
    const { runner } = folder.runner(store);
    await assert.rejects(runner.start(), { code: "storage_failed" });
    const { state, problems } = await runner.status();
    assert.deepEqual([state, problems], ["failed", ["no store here"]]);
    assert.throws(() => runner.served, /no store here/);
    await runner.drain(DRAIN_MS);
    assert.deepEqual(folder.told, []);
  });

  test("a drain during the restore prevents the start", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(3);
    const store = folder.store();
    const { readManifest } = store;
    const isAsked = Promise.withResolvers<void>();
    const maySay = Promise.withResolvers<void>();
    store.readManifest = async (partition) => {
      isAsked.resolve();
      await maySay.promise;
      return readManifest.call(store, partition);
    };
    const { runner } = folder.runner(store);
    const started = runner.start();
    await isAsked.promise;
    const drained = runner.drain(DRAIN_MS);
    maySay.resolve();
    await assert.rejects(started, { name: "AbortError" });
    await drained;
    assert.deepEqual([runner.isServing, folder.told], [false, []]);
    await assert.rejects(runner.start(), { name: "AbortError" });
  });

  test("a log that cannot be read further makes the owner fail, which is reported once, and it still responds", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(3);
    const { runner } = await folder.started();
    await caughtUp(runner);
    const failed = Promise.withResolvers<void>();
    t.mock.method(EmbeddedLogReader.prototype, "read", async () => {
      failed.resolve();
      throw new SwapstatsError("not_found", "the log is gone");
    });
    folder.append(1);
    await failed.promise;
    while ((await runner.status()).state === "running") await nextTurn();
    assert.ok(!runner.isCurrent && runner.served.engine.knownTokens >= 3);
    assert.equal((await runner.status()).state, "failed");
    await runner.drain(DRAIN_MS);
    assert.deepEqual(folder.told, ["current", "failed: the log is gone"]);
  });

  test("it is current when the log ends with offsets without records", async (t) => {
    const folder = new RunnerFolder(t);
    folder.append(3);
    const { read, range } = EmbeddedLogReader.prototype;
    t.mock.method(EmbeddedLogReader.prototype, "range", async function (this: EmbeddedLogReader) {
      const found = await range.call(this);
      return { ...found, endOffset: found.endOffset + 1 };
    });
    t.mock.method(
      EmbeddedLogReader.prototype,
      "read",
      async function (this: EmbeddedLogReader, ...given: Parameters<typeof read>) {
        const [position] = given;
        if (position !== 3) return read.apply(this, given);
        const nothing = { payload: new Uint8Array(), ends: new Uint32Array(), arrivalsMs: START_MS };
        return { partition: 0, baseOffset: 4, nextOffset: 4, count: 0, ...nothing };
      },
    );
    const { runner } = await folder.started();
    await caughtUp(runner);
    assert.deepEqual([runner.isCurrent, folder.told], [true, ["current"]]);
    await runner.drain(DRAIN_MS);
  });

  test("a second drain is refused", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner } = await folder.started();
    await runner.drain(DRAIN_MS);
    await assert.rejects(runner.drain(DRAIN_MS), {
      code: "internal",
      message: "Partition 0 cannot go from the state stopped to the state stopped.",
    });
  });

  test("the tests of this file take every step of its table", () => {
    assert.deepEqual(steps.missing("Partition 0", RUNNER_STEPS), []);
  });
});
