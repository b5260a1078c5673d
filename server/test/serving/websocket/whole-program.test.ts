/**
 * Clients of the whole program. The data that a client holds at a revision equals the response of HTTP for that revision, with
 * late swaps, removals before and after their swap, re-inclusions, and windows that decay and empty.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/merge-patch.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { connect, type TestClient } from "./support/client.ts";
import { RawClient } from "./support/raw-client.ts";

const WINDOWS = "10s,20s,1m";
const OVERVIEW = "overview:10s:volume_usd";
const TOKENS = ["1:aa", "1:bb", "56:cc"];
const CHANNELS = TOKENS.map((id) => `token:${id}`);
const ROUNDS = 25;

type Figures = Record<string, unknown>;
type Swap = Record<string, unknown> & { event_time: number };

/** Swaps as a chain sends them: in any order within grace, some announced twice, some removed and included again. */
class SwapMaker {
  readonly #random: Random;
  readonly #present: Swap[] = [];
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  batch(size: number): Swap[] {
    return Array.from({ length: size }, () => {
      if (this.#present.length > 0 && this.#random.chance(0.2)) return this.#removal();
      if (this.#present.length > 0 && this.#random.chance(0.05)) return this.#random.pick(this.#present);
      // Some are beyond grace, which only the counter of late swaps shows. The others soon leave the shortest window.
      const ageMs = this.#random.chance(0.05) ? 130_000 : 5_000 + this.#random.below(4_000);
      return this.swap(this.#random.pick(TOKENS), ageMs);
    });
  }

  swap(id: string, ageMs: number): Swap {
    const [chain, token] = id.split(":");
    this.#count += 1;
    const swap = {
      chain_id: Number(chain),
      tx_hash: `t${this.#count}`,
      log_index: 1,
      token,
      token_symbol: `S${this.#random.below(3)}`,
      who: `w${this.#random.below(5)}`,
      side: this.#random.chance(0.5) ? "buy" : "sell",
      amount_token: `${1 + this.#random.below(1_000)}.${this.#random.below(1_000)}`,
      amount_usd: `${this.#random.below(100)}.${this.#random.below(1_000_000)}`,
      event_time: Date.now() - ageMs,
      block_number: this.#count,
    };
    this.#present.push(swap);
    return swap;
  }

  /** Removes an announced swap; half of the time it is announced again in another block. */
  #removal(): Swap {
    const index = this.#random.below(this.#present.length);
    const [swap] = this.#present.splice(index, 1) as [Swap];
    if (this.#random.chance(0.5)) return { ...swap, removed: true };
    const again = { ...swap, block_number: 1_000_000 + this.#count, event_time: swap.event_time + 1 };
    this.#present.push(again);
    return again;
  }
}

/** The data seen for each channel and revision, and where; all places must agree. */
class Revisions {
  readonly compared = new Map<string, number>();
  readonly #seen = new Map<string, Json>();

  add(channel: string, epoch: string, rev: number, data: Json, way: string): void {
    const key = `${channel} ${epoch}:${rev}`;
    const before = this.#seen.get(key);
    if (before === undefined) {
      this.#seen.set(key, data);
      return;
    }
    assert.deepEqual(data, before, `${key} by ${way}`);
    this.compared.set(way, (this.compared.get(way) ?? 0) + 1);
  }
}

const withoutEdges = ({ open_time: _, close_time: __, ...rest }: Figures): Figures => rest;

/** Requests everything once over HTTP. */
async function askAll({ call }: RunningApp, revisions: Revisions): Promise<void> {
  for (const id of TOKENS) {
    const { status, json } = await call(`/api/tokens/${id}/stats`);
    if (status === 404) continue;
    const { epoch, rev, as_of: _, watermark: __, lag_ms: ___, windows, ...rest } = json;
    const figures = Object.entries(windows).map(([name, value]) => [name, withoutEdges(value as Figures)]);
    revisions.add(`token:${id}`, epoch, rev, { ...rest, windows: Object.fromEntries(figures) } as Json, "http");
  }
  const { json } = await call("/api/overview?window=10s&sort=volume_usd");
  const items = json.items as { id: string; symbol?: string; stats: Figures }[];
  const rows = items.map(({ id, symbol, stats }) => [id, { ...(symbol && { symbol }), stats: withoutEdges(stats) }]);
  const data = { order: items.map(({ id }) => id), rows: Object.fromEntries(rows) };
  revisions.add(OVERVIEW, json.epoch, json.rev, data as Json, "http");
}

/** Adds every state that the client holds to `revisions`. */
function watch(client: TestClient, revisions: Revisions, way: string): void {
  client.ws.on("message", () => {
    const message = client.messages.at(-1);
    if (message?.type !== "snapshot" && message?.type !== "patch") return;
    const { epoch, rev, data } = client.held.get(message.channel) as { epoch: string; rev: number; data: Json };
    revisions.add(message.channel, epoch, rev, data, way);
  });
}

const wsUrl = ({ base }: RunningApp): string => `${base.replace("http", "ws")}/ws`;

describe("clients of the whole program", () => {
  test("hold the data that HTTP serves for the same revision, through late swaps, removals and re-inclusions", async (t) => {
    const random = randomFrom(seedOf(t));
    const app = await new TestApps(t).start({ "windows.list": WINDOWS });
    const maker = new SwapMaker(random);
    await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
    await app.caughtUp();
    const revisions = new Revisions();
    const [all, conflated] = [await connect(t, wsUrl(app)), await connect(t, wsUrl(app))];
    watch(all, revisions, "every update");
    watch(conflated, revisions, "conflated");
    const ready = Promise.all([all, conflated].map((client) => client.next("snapshot", (m) => m.channel === OVERVIEW)));
    all.send({ subscribe: [...CHANNELS, OVERVIEW] });
    conflated.send({ subscribe: [...CHANNELS, OVERVIEW], conflate_ms: 400 });
    await ready;
    for (let round = 0; round < ROUNDS; round++) {
      const batch = maker.batch(1 + random.below(12));
      const removals = batch.filter((swap) => swap.removed === true);
      // A removal may come before its swap.
      await app.post(random.chance(0.3) ? [...removals, ...batch] : batch);
      await askAll(app, revisions);
      if (random.chance(0.3)) await all.next("patch");
    }
    // No more swaps arrive: the shortest window empties, and clients are told.
    const isEmpty = (client: TestClient): boolean =>
      CHANNELS.every((channel) => {
        const data = client.held.get(channel)?.data as { windows: Record<string, { trades: number }> };
        return data.windows["10s"]?.trades === 0;
      });
    while (!isEmpty(all) || !isEmpty(conflated)) {
      await askAll(app, revisions);
      await (isEmpty(all) ? conflated : all).next("patch");
    }
    await askAll(app, revisions);
    assert.deepEqual([...all.faults, ...conflated.faults], []);
    for (const way of ["http", "every update", "conflated"]) {
      assert.ok((revisions.compared.get(way) ?? 0) > 5, `${way}: ${revisions.compared.get(way)} compared`);
    }
    const emptied = all.held.get(CHANNELS[0] as string)?.data as { windows: Record<string, Figures> };
    assert.equal("close" in (emptied.windows["10s"] as Figures), false, "a figure without a value has left");
  });

  test("a client that stops reading gets the newest when it reads again, after at most 64 KiB", async (t) => {
    const random = randomFrom(seedOf(t));
    const app = await new TestApps(t).start({ "windows.list": "10s,20s,30s,40s,50s,1m,5m,1h" });
    const maker = new SwapMaker(random);
    await app.post(TOKENS.map((id) => maker.swap(id, 0)));
    await app.caughtUp();
    const stalled = new RawClient(Number(new URL(app.base).port));
    t.after(() => stalled.socket.destroy());
    stalled.answersPings = true;
    stalled.sendText({ subscribe: CHANNELS });
    await stalled.until((client) => client.texts().length >= 1 + CHANNELS.length);
    const healthy = await connect(t, wsUrl(app));
    healthy.send({ subscribe: CHANNELS });
    await healthy.next("snapshot", ({ channel }) => channel === CHANNELS[0]);
    stalled.socket.pause();
    const before = stalled.bytesReceived;
    for (let round = 0; round < 20; round++) {
      const patch = healthy.next("patch", ({ channel }) => channel === CHANNELS[0]);
      await app.post([maker.swap(TOKENS[0] as string, 0)]);
      await patch;
    }
    const newest = healthy.held.get(CHANNELS[0] as string)?.rev as number;
    stalled.socket.resume();
    const revsOf = (client: RawClient): { channel: string; rev: number; at: number }[] => {
      let at = 0;
      return client.frames.flatMap((frame) => {
        at += frame.bytes;
        return frame.opcode === 1 ? [{ ...JSON.parse(frame.payload.toString()), at }] : [];
      });
    };
    await stalled.until((client) =>
      revsOf(client).some(({ channel, rev }) => channel === CHANNELS[0] && rev >= newest),
    );
    const first = revsOf(stalled).find(({ channel, rev }) => channel === CHANNELS[0] && rev >= newest) as {
      at: number;
    };
    assert.ok(first.at - before <= 64 * 1024 + 16 * 1024, `${first.at - before} bytes before the newest`);
  });

  test("a restart closes with shutdown, and the next epoch begins with a snapshot", async (t) => {
    const apps = new TestApps(t);
    const first = await apps.start({ "windows.list": WINDOWS });
    const maker = new SwapMaker(randomFrom(seedOf(t)));
    await first.post(TOKENS.map((id) => maker.swap(id, 0)));
    await first.caughtUp();
    const before = await connect(t, wsUrl(first));
    before.send({ subscribe: CHANNELS[0] });
    const old = await before.next("snapshot");
    const shutdown = before.next("shutdown");
    const stopping = first.app.stop();
    assert.ok((await shutdown).reconnect_after_ms >= 1_000);
    assert.equal((await before.closed).code, 1001);
    await stopping;

    const second = await apps.start({ "windows.list": WINDOWS });
    await second.caughtUp();
    const after = await connect(t, wsUrl(second));
    after.send({ subscribe: CHANNELS[0] });
    const fresh = await after.next("snapshot");
    assert.ok(BigInt(fresh.epoch) > BigInt(old.epoch));
  });
});
