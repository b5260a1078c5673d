import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { waitFor } from "../../../scripts/servers/process.ts";
import { cutFrames } from "../../src/cluster/frames.ts";
import { CLUSTER_FORMAT } from "../../src/cluster/protocol.ts";
import { randomFrom } from "../support/seed.ts";
import { MemoryNetwork, type MemoryTransport } from "./support/memory-network.ts";
import { ALL, freshValue, ModelCluster, type ModelInstance } from "./support/model-cluster.ts";
import { Watcher } from "./support/watcher.ts";

const PARTITIONS = 4;
/** Never reached: nothing is lost on the way, and requests to an instance that is cut off fail as soon as it counts as away. */
const ASK_TIMEOUT_MS = 60_000;
const OVERVIEW = { window: "5m", sort: "trades", order: "desc", limit: 3, cursor: undefined } as const;

type Three = {
  readonly network: MemoryNetwork;
  readonly cluster: ModelCluster;
  readonly instances: readonly ModelInstance[];
  readonly transports: readonly MemoryTransport[];
};

/** Starts three instances: partitions 0 and 3 belong to the first, 1 to the second, 2 to the third. */
async function three(t: TestContext, mode: "live" | "event" = "live"): Promise<Three> {
  const network = new MemoryNetwork(randomFrom(1));
  const cluster = new ModelCluster(PARTITIONS, 24);
  t.after(() => cluster.close());
  const transports = ["a", "b", "c"].map(() => network.transport());
  const options = { mode, askTimeoutMs: ASK_TIMEOUT_MS };
  const instances = transports.map((transport, i) => cluster.add("abc"[i] as string, transport, 2, options));
  for (let partition = 0; partition < PARTITIONS; partition++) {
    cluster.take(partition, instances[partition % 3] as ModelInstance);
  }
  await waitFor("all know all", async () => {
    for (const { bus } of instances) {
      const answers = await bus.tokenStats(cluster.ids, ALL);
      if (answers.some((answer) => freshValue(answer) === undefined)) return false;
    }
    return true;
  });
  return { network, cluster, instances, transports };
}

const idOf = (cluster: ModelCluster, partition: number): string =>
  cluster.ids.find((id) => cluster.partitionOf(id) === partition) as string;
const requestsOf = ({ workers }: ModelInstance): number => workers.reduce((sum, worker) => sum + worker.requests, 0);
const feedsOf = ({ workers }: ModelInstance): number => workers.reduce((sum, worker) => sum + worker.openFeeds, 0);

