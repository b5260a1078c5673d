/** Requests of a bus whose owners may be away: the test decides when each worker responds, and when a partition moves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { BusWorker, BusWorkers, CoveredResponse, OpenFeed } from "../../src/bus/bus-workers.ts";
import { QueryBus } from "../../src/bus/query-bus.ts";
import type { RequestKind } from "../../src/bus/requests.ts";
import type { TokenPart } from "../../src/bus/responses.ts";
import { createSharedClock, SharedClock } from "../../src/bus/shared-clock.ts";
import type { Selection, TokenResponse } from "../../src/ports/stats-bus.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";

const ID = "1:0xa";
const ALL = { windows: [], fields: [] } as const;

/** A worker of another instance. Every request waits until the test responds. */
class HeldWorker implements BusWorker {
  readonly key: string;
  readonly isLocal = false;
  readonly parts = new Map<number, string>();
  readonly #waiting: PromiseWithResolvers<CoveredResponse<RequestKind>>[] = [];

  constructor(key: string) {
    this.key = key;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  ask(): Promise<never> {
    const asked = Promise.withResolvers<CoveredResponse<RequestKind>>();
    this.#waiting.push(asked);
    return asked.promise as Promise<never>;
  }

  open(): OpenFeed {
    throw new Error("no feed is opened here");
  }

  /** Responds to the oldest request, and waits for the next turn of the event loop. */
  async respond(epoch: string, rev?: number): Promise<void> {
    this.respondNow(epoch, rev);
    await turn();
  }

  /** Responds to the oldest request. Without a revision the worker does not know the token. */
  respondNow(epoch: string, rev?: number): void {
    const found = { partition: 0, epoch, rev: rev ?? 0, asOf: 1, watermark: 1, lagMs: 0, body: `"rev":${rev}` };
    const part: TokenPart = { lookup: { tier: "id", ids: [ID] }, found };
    const items = [rev === undefined ? { lookup: undefined, found: undefined } : part];
    this.#waiting.shift()?.resolve({ response: { asOf: 1, items }, covers: [[0, epoch]] });
  }

  async fail(): Promise<void> {
    this.#waiting.shift()?.reject(new SwapstatsError("unavailable", "the owner did not respond"));
    await turn();
  }
}

/** One partition, its owner, and other workers. The highest epoch that was seen is the current one. */
class MovingPartition implements BusWorkers {
  all: readonly HeldWorker[] = [];
  owner: HeldWorker | undefined;
  version = 0;
  readonly own: readonly HeldWorker[] = [];
  readonly partitions = 1;
  readonly mayBeAway = true;
  readonly isCachingSafe = false;
  #epoch = 0;

  /** The owner is known from now on, as from its announcement. */
  move(owner: HeldWorker, epoch: string): void {
    this.owner = owner;
    this.version += 1;
    this.confirm(0, epoch);
  }

  ownerOf(): HeldWorker | undefined {
    return this.owner;
  }

  isCurrent(_: number, epoch: string): boolean {
    return Number(epoch) >= this.#epoch;
  }

  confirm(_: number, epoch: string): void {
    this.#epoch = Math.max(this.#epoch, Number(epoch));
  }

  onChange(): () => void {
    return () => {};
  }
}

function setUp() {
  const [former, next, slow] = ["former", "next", "slow"].map((key) => new HeldWorker(key)) as [
    HeldWorker,
    HeldWorker,
    HeldWorker,
  ];
  const workers = new MovingPartition();
  const clock = new SharedClock(createSharedClock("live", 60_000));
  const bus = new QueryBus({ workers, boards: new Map(), clock, finestStepMs: 1_000 });
  const shown: string[] = [];
  /** Asks, and notes what is shown, in the order in which it is. */
  const askNow = (selection: Selection = ALL): void => {
    void bus.tokenStats([ID], selection).then(([response]) => shown.push(textOf(response)));
  };
  const ask = async (): Promise<void> => {
    askNow();
    await turn();
  };
  return { former, next, slow, workers, ask, askNow, shown };
}

function textOf(response: TokenResponse | undefined): string {
  if (response?.kind !== "stats") return response?.kind ?? "nothing";
  return `${response.epoch}:${response.rev}${response.stale ? "~" : ""}`;
}

/** Waits until no promise is left to be settled, within the turn of the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe("a partition that moves while a request waits", () => {
  test("the former owner's figures are not shown after the next owner's, however long another worker is waited for", async () => {
    const { former, next, slow, workers, ask, shown } = setUp();
    workers.all = [former, slow];
    await ask();
    await former.respond("6", 2);
    workers.all = [next, slow];
    workers.move(next, "7");
    await ask();
    await next.respond("7", 2);
    assert.deepEqual(shown, ["7:2"]);
    await slow.fail();
    assert.deepEqual([shown, next.waiting], [["7:2"], 1]);
    await next.respond("7", 3);
    assert.deepEqual(shown, ["7:2", "7:3"]);
  });

  test("a late response of the former owner does not make room for an earlier revision of the next owner", async () => {
    const { former, next, slow, workers, ask, shown } = setUp();
    workers.all = [former, slow];
    await ask();
    await former.respond("7", 30);
    workers.all = [next, slow];
    await ask();
    await next.respond("8", 13);
    workers.move(next, "8");
    await ask();
    await next.respond("8", 21);
    await slow.fail();
    await slow.fail();
    // Both are late, and ask the next owner again.
    while (next.waiting > 0) await next.respond("8", 21);
    assert.deepEqual(shown, ["8:21", "8:21", "8:21"]);
  });

  test("of two owners that respond to one request the later one counts, before its announcement has arrived", async () => {
    const { former, next, workers, ask, shown } = setUp();
    workers.all = [former, next];
    await ask();
    await former.respond("6", 9);
    await next.respond("7", 1);
    assert.deepEqual(shown, ["7:1"]);
  });

  test("a former owner that does not know a token does not make it unknown", async () => {
    const { former, next, slow, workers, ask, shown } = setUp();
    workers.all = [former, slow];
    await ask();
    await former.respond("6");
    workers.all = [next, slow];
    workers.move(next, "7");
    await ask();
    await next.respond("7", 1);
    await slow.fail();
    await next.respond("7", 1);
    assert.deepEqual(shown, ["7:1", "7:1"]);
  });
});

describe("requests of one turn of the event loop", () => {
  test("a response that has come is not shared with later requests, because another may have shown a later revision", async () => {
    const { next, workers, askNow, shown } = setUp();
    workers.all = [next];
    workers.move(next, "8");
    askNow();
    await settled();
    next.respondNow("8", 13);
    await settled();
    askNow({ ...ALL });
    await settled();
    next.respondNow("8", 21);
    await settled();
    askNow();
    await settled();
    next.respondNow("8", 22);
    await settled();
    assert.deepEqual(shown, ["8:13", "8:21", "8:22"]);
  });
});
