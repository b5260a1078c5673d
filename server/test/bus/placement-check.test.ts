import assert from "node:assert/strict";
import { test } from "node:test";
import { NAMED_MAX, PlacementCheck, type PlacementWorker, WALK_TOKENS_MAX } from "../../src/bus/placement-check.ts";
import type { WorkerRequest } from "../../src/bus/requests.ts";
import { TOKEN_PARTS } from "../../src/engine/partition-engine.ts";
import { finished } from "../../src/pipeline/thread-share.ts";
import { SplitTokens } from "../../src/pipeline/views/split-tokens.ts";
import { formatTokenId } from "../../src/shared/token-id.ts";
import { compareHomes, partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

const PARTITIONS = 5;

function splitOf(partition: number, ids: readonly string[], retired: ReadonlySet<string> = new Set()): SplitTokens {
  const engine = {
    tokensOfPart: (part: number) => [...ids.keys()].filter((token) => token % TOKEN_PARTS === part),
    info: (token: number) => ({ id: ids[token] as string }),
    findById: (chainId: number, token: string) => {
      const index = ids.indexOf(formatTokenId(chainId, token));
      return index === -1 ? undefined : index;
    },
    isRetired: (token: number) => retired.has(ids[token] as string),
  };
  return new SplitTokens(partition, engine, () => 0);
}

function workerOf(homes: ReadonlyMap<number, SplitTokens>): PlacementWorker {
  const respond = (request: WorkerRequest): unknown => {
    if (request.kind === "misplaced")
      return [...homes.values()].flatMap((home) => finished(home.misplaced(request.partitions)));
    if (request.kind === "placements") {
      assert.ok(request.ids.length <= NAMED_MAX, "a request has a bounded size");
      const placesOf = (id: string) => [...homes].flatMap(([p, home]) => (home.find(id) === undefined ? [] : [p]));
      return { served: [...homes.keys()], places: request.ids.map(placesOf) };
    }
    assert.ok(request.kind === "split");
    for (const home of homes.values()) {
      for (const id of request.split) home.mark(id);
      for (const id of request.whole) home.unmark(id);
    }
    return null;
  };
  return { ask: async (request) => ({ response: respond(request as WorkerRequest) as never, covers: [] }) };
}

test("exactly the tokens of several partitions are marked, in each of them, whoever has these", async (t) => {
  const random = randomFrom(seedOf(t));
  const ids = Array.from({ length: 300 }, (_, i) => `1:0x${(i + 1).toString(16)}`);
  const placed = Array.from({ length: PARTITIONS }, (): string[] => []);
  const places = new Map<string, Set<number>>();
  for (const id of ids) {
    const home = partitionOfTokenId(id, PARTITIONS);
    const where = new Set([random.chance(0.7) ? home : random.below(PARTITIONS)]);
    if (random.chance(0.2)) where.add(random.below(PARTITIONS));
    places.set(id, where);
    for (const partition of where) placed[partition]?.push(id);
  }
  const gone = placed.map(() => new Set<string>());
  const homes = placed.map((list, partition) => splitOf(partition, list, gone[partition]));
  const owners = [new Map<number, SplitTokens>(), new Map<number, SplitTokens>(), new Map<number, SplitTokens>()];
  for (const [partition, home] of homes.entries()) random.pick(owners).set(partition, home);
  const all = owners.map(workerOf);
  let awayFrom = all.length;
  const others = (): PlacementWorker[] => [silent, ...all.slice(0, awayFrom)];
  const silent: PlacementWorker = { ask: () => Promise.reject(new Error("away")) };
  const checks = all.map(
    (own) => new PlacementCheck({ own: [own], all: others, partitions: () => PARTITIONS, everyMs: 1e6 }),
  );
  for (const check of checks) await check.turn();
  for (const [partition, list] of placed.entries()) {
    for (const [token, id] of list.entries()) {
      assert.equal(homes[partition]?.has(token), (places.get(id)?.size ?? 0) > 1, `${id} in partition ${partition}`);
      // Exactly one of them lists it: where its id belongs if it is there, else the lowest.
      const speaks = [...(places.get(id) ?? [])].sort((a, b) => compareHomes(id, PARTITIONS, a, b))[0];
      assert.equal(homes[partition]?.isElsewhere(token), speaks !== partition, `${id} in partition ${partition}`);
    }
    assert.equal(homes[partition]?.problem === undefined, homes[partition]?.size === 0);
  }
  // A token that is left in one partition alone is whole again, after all owners have responded.
  for (const id of ids) for (const partition of [...(places.get(id) ?? [])].slice(1)) gone[partition]?.add(id);
  const split = ids.filter((id) => (places.get(id)?.size ?? 0) > 1);
  const marksLeft = () =>
    split.filter((id) => {
      const [partition = -1] = places.get(id) ?? [];
      return homes[partition]?.has(placed[partition]?.indexOf(id) ?? -1);
    });
  // The partitions of an owner that is not asked may have any token, so none is known to be whole.
  awayFrom = owners.findLastIndex((homesOfOne) => homesOfOne.size > 0);
  for (const check of checks) await check.turn();
  assert.deepEqual(marksLeft(), split);
  awayFrom = all.length;
  for (const check of checks) await check.turn();
  assert.ok(split.length > 0);
  assert.deepEqual(marksLeft(), []);
  for (const check of checks) check.close();
});

test("a turn looks at a bounded number of tokens and names a bounded number; all have their turn", () => {
  const ids = Array.from({ length: WALK_TOKENS_MAX + NAMED_MAX }, (_, i) => `1:0x${(i + 1).toString(16)}`);
  const far = splitOf(0, ids);
  const seen = new Set<string>();
  const expected = ids.filter((id) => partitionOfTokenId(id, PARTITIONS) !== 0);
  for (let turn = 0; turn < 6; turn++) {
    const named = finished(far.misplaced(PARTITIONS));
    assert.ok(named.length <= NAMED_MAX);
    for (const id of named) seen.add(id);
  }
  assert.deepEqual([...seen].sort(), expected.sort());
  const right = splitOf(
    0,
    ids.filter((id) => !expected.includes(id)),
  );
  assert.deepEqual(finished(right.misplaced(PARTITIONS)), []);
});

test("the tokens that many partitions name in one turn are asked about in requests of bounded size, without leaving any out", async () => {
  const ids = Array.from({ length: NAMED_MAX }, (_, i) => `1:0x${(i + 1).toString(16)}`);
  // Every partition has every token: each names those that belong elsewhere.
  const homes = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, splitOf(partition, ids)]));
  const worker = workerOf(homes);
  const check = new PlacementCheck({ own: [worker], all: () => [worker], partitions: () => PARTITIONS, everyMs: 1e6 });
  await check.turn();
  check.close();
  for (const home of homes.values()) assert.equal(home.size, NAMED_MAX);
});