describe("requests to other instances", () => {
  test("only the owner of an id is asked, with all requests of a turn in one message, equal ones once", async (t) => {
    const { network, cluster, instances } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const ids = cluster.ids.filter((id) => cluster.partitionOf(id) === 1);
    const before = { b: requestsOf(b), c: requestsOf(c) };
    network.delivered.clear();
    const answers = await Promise.all([...ids, ...ids].map((id) => a.bus.tokenStats([id], ALL)));
    assert.ok(answers.every(([answer]) => answer?.kind === "stats" && !answer.stale));
    assert.equal(requestsOf(b) - before.b, ids.length);
    assert.equal(requestsOf(c) - before.c, 0);
    assert.deepEqual([network.delivered.get("questions"), network.delivered.get("answers")], [1, 1]);
  });

  test("a token that is not where its id belongs is found by asking all, and from then on at its owner", async (t) => {
    const { cluster, instances } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const id = Array.from({ length: 100 }, (_, i) => `7:odd-${i}`).find(
      (one) => cluster.partitionOf(one) === 1,
    ) as string;
    const home = c.workers[0]?.partitions.get(2);
    home?.tokens.set(id, { id, symbol: "ODD", rev: 1, value: 9 });
    assert.equal(freshValue((await a.bus.tokenStats([id], ALL))[0]), 9);
    const before = requestsOf(b);
    assert.equal(freshValue((await a.bus.tokenStats([id], ALL))[0]), 9);
    assert.equal(requestsOf(b), before);
  });

  test("a token is unknown only when every partition has responded; else it is unavailable", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a, b] = instances as [ModelInstance, ModelInstance];
    for (const name of ["1:nobody", "NOBODY"]) {
      assert.deepEqual(await a.bus.tokenStats([name], ALL), [{ kind: "unknown" }]);
      assert.deepEqual(await a.bus.tokenBody({ kind: "swaps", token: name, limit: 5 }), { kind: "unknown" });
      assert.deepEqual(await a.bus.subscribe({ kind: "token", token: name, windows: [] }, () => {}), {
        kind: "unknown",
      });
    }
    (transports[1] as MemoryTransport).isMute = true;
    for (const name of ["1:nobody", "NOBODY"]) {
      assert.deepEqual(await a.bus.tokenStats([name], ALL), [{ kind: "unavailable" }]);
      assert.deepEqual(await a.bus.tokenBody({ kind: "swaps", token: name, limit: 5 }), { kind: "unavailable" });
      await assert.rejects(
        a.bus.subscribe({ kind: "token", token: name, windows: [] }, () => {}),
        { code: "unavailable" },
      );
    }
    // Figures that were asked for before are served as they were; others are unavailable.
    const known = idOf(cluster, 1);
    const [stale] = await a.bus.tokenStats([known], ALL);
    assert.equal(stale?.kind === "stats" && stale.stale, true);
    assert.deepEqual(await a.bus.tokenBody({ ...NO_RANGE, token: known }), { kind: "unavailable" });
    assert.equal((await a.bus.deadLetters(10)).stale, true);
    assert.equal(freshValue((await b.bus.tokenStats([known], ALL))[0]), 1);
  });

  test("a symbol that tokens of several instances have is ambiguous, also while one of them is away", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a] = instances as [ModelInstance];
    const symbol = `S${"1:token-1".length}`;
    const ids = cluster.ids.filter((id) => `S${id.length}` === symbol);
    for (let round = 0; round < 2; round++) {
      const [answer] = await a.bus.tokenStats([symbol], ALL);
      assert.deepEqual(answer?.kind === "ambiguous" && answer.candidates.map(({ id }) => id).sort(), [...ids].sort());
      (transports[1] as MemoryTransport).isMute = true;
    }
  });

  test("candles, swaps, dead letters and status of all owners", async (t) => {
    const { cluster, instances } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const id = idOf(cluster, 1);
    for (const body of [
      await a.bus.tokenBody({ ...NO_RANGE, token: id }),
      await a.bus.tokenBody({ kind: "swaps", token: id, limit: 1 }),
    ]) {
      assert.deepEqual(body.kind === "body" && [body.id, body.stale, body.body], [id, false, '"items":[1]']);
    }
    const letters = await a.bus.deadLetters(3);
    assert.deepEqual([letters.stale, letters.items.map((letter) => letter.partition)], [false, [3, 2, 1]]);
    const status = await a.bus.status("all");
    assert.deepEqual(
      status.partitions.map(({ partition, state }) => [partition, state]),
      [0, 1, 2, 3].map((partition) => [partition, "running"]),
    );
    assert.deepEqual(
      status.instances?.map(({ instance, state, partitions }) => [instance, state, partitions]),
      [
        ["a", "self", [0, 3]],
        ["b", "live", [1]],
        ["c", "live", [2]],
      ],
    );
    const since = status.circuits?.[0]?.since;
    assert.deepEqual(status.circuits, [{ instance: "a", dependency: "nats", state: "closed", since }]);
    assert.equal(typeof since, "number");
    assert.equal((await a.bus.status("own")).partitions.length, 2);
    const sums = async () => {
      const { counters, tokens } = await a.bus.status("all");
      return [counters.accepted, tokens];
    };
    assert.deepEqual(await sums(), [40, cluster.ids.length]);
    // Another instance still has the state of a partition that was revoked.
    const stale = { epoch: "1", revision: 1, tokens: new Map(c.workers[0]?.partitions.get(2)?.tokens) };
    b.workers[0]?.partitions.set(2, stale);
    assert.deepEqual(await sums(), [40, cluster.ids.length]);
    b.workers[0]?.partitions.delete(2);
    await cluster.remove(c, undefined);
    await waitFor("the goodbye is heard", async () => (await a.bus.status("all")).instances?.length === 2);
    const after = await a.bus.status("all");
    assert.equal(after.partitions[2]?.state, "away");
    assert.match(after.partitions[2]?.problems.join() ?? "", /No instance serves partition 2/);
    assert.deepEqual(await sums(), [40, cluster.ids.length]);
  });

  test("a ranking covers all owners; while one is away its last known rows count, and the ranking is stale", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const best = [1, 2, 0].map((partition) => idOf(cluster, partition));
    for (const [i, id] of best.entries()) for (let n = 0; n < 30 - 10 * i; n++) cluster.swap(id);
    const ids = (items: string) => (JSON.parse(items) as { id: string }[]).map((item) => item.id);
    const [fresh, same] = await Promise.all([a.bus.overview(OVERVIEW), c.bus.overview(OVERVIEW)]);
    assert.deepEqual([ids(fresh.items), fresh.stale], [best, false]);
    assert.deepEqual([same.items, same.epoch, same.rev], [fresh.items, fresh.epoch, fresh.rev]);
    (transports[1] as MemoryTransport).isMute = true;
    const stale = await a.bus.overview(OVERVIEW);
    assert.deepEqual([ids(stale.items), stale.stale, stale.epoch], [best, true, fresh.epoch]);
    assert.ok(stale.asOf <= fresh.asOf + 1_000);
    // Another ranking was never requested: a part of it is not known.
    await assert.rejects(a.bus.overview({ ...OVERVIEW, sort: "volume_usd" }), { code: "unavailable" });
    cluster.take(1, c);
    await waitFor("the new owner's rows count", async () => !(await a.bus.overview(OVERVIEW)).stale);
    assert.equal(requestsOf(b) > 0, true);
  });

  test("all instances are asked which ids a swap has named: a token is known wherever it is and moves, and an absent owner is no error", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a, , c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const odd = Array.from({ length: 100 }, (_, i) => `7:odd-${i}`).find(
      (one) => cluster.partitionOf(one) === 1,
    ) as string;
    const ids = [idOf(cluster, 0), "1:nobody", idOf(cluster, 1), idOf(cluster, 2), odd];
    assert.deepEqual(await a.bus.areKnown(ids), [true, false, true, true, false]);
    c.workers[0]?.partitions.get(2)?.tokens.set(odd, { id: odd, symbol: "ODD", rev: 1, value: 9 });
    assert.deepEqual(await a.bus.areKnown(ids), [true, false, true, true, true]);
    (transports[1] as MemoryTransport).isMute = true;
    assert.deepEqual(await a.bus.areKnown(ids), [true, false, false, true, true]);
    cluster.take(1, c);
    await waitFor("known at the next owner", async () => (await a.bus.areKnown(ids))[2] === true);
    assert.deepEqual(await a.bus.areKnown([]), []);
  });
});

