import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { LocalWorkers } from "../../src/bus/local-workers.ts";
import { QueryBus } from "../../src/bus/query-bus.ts";
import type { RequestKind, RequestOf, WorkerRequest, WorkerResponses } from "../../src/bus/requests.ts";
import type { FeedUpdate, RankedRow, TokenPart } from "../../src/bus/responses.ts";
import { createSharedClock, SharedClock } from "../../src/bus/shared-clock.ts";
import { WorkerClient } from "../../src/bus/worker-client.ts";
import type { FromWorker, ResponseItem, ToWorker } from "../../src/bus/worker-protocol.ts";
import type { ChannelUpdate } from "../../src/ports/stats-bus.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { createVersionBoard, VersionBoard } from "../../src/shared/version-board.ts";

const STEP_MS = 1000;
const ALL = { windows: ["5m"], fields: [] };

/** The other end of a port: notes the requests, and responds by a function; undefined: never. */
class ScriptedWorker {
  readonly messages: ToWorker[] = [];
  readonly port: MessagePort;
  readonly client: WorkerClient;

  constructor(answer: (request: WorkerRequest) => WorkerResponses[RequestKind] | Error | undefined, timeoutMs = 5000) {
    const { port1, port2 } = new MessageChannel();
    this.port = port2;
    this.client = new WorkerClient(port1, timeoutMs);
    port2.on("message", (message: ToWorker) => {
      this.messages.push(message);
      if (message.type !== "requests") return;
      const items = message.items.flatMap(({ id, request }): ResponseItem[] => {
        const found = answer(request);
        if (found instanceof Error) {
          return [{ id, error: { code: "unavailable" as const, message: found.message, retryable: true } }];
        }
        return found === undefined ? [] : [{ id, response: found }];
      });
      if (items.length > 0) port2.postMessage({ type: "responses", items } satisfies FromWorker);
    });
  }

  get requests(): WorkerRequest[] {
    return this.messages.flatMap((message) => (message.type === "requests" ? message.items.map((i) => i.request) : []));
  }

  send(message: FromWorker): void {
    this.port.postMessage(message);
  }
}

let wallMs = 10_000;
const opened: ScriptedWorker[] = [];

function worker(...parameters: ConstructorParameters<typeof ScriptedWorker>): ScriptedWorker {
  const made = new ScriptedWorker(...parameters);
  opened.push(made);
  return made;
}

function busOf(workers: readonly ScriptedWorker[], partitions = workers.length) {
  const clock = new SharedClock(createSharedClock("live", 60_000), () => wallMs);
  const boards = new Map<number, VersionBoard>();
  for (let p = 0; p < partitions; p++) boards.set(p, new VersionBoard(createVersionBoard()));
  const clients = workers.map((made) => made.client);
  return {
    bus: new QueryBus({
      ...{
        workers: new LocalWorkers(
          clients,
          () => partitions,
          (partition) => partition % clients.length,
        ),
        boards,
        clock,
        finestStepMs: STEP_MS,
      },
    }),
    boards,
    clock,
  };
}

function stats(id: string, asOf: number, validUntil = 0): TokenPart {
  const ticket = { token: 7, slot: 0, generation: 0n, chainIndex: 0, graceMs: 100, validUntil };
  return {
    lookup: { tier: "id", ids: [id] },
    found: { partition: 0, epoch: "1", rev: 3, asOf, watermark: asOf - 100, lagMs: 0, body: `"id":"${id}"`, ticket },
  };
}

const unknown: TokenPart = { lookup: undefined, found: undefined };
const asTokens = (request: WorkerRequest) => {
  assert.equal(request.kind, "tokens");
  return request as RequestOf<"tokens">;
};
const asOfWish = (request: WorkerRequest) => ("at" in request ? request.at?.asOf : undefined) ?? wallMs;

afterEach(() => {
  for (const made of opened.splice(0)) {
    made.client.close();
    made.port.close();
  }
  wallMs = 10_000;
});

