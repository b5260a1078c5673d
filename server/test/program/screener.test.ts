import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { WebSocket } from "ws";
import { type RunningApp, TestApps } from "../support/app-harness.ts";

type Item = { id: string; rev: number; windows: Record<string, Record<string, unknown>>; spark?: unknown[] };

const TOKENS = 57;

async function withTokens(running: RunningApp): Promise<void> {
  const swap = { chain_id: 1, log_index: 0, side: "buy", amount_token: "1", event_time: Date.now() - 2_000 };
  await running.post(
    Array.from({ length: TOKENS }, (_, i) => ({
      ...{ ...swap, tx_hash: `0x${i}`, token: `0x${i.toString(16)}`, token_symbol: `T${i % 3}` },
      amount_usd: `${1 + (i % 10)}`,
    })),
  );
  await running.caughtUp();
}

function asker({ call }: RunningApp) {
  return async (query: object, status = 200) => {
    const headers = { "content-type": "application/json" };
    const answer = await call("/api/screener", { method: "POST", headers, body: JSON.stringify(query) });
    assert.equal(answer.status, status, answer.text);
    return answer.json;
  };
}

const idsOf = (items: readonly Item[]): string[] => items.map(({ id }) => id);

describe("the screener over HTTP, on two threads with four partitions", () => {
  test("pages neither skip nor repeat a token while figures change, and each has the figures of now", async (t) => {
    const running = await new TestApps(t).start({ "ingest.embedded.partitions": "4", "app.workers": "2" });
    await withTokens(running);
    const ask = asker(running);
    const query = { sort: [{ field: "volume_usd", window: "5m" }], limit: 500 };
    const whole = idsOf((await ask(query)).items);
    assert.equal(whole.length, TOKENS);
    const paged: Item[] = [];
    let cursor: string | undefined;
    do {
      const page = await ask({ ...query, limit: 10, ...(cursor === undefined ? {} : { cursor }) });
      paged.push(...page.items);
      cursor = page.next_cursor;
      // The tokens that come last would now be the first.
      const [last] = whole.slice(-1);
      const raise = { token: (last as string).split(":")[1], tx_hash: `0xf${paged.length}`, amount_usd: "1000" };
      const event_time = Date.now() - 1_000;
      await running.post([{ chain_id: 1, log_index: 0, side: "buy", amount_token: "1", event_time, ...raise }]);
      await running.caughtUp();
    } while (cursor !== undefined);
    assert.deepEqual(idsOf(paged), whole);
    assert.equal(paged.at(-1)?.windows["5m"]?.volume_usd, "5001");
  });

  test("a filter, windows, fields and a sparkline", async (t) => {
    const running = await new TestApps(t).start({ "ingest.embedded.partitions": "4", "app.workers": "2" });
    await withTokens(running);
    const ask = asker(running);
    const { items } = await ask({
      filter: {
        and: [
          { field: "volume_usd", window: "5m", gte: 9, lt: "9.5" },
          { field: "symbol", contains: "t1" },
        ],
      },
      windows: ["1h", "5m"],
      fields: ["trades"],
      spark: { field: "trades", window: "1h", points: 3 },
    });
    assert.deepEqual(idsOf(items), ["1:0x1c"]);
    assert.deepEqual(Object.keys(items[0].windows), ["5m", "1h"]);
    assert.deepEqual(Object.keys(items[0].windows["1h"]), ["open_time", "close_time", "complete", "trades"]);
    assert.deepEqual(items[0].spark, [null, null, 1]);
    const overview = await running.call("/api/overview?window=5m&limit=1&spark=trades:1h:3");
    assert.deepEqual(overview.json.items[0].spark, [null, null, 1]);
    assert.match(
      (await running.call("/api/overview?spark=trades:1h")).json.detail,
      /must be <field>:<window>:<points>/,
    );
  });

  test("mistakes are listed with their paths, and cursors of another kind are refused", async (t) => {
    const running = await new TestApps(t).start();
    await withTokens(running);
    const ask = asker(running);
    const bad = await ask({ filter: { or: [{ field: "volume", window: "5m", gte: 1 }] }, limit: 0 }, 400);
    assert.deepEqual(
      bad.errors.map(({ in: place, name }: { in: string; name: string }) => [place, name]),
      [
        ["body", "filter.or[0].field"],
        ["body", "limit"],
      ],
    );
    assert.match(bad.detail, /did you mean volume_usd/);
    const { next_cursor: cursor } = await ask({ limit: 1 });
    assert.equal((await ask({ cursor, sort: [{ field: "late" }] }, 400)).code, "bad_request");
    assert.equal((await ask({ cursor: "nonsense" }, 400)).code, "bad_request");
    const [order, tag] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as [string, string];
    const gone = Buffer.from(JSON.stringify([`${order}x`, tag, 0, 1])).toString("base64url");
    assert.equal((await ask({ cursor: gone }, 410)).code, "cursor_expired");
  });
});