const NO_RANGE = { kind: "candles", intervalMs: 60_000, fromMs: undefined, toMs: undefined, limit: 1 } as const;

describe("feeds of other instances", () => {
  test("a feed is opened there once, and only while somebody listens here", async (t) => {
    const { cluster, instances } = await three(t);
    const [a, b] = instances as [ModelInstance, ModelInstance];
    const token = idOf(cluster, 1);
    const watchers = Array.from({ length: 5 }, () => new Watcher({ kind: "token", token, windows: ["5m"] }));
    for (const watcher of watchers) await watcher.watch(a.bus);
    cluster.swap(token);
    await waitFor("all have it", async () => watchers.every((watcher) => watcher.held?.value === 2));
    assert.equal(feedsOf(b), 1);
    for (const watcher of watchers) watcher.end();
    await waitFor("closed there", async () => feedsOf(b) === 0);
    assert.deepEqual(a.cluster.feedCounts, { served: 0, remote: 0 });
  });

  test("the feeds of a listener that died end there", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a, b] = instances as [ModelInstance, ModelInstance];
    const watcher = new Watcher({ kind: "token", token: idOf(cluster, 1), windows: ["5m"] });
    await watcher.watch(a.bus);
    await waitFor("open there", async () => feedsOf(b) === 1);
    await cluster.remove(a, () => {
      (transports[0] as MemoryTransport).isMute = true;
    });
    await waitFor("closed there", async () => feedsOf(b) === 0);
    watcher.end();
  });

  test("feeds continue at the next owner, with the whole data, and are stale in between", async (t) => {
    const { cluster, instances, transports } = await three(t);
    const [a, , c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const token = idOf(cluster, 1);
    const watcher = new Watcher({ kind: "token", token, windows: ["5m"] });
    const ranking = new Watcher({ kind: "overview", window: "5m", sort: "trades", limit: 50 });
    t.after(() => {
      watcher.end();
      ranking.end();
    });
    await watcher.watch(a.bus);
    await ranking.watch(a.bus);
    await waitFor("data", async () => watcher.held !== undefined && ranking.held !== undefined);
    (transports[1] as MemoryTransport).isMute = true;
    await waitFor("stale", async () => watcher.last?.stale === true && ranking.last?.stale === true);
    assert.equal(Object.keys(ranking.held?.rows as object).length, cluster.ids.length);
    cluster.take(1, c);
    cluster.swap(token);
    await waitFor("fresh", async () => watcher.last?.stale === false && watcher.held?.value === 2);
    await waitFor("fresh", async () => ranking.last?.stale === false);
    assert.deepEqual([...watcher.faults, ...ranking.faults], []);
  });

  test("a ranking is refused while a partition has no owner and nothing of it is known, and begins when it has one", async (t) => {
    const { cluster, instances } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const topic = { kind: "overview", window: "5m", sort: "trades", limit: 50 } as const;
    cluster.drop(1, b);
    await waitFor("a knows", async () => (await a.bus.status("all")).partitions.some((one) => one.state === "away"));
    await assert.rejects(
      a.bus.subscribe(topic, () => {}),
      { code: "unavailable" },
    );
    cluster.take(1, c);
    const watcher = new Watcher(topic);
    t.after(() => watcher.end());
    await watcher.watch(a.bus);
    await waitFor("data", async () => watcher.held !== undefined && watcher.last?.stale === false);
  });
});

