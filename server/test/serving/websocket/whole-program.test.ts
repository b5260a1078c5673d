/**
 * Clients of the whole program. The data that a client holds at a revision equals the response of HTTP for that revision, with
 * late swaps, removals before and after their swap, re-inclusions, and windows that decay and empty.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodingProtocols } from "@swapstats/protocol/websocket.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { connect, type TestClient } from "./support/client.ts";
import { RawClient } from "./support/raw-client.ts";
import { askAll, CHANNELS, type Figures, OVERVIEW, Revisions, TOKENS, WINDOWS, watch } from "./support/revisions.ts";
import { SwapMaker } from "./support/swap-maker.ts";

const ROUNDS = 25;

const wsUrl = ({ base }: RunningApp): string => `${base.replace("http", "ws")}/ws`;

describe("clients of the whole program", () => {
  test("hold the data that HTTP serves for the same revision in every encoding, through late swaps, removals and re-inclusions", async (t) => {
    const random = randomFrom(seedOf(t));
    const app = await new TestApps(t).start({ "windows.list": WINDOWS, "api.ws.compression": "on" });
    const maker = new SwapMaker(TOKENS, random);
    await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
    await app.caughtUp();
    const revisions = new Revisions();
    const clients: TestClient[] = [];
    const ways: string[] = [];
    for (const protocol of encodingProtocols) {
      for (const [name, conflateMs] of [["every update", 0] as const, ["conflated", 400] as const]) {
        const client = await connect(t, wsUrl(app), [protocol], { perMessageDeflate: conflateMs > 0 });
        const way = `${protocol}, ${name}`;
        watch(client, revisions, way);
        const ready = client.next("snapshot", (message) => message.channel === OVERVIEW);
        client.send({ subscribe: [...CHANNELS, OVERVIEW], conflate_ms: conflateMs });
        await ready;
        clients.push(client);
        ways.push(way);
      }
    }
    const all = clients[0] as TestClient;
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
    for (let last = clients.find((client) => !isEmpty(client)); last !== undefined; ) {
      await askAll(app, revisions);
      await last.next("patch");
      last = clients.find((client) => !isEmpty(client));
    }
    await askAll(app, revisions);
    assert.deepEqual(
      clients.flatMap(({ faults }) => faults),
      [],
    );
    for (const way of ["http", ...ways]) {
      assert.ok((revisions.compared.get(way) ?? 0) > 5, `${way}: ${revisions.compared.get(way)} compared`);
    }
    const emptied = all.held.get(CHANNELS[0] as string)?.data as { windows: Record<string, Figures> };
    assert.equal("close" in (emptied.windows["10s"] as Figures), false, "a figure without a value has left");
  });

  test("a client that stops reading gets the newest when it reads again, after at most 64 KiB", async (t) => {
    const random = randomFrom(seedOf(t));
    const app = await new TestApps(t).start({ "windows.list": "10s,20s,30s,40s,50s,1m,5m,1h" });
    const maker = new SwapMaker(TOKENS, random);
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

  test("a restart closes with shutdown, and a channel that resumes begins with a snapshot of the next epoch", async (t) => {
    const apps = new TestApps(t);
    const first = await apps.start({ "windows.list": WINDOWS });
    const maker = new SwapMaker(TOKENS, randomFrom(seedOf(t)));
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
    const resumed = after.next("subscribed");
    const snapshot = after.next("snapshot");
    after.send({ resume: { channel: old.channel, epoch: old.epoch, rev: old.rev } });
    assert.deepEqual((await resumed).recovered, [false]);
    const fresh = await snapshot;
    assert.ok(BigInt(fresh.epoch) > BigInt(old.epoch));
  });
});
