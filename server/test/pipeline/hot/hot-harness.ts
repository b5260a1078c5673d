/** A partition in this thread whose figures a writer puts into a real Redis, and a reader that asks that Redis directly. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { waitFor } from "../../../../scripts/servers/process.ts";

import type { TokenPart } from "../../../src/bus/responses.ts";
import { type RedisClient, RedisConnection } from "../../../src/clients/redis/connection.ts";

import type { RedisServer } from "../../../src/config/build/stores.ts";
import { HotWriter } from "../../../src/pipeline/hot/hot-writer.ts";
import { finished, ThreadShare } from "../../../src/pipeline/thread-share.ts";
import type { HotOutcome, HotStore, HotValue } from "../../../src/ports/hot-store.ts";
import { Circuit } from "../../../src/shared/circuit.ts";
import { isStoreFailure } from "../../../src/stores/guarded-checkpoint-store.ts";
import { RedisHotStore } from "../../../src/stores/redis-hot-store.ts";
import { FedWorker } from "../workers/fed-worker.ts";

export const PREFIX = "x:";
export const TTL_MS = 600_000;
const INTERVAL_MS = 5;
/** Generous, because the machine may be busy; tests of a silent server give a shorter one. */
const LIMIT_MS = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: what is read is compared as a whole
type Json = any;

/** Passes calls on to a store and notes what they were. */
class NotedStore implements HotStore {
  readonly batches: HotValue[][] = [];
  underWay = 0;
  underWayMax = 0;
  readonly #store: HotStore;

  constructor(store: HotStore) {
    this.#store = store;
  }

  get generation(): number {
    return this.#store.generation;
  }

  async write(
    values: readonly HotValue[],
    ttlMs: number,
    generation: number,
  ): Promise<readonly HotOutcome[] | undefined> {
    this.batches.push([...values]);
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    try {
      return await this.#store.write(values, ttlMs, generation);
    } finally {
      this.underWay -= 1;
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

export class HotHost {
  readonly host: FedWorker;
  readonly store: NotedStore;
  readonly circuit: Circuit;
  readonly writer: HotWriter;
  readonly windows: readonly string[];
  /** Whether the partition's figures are to be written. */
  isCurrent: boolean;
  /** While it stands still no round of writing is due. */
  monotonicMs = (): number => performance.now();

  constructor(t: TestContext, redis: RedisServer, { epoch = "7", limitMs = LIMIT_MS, isCurrent = true } = {}) {
    this.isCurrent = isCurrent;
    this.host = new FedWorker({}, epoch);
    this.windows = this.host.engine.config.windows.map((window) => window.name);
    this.store = new NotedStore(new RedisHotStore({ redis, prefix: PREFIX, limitMs }));
    this.circuit = new Circuit({
      dependency: "redis_hot",
      isFailure: isStoreFailure,
      openCode: "storage_failed",
      nowMs: Date.now,
    });
    this.writer = new HotWriter({
      store: this.store,
      circuit: this.circuit,
      partitions: () => (this.isCurrent ? [this.host.served] : []),
      clock: this.host.clock,
      windows: this.windows,
      intervalMs: INTERVAL_MS,
      ttlMs: TTL_MS,
      monotonicMs: () => this.monotonicMs(),
      share: new ThreadShare(),
    });
    t.after(() => this.writer.close());
    this.writer.start();
  }

  /** Ids of the tokens that an overview shows. */
  listed(): string[] {
    const { engine, clock } = this.host;
    const tokens = [...engine.tokens()].filter((token) => !engine.isRetired(token, clock.now()));
    return tokens.map((token) => engine.info(token).id);
  }

  answer(id: string): NonNullable<TokenPart["found"]> {
    const selection = { windows: this.windows, fields: [] };
    const { items } = finished(this.host.queries.tokens({ kind: "tokens", tokens: [id], selection, at: undefined }));
    assert.ok(items[0]?.found, id);
    return items[0].found;
  }
}

/** A consumer of the keys. */
export class HotReader {
  readonly #connection: RedisConnection;

  constructor(t: TestContext, redis: RedisServer) {
    this.#connection = new RedisConnection(redis, LIMIT_MS);
    t.after(() => this.#connection.close());
  }

  call<T>(call: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#connection.call("read", call);
  }

  async get(key: string): Promise<Json | undefined> {
    const text = await this.call((client) => client.get(PREFIX + key));
    return text === null ? undefined : JSON.parse(text);
  }

  stats(id: string): Promise<Json | undefined> {
    return this.get(`stats:${id}`);
  }

  /** Resolves when the writer says that all figures of this instant are there. */
  async allWritten({ host }: HotHost): Promise<void> {
    // The instant alone does not tell whether swaps of the same millisecond are in.
    host.nowMs += 1;
    const asOf = host.clock.now();
    await waitFor(`all figures as of ${asOf} are in Redis`, async () => {
      const mark = await this.get("written:0");
      return mark?.epoch === host.served.epoch && mark.as_of >= asOf;
    });
  }

  /** Every listed token has in Redis what the owner answers at the same revision. */
  async assertSame(hot: HotHost): Promise<void> {
    for (const id of hot.listed()) {
      const found = await this.stats(id);
      const { epoch, rev, body } = hot.answer(id);
      assert.ok(found, `${id} is not in Redis`);
      assert.deepEqual([found.epoch, found.rev], [epoch, rev], id);
      assert.deepEqual(figuresOf(found), figuresOf(JSON.parse(`{${body}}`)), id);
    }
  }
}

/** What a revision stands for: all but the instant, and the edges that follow from it. */
export function figuresOf(answer: Json): Json {
  const { as_of: _asOf, watermark: _watermark, epoch: _epoch, rev: _rev, lag_ms: _lag, ...rest } = answer;
  const windows = Object.entries(rest.windows as Record<string, Json>).map(([name, window]) => {
    const { open_time: _open, close_time: _close, ...figures } = window;
    return [name, figures];
  });
  return { ...rest, windows: Object.fromEntries(windows) };
}
