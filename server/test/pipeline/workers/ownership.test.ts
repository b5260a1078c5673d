/** Partitions that are assigned and revoked while the workers run: requests meanwhile, live feeds, and the state afterwards. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import { MessageChannel } from "node:worker_threads";
import { LocalWorkers } from "../../../src/bus/local-workers.ts";
import { QueryBus } from "../../../src/bus/query-bus.ts";
import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import { toEngineConfig } from "../../../src/config/config.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { PartitionWorkers } from "../../../src/pipeline/workers/partition-workers.ts";
import type { ChannelUpdate } from "../../../src/ports/stats-bus.ts";
import { partitionOfTokenId } from "../../../src/shared/token-partition.ts";
import { LogClient } from "../../../src/sources/embedded/log-client.ts";
import { LOG_DATABASE_NAME } from "../../../src/sources/embedded/log-writer.ts";
import { tempDir } from "../../support/tmp.ts";

const PARTITIONS = 4;
const LIMIT_MS = 60_000;
const ALL = { windows: ["1h"], fields: [] };
/** A token of each partition. */
const TOKENS = Array.from({ length: PARTITIONS }, (_, partition) => {
  for (let i = 0; ; i++) {
    const id = `1:0xtoken${i}`;
    if (partitionOfTokenId(id, PARTITIONS) === partition) return id;
  }
});

class Owners {
  readonly log: LogClient;
  readonly workers: PartitionWorkers;
  readonly bus: QueryBus;
  #sent = 0;

  constructor(log: LogClient, dataDir: string) {
    this.log = log;
    const handle = createSharedClock("live", 60_000);
    const fail = (error: Error): void => assert.fail(error);
    this.workers = new PartitionWorkers({
      threads: 2,
      dataDir,
      checkpointStore: { kind: "embedded", dataDir },
      source: { kind: "embedded", setup: { logPath: `${dataDir}/${LOG_DATABASE_NAME}` } },
      owner: "test",
      engine: toEngineConfig(defaultConfig()),
      clock: handle,
      snapshotIntervalMs: 100,
      coalesceMs: 5,
      seenSinceMs: undefined,
      past: undefined,
      answerTimeoutMs: 60_000,
      ingestion: {
        connect: (partition, board) => {
          const { port1, port2 } = new MessageChannel();
          log.connect(partition, port1, board);
          return port2;
        },
        onCurrent: () => {},
        onFailed: () => {},
        onCheckpoint: () => {},
      },
      onFatal: fail,
    });
    this.bus = new QueryBus({
      workers: new LocalWorkers(
        this.workers.clients,
        () => PARTITIONS,
        (partition) => this.workers.workerOf(partition),
      ),
      boards: this.workers.boards,
      clock: new SharedClock(handle),
      finestStepMs: 1000,
    });
  }

  static async start(t: TestContext): Promise<Owners> {
    const dataDir = tempDir(t, "ownership");
    const log = await LogClient.start(
      {
        folder: dataDir,
        partitions: PARTITIONS,
        retentionMs: 3_600_000,
        retentionBytes: 2 ** 30,
        bodyEventsMax: 1000,
        waitsForOwners: false,
      },
      (error) => assert.fail(error),
    );
    const owners = new Owners(log, dataDir);
    t.after(async () => {
      await log.close();
      await owners.workers.drain(LIMIT_MS);
    });
    return owners;
  }

  /** A swap of every token. */
  async swaps(): Promise<void> {
    this.#sent += 1;
    const lines = TOKENS.map((id) => {
      const swap = {
        chain_id: 1,
        token: id.slice(2),
        tx_hash: `0x${this.#sent.toString(16)}`,
        log_index: 0,
        who: "0xa",
      };
      return JSON.stringify({ ...swap, side: "buy", amount_token: "2", amount_usd: "3", event_time: Date.now() });
    });
    assert.equal((await this.log.ingest(new TextEncoder().encode(lines.join("\n")))).accepted, PARTITIONS);
  }

  /** Resolves when the partitions of this process have applied all of their log. */
  async caughtUp(): Promise<void> {
    while ((await this.bus.status("own")).partitions.some((partition) => partition.lag > 0));
  }

  async answer(partition: number) {
    const [answer] = await this.bus.tokenStats([TOKENS[partition] as string], ALL);
    return answer?.kind === "stats"
      ? { epoch: Number(answer.epoch), rev: answer.rev, trades: trades(answer.body) }
      : answer;
  }
}

function trades(body: string): number {
  return JSON.parse(`{${body}}`).windows["1h"].trades;
}

