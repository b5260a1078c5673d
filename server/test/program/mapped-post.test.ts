/** Bodies in a producer's own form through the whole program, by mappings of `ingest.mappings`. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type RunningApp, TestApps } from "../support/app-harness.ts";

const TIME_MS = 1_767_225_600_000;
const MAX_BATCH = 20;

/** The producer's trades become one swap each; sandwiches are left out. */
const TRADES = `
when: kind != sandwich
swaps:
  - chain_id: 1
    tx_hash: hash
    log_index: n
    token: coin
    side: { column: dir, values: { B: buy, S: sell } }
    amount_token: size
    amount_usd: worth
    event_time: at
`;
/** Each element of \`fills\` becomes two swaps. */
const FILLS = `
each: $.fills[*]
swaps:
  - { chain_id: 1, tx_hash: $.hash, log_index: a, token: coin, side: { value: buy }, amount_token: size, amount_usd: worth, event_time: $.at }
  - { chain_id: 1, tx_hash: $.hash, log_index: b, token: coin, side: { value: sell }, amount_token: size, amount_usd: worth, event_time: $.at }
`;
const ELEMENTS = `each: $[*]\n${TRADES}`;

function trade(n: number, more: object = {}): object {
  return {
    hash: `0x${n}`,
    n,
    coin: "AAA",
    dir: n % 2 === 0 ? "B" : "S",
    size: "1.5",
    worth: 3,
    at: TIME_MS + n,
    ...more,
  };
}

async function start(t: TestContext): Promise<RunningApp> {
  const apps = new TestApps(t);
  const folder = join(apps.dataDir, "mappings");
  mkdirSync(folder);
  for (const [name, text] of Object.entries({ trades: TRADES, fills: FILLS, elements: ELEMENTS })) {
    writeFileSync(join(folder, `${name}.yaml`), text);
  }
  writeFileSync(join(folder, "README.txt"), "not a mapping");
  const sizes = { "api.http.max_batch": String(MAX_BATCH), "windows.clock": "event" };
  return apps.start({ ...sizes, "ingest.mappings": folder });
}

function send(
  app: RunningApp,
  mapping: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  const type = { "content-type": "application/octet-stream" };
  return app.call(`/api/swaps?mapping=${mapping}`, { method: "POST", headers: { ...type, ...headers }, body });
}