type Held = { order: string[]; rows: Record<string, { windows: Json }> };
type Message = {
  type: string;
  channel?: string;
  channels?: string[];
  rev: number;
  prev_rev?: number;
  data?: Held;
  patch?: Json;
};

describe("the screener over WebSocket, on two threads with four partitions", () => {
  test("tokens enter by a swap and leave because time passes, and clients hold what HTTP answers", async (t) => {
    const settings = { "ingest.embedded.partitions": "4", "app.workers": "2", "windows.list": "20s,1m,5m" };
    const running = await new TestApps(t).start(settings);
    const ask = asker(running);
    const query = { filter: { field: "trades", window: "20s", gt: 0 }, sort: [{ field: "volume_usd", window: "1m" }] };
    const ws = new WebSocket(`${running.base.replace("http", "ws")}/ws`);
    t.after(() => ws.close());
    const held = new Map<string, Held>();
    const watched = Promise.withResolvers<string[]>();
    let wake: () => void = () => {};
    ws.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as Message;
      const { type, channel = "" } = message;
      if (type === "subscribed") watched.resolve(message.channels ?? []);
      if (type === "snapshot") held.set(channel, message.data as Held);
      if (type === "patch")
        held.set(channel, applyMergePatch(held.get(channel) as Json, message.patch as Json) as Held);
      wake();
    };
    await new Promise((resolve) => {
      ws.onopen = resolve;
    });
    // The same query in another spelling is the same channel; another limit is another one.
    const [leaf, other] = [
      { window: "20s", gt: "0.0", field: "trades" },
      { ...query, limit: 3 },
    ];
    const subscribe = [query, { ...query, filter: leaf, limit: 50 }, other].map((one) => ({
      channel: "screener",
      query: one,
    }));
    ws.send(JSON.stringify({ subscribe }));
    const [channel = "", limited = "", ...more] = [...new Set(await watched.promise)];
    assert.match(channel, /^screener:[0-9a-f]{16}$/);
    assert.deepEqual(more, []);
    const until = async (isDone: (now: Held | undefined) => boolean): Promise<void> => {
      while (!isDone(held.get(channel))) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    await withTokens(running);
    await until((now) => now?.order.length === 50);
    const { items } = await ask(query);
    const now = held.get(channel) as Held;
    assert.deepEqual(now.order, idsOf(items));
    assert.equal(now.order[0], idsOf(items)[0]);
    assert.deepEqual(held.get(limited)?.order, now.order.slice(0, 3));
    // Nothing is posted any more: the tokens leave by time alone.
    await until((after) => after?.order.length === 0);
    assert.deepEqual(held.get(channel), { order: [], rows: {} });
    assert.deepEqual((await ask(query)).items, []);
  });

  test("a channel without a query, or with a bad one, is refused with the path of the mistake", async (t) => {
    const running = await new TestApps(t).start();
    const ws = new WebSocket(`${running.base.replace("http", "ws")}/ws`);
    t.after(() => ws.close());
    const errors: { code: string; message: string }[] = [];
    const heard = Promise.withResolvers<void>();
    ws.onmessage = ({ data }) => {
      const message = JSON.parse(String(data));
      if (message.type === "error") errors.push(message);
      if (errors.length === 3) heard.resolve();
    };
    await new Promise((resolve) => {
      ws.onopen = resolve;
    });
    const bad = [undefined, { filter: { or: [{ field: "late" }] } }, { cursor: "x" }];
    for (const query of bad) ws.send(JSON.stringify({ subscribe: { channel: "screener", query } }));
    await heard.promise;
    assert.deepEqual(new Set(errors.map(({ code }) => code)), new Set(["invalid_parameters"]));
    assert.match(errors[0]?.message ?? "", /needs a query/);
    assert.match(errors[1]?.message ?? "", /filter\.or\[0\] compares late with nothing/);
    assert.match(errors[2]?.message ?? "", /cursor is for pages/);
  });
});