describe("bus over worker threads", () => {
  test("sends the requests of one turn as one message, equal ones once", async () => {
    const one = worker((request) => ({
      asOf: wallMs,
      items: asTokens(request).tokens.map((token) => stats(token, wallMs)),
    }));
    const { bus } = busOf([one]);
    const answers = await Promise.all([
      ...Array.from({ length: 50 }, (_, i) => bus.tokenStats([`1:${i}`], ALL)),
      ...Array.from({ length: 50 }, () => bus.tokenStats(["1:hot"], ALL)),
    ]);
    assert.equal(answers.length, 100);
    assert.equal(one.messages.length, 1);
    assert.equal(one.requests.length, 51);
    assert.deepEqual(
      answers.map(([answer]) => answer?.kind === "stats" && answer.id),
      [...Array.from({ length: 50 }, (_, i) => `1:${i}`), ...Array.from({ length: 50 }, () => "1:hot")],
    );
  });

  test("asks the owner of an id alone, and all workers about a name", async () => {
    const answer = (own: number) => (request: WorkerRequest) => ({
      asOf: asOfWish(request),
      items: asTokens(request).tokens.map((text) =>
        text.startsWith("1:") && partitionOfTokenId(text, 2) === own ? stats(text, asOfWish(request)) : unknown,
      ),
    });
    const workers = [worker(answer(0)), worker(answer(1))];
    const { bus } = busOf(workers);
    const owner = partitionOfTokenId("1:0xaa", 2);
    const [found] = await bus.tokenStats(["1:0xaa"], ALL);
    assert.equal(found?.kind, "stats");
    assert.equal(workers[owner]?.requests.length, 1);
    assert.equal(workers[1 - owner]?.requests.length, 0);
    assert.deepEqual(await bus.tokenStats(["BTC"], ALL), [{ kind: "unknown" }]);
    assert.equal(workers[1 - owner]?.requests.length, 1);
    const mixed = await bus.tokenStats(["1:0xaa", "BTC", "1:0xbb"], ALL);
    assert.deepEqual(
      mixed.map((item) => item.kind),
      ["stats", "unknown", "stats"],
    );
  });

  test("an exact token at one worker goes before a symbol at another; two of a tier are ambiguous", async () => {
    const named = (tier: "token" | "symbol", ids: string[]) => (request: WorkerRequest) => {
      const asOf = asOfWish(request);
      const answer =
        ids.length === 1
          ? { ...stats(ids[0] as string, asOf), lookup: { tier, ids } }
          : { lookup: { tier, ids }, found: undefined };
      return { asOf, items: asTokens(request).tokens.map(() => answer) };
    };
    const first = busOf([worker(named("symbol", ["1:a", "2:a"])), worker(named("token", ["3:eth"]))]);
    const [exact] = await first.bus.tokenStats(["eth"], ALL);
    assert.equal(exact?.kind === "stats" && exact.id, "3:eth");
    const second = busOf([worker(named("symbol", ["1:a"])), worker(named("symbol", ["2:b"]))]);
    assert.deepEqual(await second.bus.tokenStats(["eth"], ALL), [
      {
        ...{ kind: "ambiguous", more: 0, isRanked: true },
        candidates: [
          { id: "1:a", chain_id: 1 },
          { id: "2:b", chain_id: 2 },
        ],
      },
    ]);
  });

  test("asks again when a worker had moved on to a later step, until all figures have one as-of", async () => {
    let behind = true;
    const part = (partition: number, epoch: string, rev: number) => ({
      parts: [{ partition, epoch, rev }],
      rows: [],
      more: false,
    });
    const late = worker((request) => ({ asOf: asOfWish(request), ...part(0, "1", 1) }));
    const ahead = worker((request) => {
      const asOf = behind ? wallMs + STEP_MS : asOfWish(request);
      behind = false;
      return { asOf, ...part(1, "2", 2) };
    });
    const { bus } = busOf([late, ahead]);
    const answer = await bus.overview({ window: "5m", sort: "trades", order: "desc", limit: 5, cursor: undefined });
    assert.equal(answer.asOf, wallMs + STEP_MS);
    assert.deepEqual([answer.epoch, answer.rev, answer.items], ["1.2", 3, "[]"]);
    assert.equal(late.requests.length, 2);
  });

  test("merges rankings and hands out a cursor when there is more", async () => {
    const part = (rows: [string, string][], more: boolean) =>
      worker((request) => ({
        asOf: asOfWish(request),
        parts: [],
        rows: rows.map(([value, id]) => ({ key: { value, id }, partition: 0, json: `"${id}"` })),
        more,
      }));
    const workers = [
      part(
        [
          ["9", "1:a"],
          ["5", "1:b"],
        ],
        false,
      ),
      part(
        [
          ["7", "1:c"],
          ["1", "1:d"],
        ],
        true,
      ),
    ];
    const { bus } = busOf(workers);
    const request = { window: "5m", sort: "trades", order: "desc", limit: 2, cursor: undefined } as const;
    const first = await bus.overview(request);
    assert.equal(first.items, '["1:a","1:c"]');
    assert.ok(first.nextCursor);
    await bus.overview({ ...request, cursor: first.nextCursor });
    const asked = workers[0]?.requests.at(-1);
    assert.deepEqual(asked?.kind === "overview" && asked.after, { value: "7", id: "1:c" });
    await assert.rejects(bus.overview({ ...request, sort: "buys", cursor: first.nextCursor }), { code: "bad_request" });
  });

  test("a worker's error reaches the caller, and silence becomes unavailable", async () => {
    const failing = worker(() => new Error("partition 0 is restoring its state"));
    await assert.rejects(busOf([failing]).bus.status("own"), {
      code: "unavailable",
      message: /restoring/,
      retryable: true,
    });
    const silent = worker(() => undefined, 20);
    await assert.rejects(busOf([silent]).bus.status("own"), { code: "unavailable", message: /within 20 ms/ });
    const closing = worker(() => undefined);
    const asked = busOf([closing]).bus.status("own");
    closing.client.close();
    await assert.rejects(asked, { code: "unavailable", message: /stopping/ });
  });

  test("all workers are asked at once which ids a swap has named; one that fails knows none", async () => {
    const known = (...ids: string[]) =>
      worker((request) => {
        if (request.kind !== "tokens") return new Error("another question");
        const items = request.tokens.map((id) => ({
          lookup: ids.includes(id) ? { tier: "id" as const, ids: [id] } : { tier: "symbol" as const, ids: ["9:z"] },
          found: undefined,
        }));
        return { asOf: 0, items: items as TokenPart[] };
      });
    const workers = [known("1:a"), known("1:b"), worker(() => new Error("restoring"))];
    const { bus } = busOf(workers);
    assert.deepEqual(await bus.areKnown(["1:a", "1:b", "1:c", "SYM"]), [true, true, false, false]);
    for (const one of workers) assert.equal(one.requests.length, 1);
  });

  test("merges the rows of several workers into one feed whose patches lead from data to data", async () => {
    const workers = [worker(() => null), worker(() => null)];
    const { bus } = busOf(workers);
    const updates: ChannelUpdate[] = [];
    const { promise: second, resolve } = Promise.withResolvers<void>();
    await bus.subscribe({ kind: "overview", window: "5m", sort: "trades", limit: 2 }, (update) => {
      updates.push(update);
      if (updates.length === 2) resolve();
    });
    const update = (at: number, rev: number, given: [string, string][]) => {
      const rows = given.map(
        ([value, id]): RankedRow => ({ key: { value, id }, partition: at, json: `{"stats":{"trades":${value}}}` }),
      );
      const standing = { asOf: wallMs, watermark: undefined, lagMs: 0, parts: [{ partition: at, epoch: "e", rev }] };
      const content = { data: undefined, rows, patch: undefined };
      const item: FeedUpdate = { epoch: "e", rev, prevRev: undefined, ...standing, ...content };
      workers[at]?.send({ type: "updates", items: [{ feedId: 1, ...item }] });
    };
    update(0, 1, [
      ["3", "1:a"],
      ["2", "1:b"],
    ]);
    update(1, 1, [["1", "1:c"]]);
    while (updates.length < 1) await new Promise(setImmediate);
    update(1, 2, [["5", "1:c"]]);
    await second;
    assert.deepEqual(JSON.parse(updates[0]?.data ?? ""), {
      order: ["1:a", "1:b"],
      rows: { "1:a": { stats: { trades: 3 } }, "1:b": { stats: { trades: 2 } } },
    });
    assert.deepEqual([updates[1]?.prevRev, updates[1]?.rev], [2, 3]);
    assert.deepEqual(JSON.parse(updates[1]?.patch ?? ""), {
      order: ["1:c", "1:a"],
      rows: { "1:c": { stats: { trades: 5 } }, "1:b": null },
    });
  });
});

