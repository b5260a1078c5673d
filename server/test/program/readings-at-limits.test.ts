/**
 * Every kind of reading at its limits, against the whole program: clients that ask one after the other, without a pause, while swaps are posted.
 * Counted is how many answers readers get before a posted swap is in the figures, never how long it takes.
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { sortFields } from "@swapstats/protocol/figures.ts";
import { connect } from "../serving/websocket/support/client.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";

const TOKENS = 2_000;
const CLIENTS = 16;
const ROUNDS = 6;
const SWAPS_PER_ROUND = 100;
/** Answers that readers may get before what was posted is applied: each of them a few. */
const ANSWERS_MAX = 8 * CLIENTS;
const JSON_TYPE = { "content-type": "application/json" };

let app: RunningApp;
let serial = 0;
const cleanups: (() => Promise<void> | void)[] = [];

const swapsOf = (count: number): object[] =>
  Array.from({ length: count }, () => {
    serial += 1;
    return {
      chain_id: 1,
      tx_hash: `0x${serial.toString(16).padStart(64, "0")}`,
      log_index: 0,
      token: tokenOf(serial % TOKENS),
      token_symbol: "SAME",
      who: `w${serial % 50}`,
      side: serial % 2 === 0 ? "buy" : "sell",
      amount_token: "1.5",
      amount_usd: "1",
      event_time: Date.now() - 1_000,
    };
  });

const tokenOf = (i: number): string => `token${i}`;

/** Asks without a pause in every client until `stop`; counts answers. */
class Readers {
  answers = 0;
  #isOver = false;
  readonly #loops: Promise<void>[];

  constructor(ask: (client: number, round: number) => Promise<unknown>) {
    this.#loops = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = 0; !this.#isOver; round++) {
        await ask(client, round);
        this.answers += 1;
      }
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }
}

/** Posts while the readers ask, and holds them to the bound. */
async function applied(readers: Readers, what: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await app.post(swapsOf(SWAPS_PER_ROUND));
    const from = readers.answers;
    const { partitions } = await app.caughtUp();
    assert.equal(partitions[0].lag_ms, 0);
    const answers = readers.answers - from;
    assert.ok(answers <= ANSWERS_MAX, `${what}: ${answers} answers before 100 swaps were applied`);
  }
}

async function ask(path: string, body?: object): Promise<void> {
  const init = body === undefined ? {} : { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) };
  const response = await fetch(app.base + path, init);
  await response.arrayBuffer();
  assert.ok(response.status < 500 || response.status === 503, `${path}: ${response.status}`);
}

const windows = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
const ids = Array.from({ length: 500 }, (_, i) => `1:${tokenOf(i)}`);
const KINDS: Record<string, (client: number, round: number) => Promise<void>> = {
  "500 tokens, all windows": () => ask("/api/tokens/stats", { ids, windows }),
  "overviews of 500 rows, all sorts": (client, round) =>
    ask(
      `/api/overview?window=${windows[client % 7]}&sort=${sortFields[(client + round) % sortFields.length]}&limit=500`,
    ),
  "overviews of 500 rows with all windows": (client) =>
    ask(`/api/overview?window=5m&sort=${sortFields[client % sortFields.length]}&limit=500&windows=${windows.join()}`),
  candles: (client) => ask(`/api/tokens/1:${tokenOf(client)}/candles?interval=1m&limit=5000`),
  swaps: (client) => ask(`/api/tokens/1:${tokenOf(client)}/swaps?limit=100`),
  "look-ups by an ambiguous symbol": () => ask("/api/tokens/SAME/stats"),
  status: () => ask("/api/status"),
  "dead letters": () => ask("/api/dead-letters?limit=1000"),
};

before(async () => {
  const t = { after: (call: () => Promise<void> | void) => cleanups.push(call) } as unknown as TestContext;
  app = await new TestApps(t).start();
  for (let i = 0; i < 3 * TOKENS; i += 2_000) await app.post(swapsOf(2_000));
  await app.caughtUp();
});

after(async () => {
  for (const call of cleanups.toReversed()) await call();
});

describe("swaps are applied, whatever is read", () => {
  for (const [kind, askOne] of Object.entries(KINDS)) {
    test(kind, async () => {
      const readers = new Readers(askOne);
      await applied(readers, kind);
      await readers.stop();
    });
  }

  test("swaps are applied while sockets subscribe and leave in a loop, and while channels of overviews are open", async (t) => {
    const url = `${app.base.replace("http", "ws")}/ws`;
    const watcher = await connect(t, url);
    const overviews = windows.flatMap((window) => sortFields.map((sort) => `overview:${window}:${sort}`));
    watcher.send({ subscribe: overviews.slice(0, 40), limit: 500 });
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => connect(t, url)));
    const readers = new Readers(async (client, round) => {
      const socket = sockets[client] as (typeof sockets)[number];
      const channels = ids.slice(0, 40).map((id) => `token:${id}`);
      socket.send(round % 2 === 0 ? { subscribe: channels } : { unsubscribe: channels });
      await ask("/api/tokens/1:token1/stats");
    });
    await applied(readers, "sockets");
    await readers.stop();
  });
});
