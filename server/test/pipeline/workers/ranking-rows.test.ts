import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";

import { dataText } from "../../../src/bus/responses.ts";

import { finished } from "../../../src/pipeline/thread-share.ts";

import type { RowSelection } from "../../../src/ports/stats-bus.ts";
import { TestApps } from "../../support/app-harness.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, randomSwap, START_MS } from "./fed-worker.ts";

type Figures = Record<string, unknown>;
type Row = { id: string; stats?: Figures; windows?: Record<string, Figures> };

function rowsOf(host: FedWorker, rows: RowSelection): Row[] {
  const request = { window: "5m", sort: "volume_usd", order: "desc", limit: 5, ...rows } as const;
  const answer = finished(host.queries.overview({ kind: "overview", request, after: undefined, at: undefined }));
  return answer.rows.map((row) => JSON.parse(row.json));
}

describe("rows of a ranking", () => {
  test("rows hold all or selected figures, of one window as stats or of several as windows", () => {
    const host = new FedWorker();
    host.feed({ token: "0xa", event_time: START_MS, who: "w" }, { token: "0xb", event_time: START_MS });
    const [plain] = rowsOf(host, {});
    assert.deepEqual(Object.keys(plain as object), ["id", "rev", "stats"]);
    const [some] = rowsOf(host, { fields: ["volume_usd", "close"] });
    const edges = ["open_time", "close_time", "complete"];
    assert.deepEqual(Object.keys(some?.stats as object), [...edges, "volume_usd", "close"]);
    assert.equal(some?.stats?.volume_usd, plain?.stats?.volume_usd);
    const [several] = rowsOf(host, { windows: ["5m", "1h"], fields: ["trades"] });
    assert.equal(several?.stats, undefined);
    assert.deepEqual(Object.keys(several?.windows as object), ["5m", "1h"]);
    assert.deepEqual(Object.keys(several?.windows?.["1h"] as object), [...edges, "trades"]);
    const [whole] = rowsOf(host, { windows: ["5m", "24h"] });
    assert.deepEqual(whole?.windows?.["5m"], plain?.stats);
    assert.throws(() => rowsOf(host, { windows: ["7m"] }), { code: "bad_request" });
  });

  test("feeds with windows and fields send patches between data that holds the figures of a response without the edges", (t) => {
    const random = randomFrom(seedOf(t));
    const host = new FedWorker();
    const rows = { windows: ["5m", "1h"], fields: ["trades", "close"] };
    const ranking = { kind: "overview", window: "5m", sort: "volume_usd", limit: 5, ...rows } as const;
    let held: Json | undefined;
    let heldToken: Json | undefined;
    let thin = 0;
    for (let step = 0; step < 120; step++) {
      host.nowMs += 1_000;
      host.feed(randomSwap(random, host.nowMs, 9, []));
      if (step === 0) {
        host.feeds.open(1, ranking);
        const [first] = [...host.engine.tokens()].map((token) => host.engine.info(token).id);
        host.feeds.open(2, { kind: "token", token: first as string, windows: ["5m"], fields: ["trades"] });
      }
      host.tick();
      for (const update of host.updates.splice(0)) {
        const { feedId, patch } = update;
        const before = feedId === 1 ? held : heldToken;
        const after = JSON.parse(dataText(update)) as Json;
        if (patch !== undefined) {
          assert.deepEqual(applyMergePatch(before as Json, JSON.parse(patch)), after);
          thin++;
        }
        if (feedId === 1) held = after;
        else heldToken = after;
      }
    }
    assert.ok(thin > 20, `${thin} patches are too few to show anything`);
    const expected = rowsOf(host, rows).map((row) => [row.id, withoutEdges(row.windows as Record<string, Figures>)]);
    const { rows: data } = held as { rows: Record<string, { windows: Json }> };
    assert.deepEqual(
      Object.fromEntries(Object.entries(data).map(([id, row]) => [id, row.windows])),
      Object.fromEntries(expected),
    );
    const { windows } = heldToken as { windows: Record<string, Figures> };
    assert.deepEqual(Object.keys(windows["5m"] as object), ["complete", "trades"]);
  });

  test("rows over partitions and threads are served by HTTP", async (t) => {
    const apps = new TestApps(t);
    const { call, post, caughtUp } = await apps.start({ "ingest.embedded.partitions": "4", "app.workers": "2" });
    const swap = { chain_id: 1, log_index: 0, side: "buy", amount_token: "1", event_time: Date.now() };
    await post(
      Array.from({ length: 8 }, (_, i) => ({ ...swap, tx_hash: `0x${i}`, token: `0x${i}`, amount_usd: `${i + 1}` })),
    );
    await caughtUp();
    // Before any row is made, so that they take several pieces each.
    const together = await Promise.all([1, 2, 3, 4, 5].map((limit) => call(`/api/overview?window=5m&limit=${limit}`)));
    assert.deepEqual(
      together.map((answer) => answer.json.items?.length),
      [1, 2, 3, 4, 5],
      "questions that are asked together are all answered",
    );
    const { json } = await call("/api/overview?window=5m&windows=24h,1h&fields=trades&limit=6");
    assert.deepEqual(
      json.items.map(({ id }: Row) => id),
      [7, 6, 5, 4, 3, 2].map((i) => `1:0x${i}`),
    );
    for (const row of json.items as Row[]) {
      assert.equal(row.stats, undefined);
      assert.deepEqual(Object.keys(row.windows as object), ["5m", "1h", "24h"]);
      for (const figures of Object.values(row.windows as object)) {
        assert.deepEqual(Object.keys(figures), ["open_time", "close_time", "complete", "trades"]);
      }
    }
    const next = await call(`/api/overview?window=5m&windows=24h&limit=6&cursor=${json.next_cursor}`);
    assert.equal(next.json.items.length, 2, "a cursor is of the ranking, whatever its rows hold");
    const tags = ["", "&windows=1h", "&windows=5m", "&fields=trades", "&windows=5m&fields=trades"].map(async (query) =>
      (await call(`/api/overview?window=5m${query}`)).headers.get("etag"),
    );
    assert.equal(new Set(await Promise.all(tags)).size, tags.length);
    assert.equal((await call("/api/overview?windows=7m")).status, 400);
    assert.match((await call("/api/overview?fields=volume")).json.detail, /did you mean volume_usd/);
  });
});

function withoutEdges(windows: Record<string, Figures>): Record<string, Figures> {
  return Object.fromEntries(
    Object.entries(windows).map(([name, { open_time: _open, close_time: _close, ...rest }]) => [name, rest]),
  );
}