describe("cached responses", () => {
  const serving = () => {
    const one = worker((request) => ({
      asOf: wallMs,
      items: asTokens(request).tokens.map((token) => stats(token, wallMs, wallMs + 900)),
    }));
    return { ...busOf([one]), one };
  };

  test("hold while the token's slot and the step stand, with as-of, watermark and lag of now", async () => {
    const { bus, boards } = serving();
    const board = boards.get(0) as VersionBoard;
    assert.equal(bus.cachedTokenStats("1:a", ALL), undefined);
    await bus.tokenStats(["1:a"], ALL);
    wallMs += 500;
    board.publishHigh(0, 12_345);
    board.publishPosition(9, wallMs - 40);
    const cached = bus.cachedTokenStats("1:a", ALL);
    assert.ok(cached?.kind === "stats" && cached.kept !== undefined);
    const again = bus.cachedTokenStats("1:a", ALL);
    assert.ok(again?.kind === "stats" && again.kept === cached.kept, "what doors make of the text stays with it");
    const { kept: _kept, ...answer } = cached;
    assert.deepEqual(answer, {
      kind: "stats",
      id: "1:a",
      epoch: "1",
      rev: 3,
      asOf: wallMs,
      watermark: 12_245,
      lagMs: 40,
      stale: false,
      body: '"id":"1:a"',
    });
    assert.equal(bus.cachedTokenStats("1:a", { ...ALL }), undefined);
  });

  test("end with the step, with an event of the token, and with what concerns all tokens", async () => {
    const { bus, boards } = serving();
    const board = boards.get(0) as VersionBoard;
    await bus.tokenStats(["1:a"], ALL);
    board.touch(8);
    assert.ok(bus.cachedTokenStats("1:a", ALL));
    board.touch(7);
    assert.equal(bus.cachedTokenStats("1:a", ALL), undefined);

    const aged = serving();
    await aged.bus.tokenStats(["1:a"], ALL);
    wallMs += 900;
    assert.equal(aged.bus.cachedTokenStats("1:a", ALL), undefined);

    const changed = serving();
    await changed.bus.tokenStats(["1:a"], ALL);
    (changed.boards.get(0) as VersionBoard).touchAll();
    assert.equal(changed.bus.cachedTokenStats("1:a", ALL), undefined);
  });

  test("are not kept for names, whose meaning other tokens can change", async () => {
    const { bus } = serving();
    await bus.tokenStats(["BTC"], ALL);
    assert.equal(bus.cachedTokenStats("BTC", ALL), undefined);
  });
});

describe("the as-of of a process", () => {
  test("follows the wall clock, and is held while it steps back", () => {
    const handle = createSharedClock("live", 60_000);
    let now = 1_000_000;
    const [a, b] = [new SharedClock(handle, () => now), new SharedClock(handle, () => now)];
    assert.equal(a.now(), 1_000_000);
    now = 900_000;
    assert.equal(b.now(), 1_000_000);
    now = 1_000_001;
    assert.equal(a.now(), 1_000_001);
    a.raiseHigh(1_070_000);
    assert.equal(b.now(), 1_010_000);
    b.raiseAsOf(2_000_000);
    assert.equal(a.now(), 2_000_000);
  });

  test("is the highest event time where events are the clock", () => {
    const clock = new SharedClock(createSharedClock("event", 60_000), () => 5);
    assert.equal(clock.now(), 0);
    clock.raiseHigh(700);
    clock.raiseHigh(600);
    clock.raiseAsOf(10_000);
    assert.equal(clock.now(), 700);
  });
});
