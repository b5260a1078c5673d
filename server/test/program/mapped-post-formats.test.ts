/** Bodies of other formats than JSON through the whole program, by mappings of `ingest.mappings`. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { encode } from "@msgpack/msgpack";
import avsc from "avsc";
import protobuf from "protobufjs";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { StandInRegistry } from "../support/stand-in-registry.ts";

const TIME_MS = 1_767_225_600_000;
const MAX_BATCH = 20;
const SWAPS = `
swaps:
  - { chain_id: 1, tx_hash: hash, log_index: n, token: coin, side: dir, amount_token: size, amount_usd: worth, event_time: at }
`;

const row = (n: number, more = ""): string => `0x${n},${n},AAA,buy,1.5,"3",${TIME_MS + n}${more}`;
const trade = (n: number) => ({ hash: `0x${n}`, n, coin: "AAA", dir: "buy", size: "1.5", worth: "3", at: TIME_MS + n });

async function start(t: TestContext, mappings: Record<string, string>, more: Record<string, string> = {}, proto = "") {
  const apps = new TestApps(t);
  const folder = join(apps.dataDir, "mappings");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(mappings)) writeFileSync(join(folder, `${name}.yaml`), text);
  if (proto !== "") writeFileSync(join(folder, "trade.proto"), proto);
  const sizes = { "api.http.max_batch": String(MAX_BATCH), "windows.clock": "event" };
  return apps.start({ ...sizes, "ingest.mappings": folder, ...more });
}

function send(app: RunningApp, mapping: string, body: string | Uint8Array<ArrayBuffer>) {
  const headers = { "content-type": "application/octet-stream" };
  return app.call(`/api/swaps?mapping=${mapping}`, { method: "POST", headers, body });
}

const codesOf = (rejected: readonly { index: number; code: string }[]) =>
  rejected.map(({ index, code }) => [index, code]);

describe("POST /api/swaps with a mapping of another format", () => {
  test("CSV: the body's header or the mapping names the columns, and rows are rejected by their index", async (t) => {
    const app = await start(t, {
      table: `format: csv\n${SWAPS}`,
      plain: `format: csv\ndelimiter: ";"\ncolumns: [hash, n, coin, dir, size, worth, at]\n${SWAPS}`,
    });
    const header = "hash,n,Coin,dir,size,worth,at";
    const lines = [`\ufeff${header}`, row(0), "", row(1, ",x"), row(2).replace("buy", "hold"), row(3), "  "];
    const { status, json } = await send(app, "table", lines.join("\r\n"));
    assert.deepEqual([status, json.accepted, json.records], [202, 2, 4]);
    assert.deepEqual(codesOf(json.rejected), [
      [1, "malformed_record"],
      [2, "bad_side"],
    ]);
    assert.match(json.rejected[0].message, /8 cells, and there are 7 columns/);
    assert.match(json.rejected[1].message, /`dir` is "hold"/);
    const other = await send(app, "table", `at,hash,n,coin,dir,size,worth\n${TIME_MS},0x9,9,AAA,sell,1,1`);
    assert.equal(other.json.accepted, 1);
    assert.equal((await send(app, "plain", row(4).replaceAll(",", ";"))).json.accepted, 1);
    const rows = Array.from({ length: MAX_BATCH + 1 }, (_, n) => row(10 + n));
    assert.equal((await send(app, "table", [header, ...rows.slice(1)].join("\n"))).json.accepted, MAX_BATCH);
    assert.equal((await send(app, "table", [header, ...rows].join("\n"))).json.code, "batch_too_large");
    const broken = [header, row(40).replace("AAA", '"AAA'), row(41), row(42)].join("\n");
    const { json: rest } = await send(app, "table", broken);
    assert.deepEqual([rest.accepted, codesOf(rest.rejected)], [2, [[0, "malformed_record"]]]);
    assert.match(rest.rejected[0].message, /a quote is not closed, or text follows/);
    assert.equal((await send(app, "table", "\n\n")).json.code, "bad_request");
    assert.equal((await send(app, "table", header)).json.code, "no_event_accepted");
    assert.equal((await app.caughtUp()).counters.applied, 6 + MAX_BATCH);
  });

  test("without a format, a body is JSON or a table, whose delimiter is found", async (t) => {
    const app = await start(t, {
      any: SWAPS,
      plain: `columns: [hash, n, coin, dir, size, worth, at]\n${SWAPS}`,
      lists: `each: $.trades[*]\n${SWAPS}`,
    });
    const header = "hash,n,coin,dir,size,worth,at";
    const table = [header, row(0), row(1)].join("\n");
    let accepted = 0;
    for (const mark of [",", ";", "\t", "|"]) {
      const { json } = await send(app, "any", `\ufeff\n${table.replaceAll(",", mark)}`);
      assert.deepEqual([json.accepted, json.records], [2, 2], mark);
      accepted += json.accepted;
      const plain = await send(app, "plain", row(2).replaceAll(",", mark));
      assert.equal(plain.json.accepted, 1, mark);
      accepted += plain.json.accepted;
    }
    const quoted = await send(app, "any", `"hash",n,coin,dir,size,worth,at\r\n${row(3)}`);
    assert.equal(quoted.json.accepted, 1);
    const mended = await send(app, "any", `hash":1}\n${JSON.stringify(trade(4))}`);
    assert.deepEqual([mended.json.accepted, codesOf(mended.json.rejected)], [1, [[0, "malformed_json"]]]);
    const other = await send(app, "any", "a,b,c\n1,2,3");
    assert.deepEqual([other.status, other.json.code], [400, "bad_request"]);
    assert.match(other.json.detail, /table with a column of the mapping \(hash, n, coin, .*first row is a,b,c/);
    assert.match((await send(app, "lists", table)).json.detail, /the mapping has `each`/);
    assert.match((await send(app, "any", new Uint8Array([0x50, 0x41, 0x52, 0x31, 0, 1]))).json.detail, /Parquet/);
    assert.equal((await app.caughtUp()).counters.accepted, accepted + 2);
  });

  test("MessagePack: one record a body", async (t) => {
    const app = await start(t, { packed: `format: msgpack\n${SWAPS}` });
    const { status, json } = await send(app, "packed", new Uint8Array(encode(trade(0))));
    assert.deepEqual([status, json], [202, { accepted: 1, rejected: [], records: 1, skipped: 0 }]);
    const broken = await send(app, "packed", new Uint8Array([0xc1]));
    assert.deepEqual([broken.status, codesOf(broken.json.rejected)], [422, [[0, "malformed_record"]]]);
  });

  test("Protobuf with a schema file: one record a body, with a frame and without", async (t) => {
    const schema =
      'syntax = "proto3"; message Trade { string hash = 1; uint32 n = 2; string coin = 3; Side dir = 4; string size = 5; string worth = 6; int64 at = 7; } enum Side { buy = 0; sell = 1; }';
    const app = await start(
      t,
      { proto: `format: protobuf\nschema: trade.proto\nmessage: Trade\n${SWAPS}` },
      {},
      schema,
    );
    const type = protobuf.parse(schema).root.lookupType("Trade");
    const body = (n: number) => type.encode(type.fromObject({ ...trade(n), dir: "sell" })).finish();
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 7, 0]), body(1)]);
    assert.equal((await send(app, "proto", new Uint8Array(body(0)))).json.accepted, 1);
    assert.equal((await send(app, "proto", new Uint8Array(framed))).json.accepted, 1);
    const cut = await send(app, "proto", new Uint8Array(body(2).subarray(0, 9)));
    assert.deepEqual([cut.status, codesOf(cut.json.rejected)], [422, [[0, "malformed_record"]]]);
    await app.caughtUp();
    const { json } = await app.call("/api/tokens/AAA/stats?windows=1h&fields=sells,volume_usd");
    assert.deepEqual([json.windows["1h"].sells, json.windows["1h"].volume_usd], [2, "6"]);
  });

  test("framed JSON: one record a body, and without the frame as JSON", async (t) => {
    const app = await start(t, { framed: `format: json_schema\n${SWAPS}` });
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from(JSON.stringify(trade(0)))]);
    assert.equal((await send(app, "framed", new Uint8Array(framed))).json.accepted, 1);
    assert.equal((await send(app, "framed", JSON.stringify([trade(1), trade(2)]))).json.accepted, 2);
  });

  test("Avro with a registry: a body waits for its schema, and is refused for now while the registry is away", async (t) => {
    await using registry = await StandInRegistry.start();
    const fields = ["hash", "coin", "dir", "size", "worth"].map((name) => ({ name, type: "string" as const }));
    const longs = ["n", "at"].map((name) => ({ name, type: "long" as const }));
    const schema: avsc.Schema = { type: "record", name: "Trade", fields: [...fields, ...longs] };
    registry.register(3, "trades", { schema: JSON.stringify(schema) });
    const app = await start(t, { avro: `format: avro\n${SWAPS}` }, { "ingest.registry.url": registry.url });
    const type = avsc.Type.forSchema(schema);
    const body = (n: number, id: number) =>
      new Uint8Array(Buffer.concat([Buffer.from([0, 0, 0, 0, id]), type.toBuffer(trade(n))]));
    await registry.stop();
    const away = await send(app, "avro", body(0, 3));
    assert.deepEqual([away.status, away.json.code], [503, "unavailable"]);
    await registry.listen();
    const bodies = [body(0, 3), body(1, 9), body(2, 3)];
    const together = await Promise.all(bodies.map((one) => send(app, "avro", one)));
    const results = together.map(({ status, json }) => [status, json.accepted, json.rejected[0]?.code]);
    assert.deepEqual(results, [
      [202, 1, undefined],
      [422, 0, "malformed_record"],
      [202, 1, undefined],
    ]);
    assert.equal((await app.caughtUp()).counters.applied, 2);
  });
});
