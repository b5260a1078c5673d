/**
 * The history of two instances where something is lost or made anew: their store stays away until the buffers are full while one of them is killed, and
 * another configuration makes other rows of the same topic. The exact hand-overs are in test/chaos/history.test.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import type { HistoryGap, SettledRow } from "../../src/ports/history-store.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { compareHistory } from "../chaos/compare-history.ts";
import { DATABASE, HistoryServer } from "../chaos/history-server.ts";
import { HistoryTruth } from "../chaos/history-truth.ts";
import type { Settings } from "../crash/service-process.ts";
import { rawRowsOf, settledRowsOf } from "../stores/history/clickhouse/fixture.ts";
import { newProducer, newTopic, openFor, sendToPartitions, setupOf } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { SwapStream } from "./feed.ts";
import { type Instance, Site } from "./site.ts";

const PARTITIONS = 2;
/** Together below the largest batch of a broker (1 MiB). */
const SENT_AT_ONCE = 700;
const STEP = 5_000;
const MINUTE_MS = 60_000;
const FILLED_MAX = 120_000;
const WAIT_MS = 150_000;
const REPAIRS_MAX = 100;
/** Sequences that the store loses. */
const LOST = { from: 200, to: 700 };
const LIMITS: Settings = {
  SWAPSTATS_APP_GRACE: "10s",
  SWAPSTATS_APP_REORG_HORIZON: "10s",
  SWAPSTATS_APP_MAX_SKEW: "10s",
  // The least.
  SWAPSTATS_HISTORY_BUFFER_BYTES: "16MiB",
};

type Writing = {
  readonly gaps: number;
  readonly rows_lost: number;
  readonly partitions: { partition: number; waiting_rows: number; durable: number }[];
};

async function writingOf(instance: Instance): Promise<Writing> {
  const status = (await (await fetch(`${instance.url}/api/status`)).json()) as { history?: Writing };
  assert.ok(status.history !== undefined);
  return status.history;
}

class Run {
  readonly topic: string;
  truths: readonly HistoryTruth[];
  readonly #t: TestContext;
  readonly #site: Site;
  readonly #stream: SwapStream;
  readonly #producer: ReturnType<typeof newProducer>;

  private constructor(t: TestContext, site: Site, topic: string) {
    this.#t = t;
    this.#site = site;
    this.topic = topic;
    this.#producer = newProducer(site.kafka.brokers);
    t.after(() => this.#producer.close());
    this.#stream = new SwapStream({
      seed: seedOf(t),
      startMs: Date.now() - 12 * 3_600_000,
      ratePerSecond: 20,
      disorderMs: 5_000,
    });
    this.truths = this.truthsWith(LIMITS);
  }

  /** What the topic gives with these settings. */
  truthsWith(settings: Settings): HistoryTruth[] {
    const readers = openFor(this.#t, setupOf(this.#site.kafka.brokers, this.topic));
    const config = this.#site.engineConfig(this.topic, settings);
    return [...Array(PARTITIONS).keys()].map((p) => new HistoryTruth(p, () => readers.reader(p), config));
  }

  static async prepare(t: TestContext, site: Site): Promise<Run> {
    const topic = await newTopic(site.kafka, PARTITIONS);
    await createTopic(site.kafka, `${topic}.dlq`, 1);
    return new Run(t, site, topic);
  }

  async send(count: number): Promise<void> {
    for (let left = count; left > 0; left -= SENT_AT_ONCE) {
      const messages = this.#stream.next(Math.min(left, SENT_AT_ONCE)).map(({ id, value, arrivalMs }) => {
        const partition = partitionOfTokenId(id, PARTITIONS);
        return { topic: this.topic, partition, value: Buffer.from(value), timestamp: BigInt(arrivalMs) };
      });
      await sendToPartitions(this.#producer, this.topic, messages);
    }
  }

  /** Sends swaps until that is so, at least some. Returns their number. */
  async sendUntil(isSo: () => Promise<boolean>, instances: readonly Instance[]): Promise<number> {
    for (let sent = 0; ; sent += STEP) {
      await this.#site.settled(this.topic, instances);
      if (sent > 0 && (await isSo())) return sent;
      assert.ok(sent < FILLED_MAX, "the buffers did not become full");
      await this.send(STEP);
    }
  }

  /** Resolves when the instances have applied everything, and the store has it or a gap in its place. */
  async written(instances: readonly Instance[]): Promise<void> {
    await this.#site.settled(this.topic, instances);
    for (const truth of this.truths) await truth.follow();
    const isWritten = async (): Promise<boolean> => {
      const all = (await Promise.all(instances.map(writingOf))).flatMap(({ partitions }) => partitions);
      // Rows that a worker has not sent yet wait nowhere.
      const isDurable = ({ partition: of, settledRows }: HistoryTruth): boolean =>
        all.some(({ partition, durable }) => partition === of && durable >= settledRows);
      return all.every(({ waiting_rows }) => waiting_rows === 0) && this.truths.every(isDurable);
    };
    await waitFor("nothing to wait for the store", isWritten, WAIT_MS);
  }
}