describe("instances", () => {
  test("an instance with an unknown format is refused by name in the status", async (t) => {
    const { instances, network } = await three(t);
    const [a] = instances as [ModelInstance];
    const stranger = `${Buffer.from("newer").toString("base64url")}-1`;
    const [frame] = cutFrames(CLUSTER_FORMAT + 1, stranger, 1, Buffer.from("what nobody here can read"), 4_096);
    network.carry(stranger, undefined, frame as Buffer);
    await waitFor("it is said", async () => {
      const { problems = [], instances: seen = [] } = await a.bus.status("all");
      return (
        problems.some((problem) => /Instance "newer" speaks format 3 .* and this one format 2/.test(problem)) &&
        seen.some(({ instance, state }) => instance === "newer" && state === "refused")
      );
    });
  });

  test("two instances with one name are reported", async (t) => {
    const { cluster, instances, network } = await three(t);
    const [a] = instances as [ModelInstance];
    cluster.add("a", network.transport());
    await waitFor("it is said", async () =>
      ((await a.bus.status("all")).problems ?? []).some((problem) =>
        /Another running instance calls itself "a"/.test(problem),
      ),
    );
  });

  test("bytes that are no message have no effect", async (t) => {
    const { cluster, instances, network } = await three(t);
    const [a] = instances as [ModelInstance];
    const sender = `${Buffer.from("b").toString("base64url")}-zz`;
    const texts = [
      "",
      "null",
      "[]",
      '{"type":"questions"}',
      '{"type":"announce","owned":[{}]}',
      '{"type":"x","items":[]}',
    ];
    const items = '{"type":"questions","high":0,"items":[{"id":1,"worker":99,"request":{"kind":"metrics"}}]}';
    texts.push('{"type":"questions","high":0,"items":[null]}', '{"type":"updates","items":[{}]}');
    for (const text of [...texts, items]) {
      for (const frame of cutFrames(1, sender, 1, Buffer.from(text), 4_096)) network.carry(sender, undefined, frame);
    }
    network.carry(sender, undefined, Buffer.from("no header"));
    await new Promise(setImmediate);
    assert.equal(freshValue((await a.bus.tokenStats([idOf(cluster, 1)], ALL))[0]), 1);
  });

  test("instances with an event clock share the highest event time", async (t) => {
    const { instances } = await three(t, "event");
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    b.clock.raiseHigh(1_700_000_000_123);
    await waitFor("all agree", async () => [a, b, c].every(({ clock }) => clock.now() === 1_700_000_000_123));
  });

  test("a former owner that does not know it yet is not believed, not even by itself", async (t) => {
    const { cluster, instances } = await three(t);
    const [a, b, c] = instances as [ModelInstance, ModelInstance, ModelInstance];
    const token = idOf(cluster, 1);
    cluster.take(1, c);
    cluster.swap(token);
    for (const { bus } of [a, b, c]) {
      await waitFor("the new owner answers", async () => freshValue((await bus.tokenStats([token], ALL))[0]) === 2);
    }
    assert.equal(b.bus.cachedTokenStats(token, ALL), undefined);
  });
});