describe("POST /api/swaps with a mapping", () => {
  test("takes one object, an array and NDJSON of the producer's records, whatever the media type", async (t) => {
    const app = await start(t);
    const bodies: [string, number][] = [
      [JSON.stringify(trade(0)), 1],
      [JSON.stringify([trade(1), trade(2)]), 2],
      [`${JSON.stringify(trade(3))}\n\n${JSON.stringify(trade(4))}\n`, 2],
    ];
    for (const [body, accepted] of bodies) {
      const { status, json } = await send(app, "trades", body);
      assert.deepEqual([status, json], [202, { accepted, rejected: [], records: accepted, skipped: 0 }]);
    }
    for (const type of ["application/json", "text/plain"]) {
      const { json } = await send(app, "elements", JSON.stringify([trade(0)]), { "content-type": type });
      assert.equal(json.accepted, 1, type);
    }
    const packed = await send(app, "trades", gzipSync(JSON.stringify(trade(5))), { "content-encoding": "gzip" });
    assert.equal(packed.json.accepted, 1);
    const { counters } = await app.caughtUp();
    assert.deepEqual([counters.accepted, counters.applied, counters.duplicates], [8, 6, 2]);
    const { json } = await app.call("/api/tokens/AAA/stats?windows=1h&fields=buys,sells,volume_usd");
    const { buys, sells, volume_usd } = json.windows["1h"];
    assert.deepEqual([buys, sells, volume_usd], [3, 3, "18"]);
  });

  test("rejects by the index of the record, with the producer's own field in the message", async (t) => {
    const app = await start(t);
    const records = [trade(0), trade(1, { dir: "X" }), "nonsense", trade(3, { size: -1 }), trade(4)];
    const lines = records.map((record) => (typeof record === "string" ? record : JSON.stringify(record))).join("\n");
    const { status, json } = await send(app, "trades", lines);
    assert.deepEqual([status, json.accepted, json.records, json.skipped], [202, 2, 5, 0]);
    assert.deepEqual(
      json.rejected.map(({ index, code }: { index: number; code: string }) => [index, code]),
      [
        [1, "bad_side"],
        [2, "malformed_json"],
        [3, "bad_amount_token"],
      ],
    );
    assert.match(json.rejected[0].message, /swaps\[0\]\.side from `dir` is "X"/);
    assert.match(json.rejected[2].message, /`size` is "-1"/);
    const none = await send(app, "trades", JSON.stringify([trade(1, { dir: "X" })]));
    assert.deepEqual([none.status, none.json.code, none.json.rejected.length], [422, "no_event_accepted", 1]);
  });

  test("a record may make several swaps or none, and swaps that are left out are no error", async (t) => {
    const app = await start(t);
    const fill = (n: number, more: object = {}) => ({
      a: 2 * n,
      b: 2 * n + 1,
      coin: "BBB",
      size: 1,
      worth: 1,
      ...more,
    });
    const body = [
      { hash: "0x1", at: TIME_MS, fills: [fill(0), fill(1, { size: 0 }), fill(2)] },
      { hash: "0x2", at: TIME_MS, fills: [] },
    ];
    const { json } = await send(app, "fills", JSON.stringify(body));
    assert.deepEqual([json.accepted, json.records], [4, 2]);
    assert.deepEqual(
      json.rejected.map(({ index, code }: { index: number; code: string }) => [index, code]),
      [
        [0, "bad_amount_token"],
        [0, "bad_amount_token"],
      ],
    );
    const left = await send(app, "trades", JSON.stringify([trade(1, { kind: "sandwich" })]));
    assert.deepEqual([left.status, left.json], [202, { accepted: 0, rejected: [], records: 1, skipped: 1 }]);
    const { status, json: nothing } = await send(
      app,
      "fills",
      JSON.stringify([{ hash: "0x3", at: TIME_MS, fills: [] }]),
    );
    assert.deepEqual(
      [status, nothing.code, nothing.detail],
      [422, "no_event_accepted", "The body holds no record that makes a swap."],
    );
    const metrics = await (await fetch(`${app.metricsBase}/metrics`)).text();
    assert.match(metrics, /^swapstats_mapped_records_total 4$/m);
    assert.match(metrics, /^swapstats_mapping_skipped_total 1$/m);
  });

  test("a body makes as many swaps as allowed, and none of it is taken beyond that", async (t) => {
    const app = await start(t);
    const fills = (count: number, from: number) => [
      {
        hash: `0x${from}`,
        at: TIME_MS,
        fills: Array.from({ length: count }, (_, i) => ({ a: 2 * i, b: 2 * i + 1, coin: "C", size: 1, worth: 1 })),
      },
    ];
    assert.equal((await send(app, "fills", JSON.stringify(fills(MAX_BATCH / 2, 0)))).json.accepted, MAX_BATCH);
    const beyond = await send(app, "fills", JSON.stringify(fills(MAX_BATCH / 2 + 1, 1)));
    assert.deepEqual([beyond.status, beyond.json.code], [413, "batch_too_large"]);
    assert.match(beyond.json.detail, /make more than 20 swaps/);
    const skipped = Array.from({ length: MAX_BATCH + 1 }, (_, n) => trade(n, { kind: "sandwich" }));
    assert.equal((await send(app, "trades", JSON.stringify(skipped.slice(1)))).json.skipped, MAX_BATCH);
    assert.equal((await send(app, "trades", JSON.stringify(skipped))).json.code, "batch_too_large");
    assert.equal((await app.caughtUp()).counters.accepted, MAX_BATCH);
  });

  test("an unknown mapping is not found, before the body is read, with the names that there are", async (t) => {
    const app = await start(t);
    const { status, json } = await send(app, "trade", "whatever");
    assert.deepEqual([status, json.code], [404, "not_found"]);
    assert.equal(json.detail, 'There is no mapping "trade" (did you mean trades?); there are elements, fills, trades.');
    assert.equal((await send(app, "..%2Fx", "x")).status, 404);
    const twice = await app.call("/api/swaps?mapping=trades&mapping=fills", { method: "POST", body: "{}" });
    assert.deepEqual([twice.status, twice.json.code], [400, "invalid_parameters"]);
    const without = await new TestApps(t).start();
    const refused = await send(without, "trades", "{}");
    assert.deepEqual([refused.status, refused.json.detail.includes("ingest.mappings names no folder")], [404, true]);
  });

  test("without a mapping other media types stay unsupported", async (t) => {
    const app = await start(t);
    const headers = { "content-type": "text/csv" };
    assert.equal((await app.call("/api/swaps", { method: "POST", headers, body: "{}" })).status, 415);
  });
});

describe("mappings that cannot be used", () => {
  test("are all reported at the start", async (t) => {
    const apps = new TestApps(t);
    const folder = join(apps.dataDir, "mappings");
    mkdirSync(folder);
    writeFileSync(join(folder, "a.yaml"), "swaps: 7");
    writeFileSync(join(folder, "b.yaml"), TRADES);
    writeFileSync(join(folder, "c.yml"), TRADES);
    writeFileSync(join(folder, "d e.yaml"), TRADES);
    writeFileSync(join(folder, ".hidden.yaml"), "swaps: 7");
    await assert.rejects(apps.start({ "ingest.mappings": folder }), (error: { code: string; message: string }) => {
      assert.equal(error.code, "bad_config");
      assert.match(error.message, /a\.yaml.*line 1/s);
      assert.match(error.message, /c\.yml cannot be used; name it NAME\.yaml/);
      assert.match(error.message, /d e\.yaml cannot be used/);
      assert.doesNotMatch(error.message, /b\.yaml|hidden/);
      return true;
    });
    await assert.rejects(
      apps.start({ "ingest.mappings": join(folder, "none") }),
      /none cannot be read .*check the path/,
    );
  });

  test("as many as allowed can be used, and one more is refused", async (t) => {
    const apps = new TestApps(t);
    const folder = join(apps.dataDir, "mappings");
    mkdirSync(folder);
    for (let i = 0; i < 64; i++) writeFileSync(join(folder, `m${i}.yaml`), TRADES);
    await (await apps.start({ "ingest.mappings": folder })).app.stop();
    writeFileSync(join(folder, "m64.yaml"), TRADES);
    await assert.rejects(apps.start({ "ingest.mappings": folder }), /has 65 mappings; keep at most 64/);
  });
});