/** Returns the sequences that are missing. Fails for a row that is there twice, that is not the engine's, or that is missing and lies in no gap. */
async function missingOf(store: HistoryServer, truth: HistoryTruth, gaps: readonly HistoryGap[]): Promise<number[]> {
  const found = new Map<number, SettledRow>();
  for (const { sequence, row } of await settledRowsOf(store.server, DATABASE, `partition = ${truth.partition}`)) {
    assert.ok(!found.has(sequence), `sequence ${sequence} is there twice`);
    found.set(sequence, row);
  }
  const missing: number[] = [];
  let sequence = 0;
  for (const row of truth.settled()) {
    const there = found.get(sequence);
    found.delete(sequence);
    if (there !== undefined) assert.deepEqual(there, row);
    else {
      missing.push(sequence);
      const isTold = gaps.some(({ partition, fromMs, toMs }) => {
        return partition === truth.partition && fromMs <= row.eventTimeMs && row.eventTimeMs < toMs;
      });
      assert.ok(isTold, `sequence ${sequence} of partition ${truth.partition} is missing, and lies in no gap`);
    }
    sequence += 1;
  }
  assert.equal(found.size, 0, "the store has rows that nothing has settled");
  return missing;
}

/** Takes rows out of the store, and records them as a gap. */
async function loseRows(store: HistoryServer, truth: HistoryTruth): Promise<HistoryGap> {
  const { partition } = truth;
  const where = `partition = ${partition} AND sequence >= ${LOST.from} AND sequence < ${LOST.to}`;
  await store.server.sql(`DELETE FROM ${DATABASE}.swaps WHERE ${where}`);
  const times = [...truth.settled()].slice(LOST.from, LOST.to).map(({ eventTimeMs }) => eventTimeMs);
  const stream = (await store.reader.status()).streams.find((one) => one.partition === partition);
  assert.ok(stream !== undefined);
  const gap = {
    ...{ logId: stream.logId, partition, epoch: stream.epoch },
    ...{
      fromMs: Math.floor(Math.min(...times) / MINUTE_MS) * MINUTE_MS,
      toMs: Math.ceil((Math.max(...times) + 1) / MINUTE_MS) * MINUTE_MS,
    },
    ...{ cause: "The store lost rows.", isRepairable: true, sequences: LOST },
  };
  await store.reader.noteGap(gap);
  return gap;
}

/** Returns the exit code of the command. A gap may stay for now. */
async function repairOf(t: TestContext, env: Settings): Promise<number> {
  const output = memoryOutput(env);
  const code = await runCli(["history", "repair"], output, t.signal);
  if (code !== 0)
    assert.match(output.outText(), /Not all swaps of its times are final|does not know the gap yet/, output.errText());
  else assert.match(output.outText(), new RegExp(`repaired: ${LOST.to - LOST.from} swaps`));
  return code;
}

/** Each settled row is there once. Those of a repair have the sequences that were missing, in order of time. */
async function assertWhole(store: HistoryServer, truth: HistoryTruth): Promise<void> {
  const sorted = (rows: Iterable<SettledRow>): SettledRow[] =>
    [...rows].sort((a, b) => (`${a.eventId} ${a.token}` < `${b.eventId} ${b.token}` ? -1 : 1));
  const found = await settledRowsOf(store.server, DATABASE, `partition = ${truth.partition}`);
  assert.equal(found.length, new Set(found.map(({ sequence }) => sequence)).size);
  assert.equal(found.length, truth.settledRows);
  assert.deepEqual(sorted(found.map(({ row }) => row)), sorted(truth.settled()));
}

/** Each raw event is there at most once, and as it was. Returns how many are missing. */
async function missingRawOf(store: HistoryServer, truth: HistoryTruth): Promise<number> {
  const found = await rawRowsOf(store.server, DATABASE, `partition = ${truth.partition}`);
  let at = 0;
  let missing = 0;
  for (const row of truth.raw()) {
    if (found[at]?.offset === row.offset) assert.deepEqual(found[at++], row);
    else missing += 1;
  }
  assert.equal(at, found.length);
  return missing;
}