describe("assignment of partitions", () => {
  test("a partition that is revoked and assigned again continues where it was, with a greater epoch", async (t) => {
    const owners = await Owners.start(t);
    const { workers, bus } = owners;
    assert.deepEqual((await bus.status("own")).partitions, []);
    await Promise.all([0, 1, 2].map((partition) => workers.assign(partition)));
    await owners.swaps();
    await owners.caughtUp();
    const before = await owners.answer(2);
    assert.ok(before !== undefined && "trades" in before && before.trades === 1);
    assert.deepEqual(await owners.answer(3), { kind: "unknown" }, "no worker of this process has it");

    assert.deepEqual(await workers.revoke(2, LIMIT_MS), []);
    assert.deepEqual(await owners.answer(2), { kind: "unknown" });
    assert.equal(bus.cachedTokenStats(TOKENS[2] as string, ALL), undefined);
    const { partitions } = await bus.status("own");
    assert.deepEqual(
      partitions.map((one) => one.partition),
      [0, 1],
    );
    await owners.swaps();
    await owners.caughtUp();
    // Commands without a wait in between are carried out in this order. The first may be revoked before it is restored.
    const first = workers.assign(3).catch((error) => assert.equal(error.code, "unavailable"));
    assert.deepEqual(await Promise.all([workers.revoke(3, LIMIT_MS), workers.assign(3), workers.assign(2)]), [
      [],
      [],
      [],
    ]);
    await first;
    await owners.caughtUp();
    const after = await owners.answer(2);
    assert.ok(after !== undefined && "trades" in after);
    assert.equal(after.trades, 2);
    assert.ok(after.epoch > before.epoch);
    assert.deepEqual((await bus.status("own")).counters.applied, 2 * PARTITIONS);
  });

  test("requests and feeds find partitions on the threads that their weights gave them", async (t) => {
    const owners = await Owners.start(t);
    const { workers, bus } = owners;
    workers.expect(new Map([1, 5, 1, 1].map((weight, partition) => [partition, weight])));
    const ranking = new Ranking();
    await bus.subscribe({ kind: "overview", window: "1h", sort: "trades", limit: 10 }, ranking.take);
    await Promise.all(TOKENS.map((_, partition) => workers.assign(partition)));
    const threads = TOKENS.map((_, partition) => workers.workerOf(partition));
    assert.deepEqual(threads, [1, 0, 1, 1]);
    await owners.swaps();
    await owners.caughtUp();
    await ranking.holds(PARTITIONS);
    for (const [partition, token] of TOKENS.entries()) {
      const answer = await owners.answer(partition);
      assert.ok(answer !== undefined && "trades" in answer && answer.trades === 1, `partition ${partition}`);
      assert.equal((await bus.subscribe({ kind: "token", token, windows: ["1h"] }, () => {})).kind, "opened");
    }
    await workers.revoke(3, LIMIT_MS);
    await workers.assign(3);
    assert.deepEqual(
      TOKENS.map((_, partition) => workers.workerOf(partition)),
      threads,
    );
  });

  test("feeds of a token end with its partition, and rankings continue with the other partitions", async (t) => {
    const owners = await Owners.start(t);
    const { workers, bus } = owners;
    await Promise.all(TOKENS.map((_, partition) => workers.assign(partition)));
    await owners.swaps();
    await owners.caughtUp();
    const gone = Promise.withResolvers<ChannelUpdate>();
    const topic = { kind: "token", token: TOKENS[1] as string, windows: ["1h"] } as const;
    const listen = (update: ChannelUpdate): void => {
      if (update.stale) gone.resolve(update);
    };
    assert.equal((await bus.subscribe(topic, listen)).kind, "opened");
    const ranking = new Ranking();
    await bus.subscribe({ kind: "overview", window: "1h", sort: "trades", limit: 10 }, ranking.take);
    await ranking.holds(PARTITIONS);
    await workers.revoke(1, LIMIT_MS);
    assert.equal(JSON.parse((await gone.promise).data).windows["1h"].trades, 1);
    await ranking.holds(PARTITIONS - 1);
    assert.deepEqual(await bus.subscribe(topic, () => {}), { kind: "unknown" });
    await workers.assign(1);
    await ranking.holds(PARTITIONS);
    assert.equal((await bus.subscribe(topic, () => {})).kind, "opened");
  });
});

class Ranking {
  #rows = -1;
  #waiting: (() => void) | undefined;
  readonly take = (update: ChannelUpdate): void => {
    this.#rows = (JSON.parse(update.data) as { order: string[] }).order.length;
    this.#waiting?.();
  };

  async holds(rows: number): Promise<void> {
    while (this.#rows !== rows) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}