requires("the history of two instances", { servers: ["kafka", "redis", "nats", "clickhouse"] }, () => {
  describe("the history of two instances", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "history");
    before(async () => {
      site = await Site.start(folder);
    });

    const storeFor = async (t: TestContext, name: string): Promise<HistoryServer> => {
      const store = await HistoryServer.start(join(folder, name));
      t.after(() => store.close());
      return store;
    };

    test("beyond the buffer the missing rows lie in gaps that status and answers tell, also when an instance is killed", async (t) => {
      const store = await storeFor(t, "clickhouse-away");
      const run = await Run.prepare(t, site);
      const settings = { ...store.settings(store.port), ...LIMITS };
      const a = await site.start(t, run.topic, "a", settings);
      const b = await site.start(t, run.topic, "b", settings);
      await run.send(6_000);
      await run.written([a, b]);
      for (const truth of run.truths) assert.deepEqual(await missingOf(store, truth, []), []);

      await store.kill();
      const isLosing = async (instance: Instance): Promise<boolean> => (await writingOf(instance)).rows_lost > 0;
      let sent = await run.sendUntil(async () => (await isLosing(a)) || (await isLosing(b)), [a, b]);
      const [first, second] = (await isLosing(a)) ? [a, b] : [b, a];
      await first.kill();
      sent += await run.sendUntil(() => isLosing(second), [second]);
      t.diagnostic(`buffers were full after ${sent} swaps`);
      await store.restart();
      await run.written([second]);
      await run.send(3_000);
      await run.written([second]);

      const { gaps } = await store.reader.status();
      assert.ok(gaps.length > 0);
      assert.ok((await writingOf(second)).gaps > 0);
      let missingRows = 0;
      for (const truth of run.truths) {
        const missing = await missingOf(store, truth, gaps);
        const raw = await missingRawOf(store, truth);
        t.diagnostic(
          `partition ${truth.partition}: ${missing.length} settled of ${truth.settledRows} and ${raw} raw of ${truth.rawRows} are missing`,
        );
        missingRows += missing.length;
        if (missing.length > 0) await assertTold(second, truth, gaps);
      }
      assert.ok(missingRows > 0);
    });

    test("rows that the store lost are filled from the topic by the command, while an instance goes on, and are there once after it was killed", async (t) => {
      const store = await storeFor(t, "clickhouse-lost");
      const run = await Run.prepare(t, site);
      const settings = { ...store.settings(store.port), ...LIMITS };
      const a = await site.start(t, run.topic, "a", settings);
      // How many swaps settle depends on the tokens that a seed draws.
      do {
        await run.send(4_000);
        await run.written([a]);
      } while (run.truths.some(({ settledRows }) => settledRows < LOST.to));
      const gaps: HistoryGap[] = [];
      for (const truth of run.truths) gaps.push(await loseRows(store, truth));
      for (const truth of run.truths) assert.equal((await missingOf(store, truth, gaps)).length, LOST.to - LOST.from);

      const env = site.settings(run.topic, "repair", settings);
      for (let tries = 0; (await repairOf(t, env)) !== 0; tries++) {
        assert.ok(tries < REPAIRS_MAX, "a gap stays");
        await run.send(100);
        await run.written([a]);
      }
      assert.deepEqual((await store.reader.status()).gaps, []);
      await a.kill();
      const b = await site.start(t, run.topic, "b", settings);
      await run.send(500);
      await run.written([b]);
      for (const truth of run.truths) await assertWhole(store, truth);
      assert.deepEqual(await store.reader.verify(t.signal), []);
    });

    test("a configuration that makes other rows of the same topic replaces the earlier ones, while instances are exchanged", async (t) => {
      const store = await storeFor(t, "clickhouse-exchanged");
      const run = await Run.prepare(t, site);
      const before = { ...store.settings(store.port), ...LIMITS };
      const a = await site.start(t, run.topic, "a", before);
      const b = await site.start(t, run.topic, "b", before);
      await run.send(4_000);
      await run.written([a, b]);
      const first = await compareHistory(store, run.truths);

      await b.stop();
      const changed = { SWAPSTATS_APP_GRACE: "3s" };
      const c = await site.start(t, run.topic, "c", { ...before, ...changed });
      await run.send(1_000);
      await site.settled(run.topic, [a, c]);
      await a.kill();
      const d = await site.start(t, run.topic, "d", { ...before, ...changed });
      await run.send(1_000);
      const former = run.truths;
      run.truths = run.truthsWith({ ...LIMITS, ...changed });
      await run.written([c, d]);
      const second = await compareHistory(store, run.truths);
      t.diagnostic(JSON.stringify({ first, second }));
      for (const truth of former) await truth.follow();
      const rowsOf = (truths: readonly HistoryTruth[]): number =>
        truths.reduce((sum, truth) => sum + truth.settledRows, 0);
      assert.notEqual(rowsOf(former), rowsOf(run.truths), "the other configuration was to make other rows");
      assert.ok(second.streams > first.streams);
    });
  });
});

/** Answers that touch the gap say so, and answers before it do not. */
async function assertTold(instance: Instance, truth: HistoryTruth, gaps: readonly HistoryGap[]): Promise<void> {
  const own = gaps.filter(({ partition }) => partition === truth.partition);
  const [row] = truth.settled();
  assert.ok(row !== undefined && own.length > 0);
  const completeAt = async (ms: number): Promise<unknown> => {
    const url = `${instance.url}/api/tokens/${row.chainId}:${row.token}/stats?windows=1m&at=${ms}`;
    return ((await (await fetch(url)).json()) as { history_complete?: boolean }).history_complete;
  };
  const fromMs = Math.min(...own.map((gap) => gap.fromMs));
  assert.equal(await completeAt(fromMs + 60_000), false);
  assert.equal(await completeAt(fromMs - 60_000), true);
}
