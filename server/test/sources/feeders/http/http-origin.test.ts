import { strict as assert } from "node:assert";
import { after, before, beforeEach, describe, test } from "node:test";
import type { JsonPath } from "../../../../src/config/keys/feeders/json-paths.ts";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { HttpOrigin } from "../../../../src/sources/feeders/http/http-origin.ts";
import type { HttpSettings } from "../../../../src/sources/feeders/http/pages.ts";
import type { Origin, Position } from "../../../../src/sources/feeders/origin.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { originContract } from "../origin-contract.ts";
import { type PageFault, PageServer, type Paging } from "./page-server.ts";

const PAUSES = { firstMs: 1, longestMs: 1 };
const ROWS: JsonPath = ["data", "rows"];
const FAULTS: readonly PageFault[] = [
  ...(["rate", "error", "disconnect", "half", "not_json", "no_list", "huge", "other_origin"] as const),
];

describe("pages of an API", () => {
  const server = new PageServer();
  before(() => server.start());
  after(() => server.close());
  beforeEach(() => {
    server.records.length = 0;
    server.fault = () => undefined;
    server.pageSize = 100;
    server.isCompressed = false;
    server.redirects = 0;
    server.headers.length = 0;
    server.urls.length = 0;
  });

  const open = (paging: Paging, endsAtEnd: boolean, more: Partial<HttpSettings> = {}): HttpOrigin => {
    server.paging = paging;
    return new HttpOrigin(settingsOf(server, paging, more), endsAtEnd, PAUSES);
  };

  for (const paging of ["page", "last", "last_inclusive", "link"] as const) {
    originContract(`http with the cursor of ${paging}`, async () => {
      server.records.length = 0;
      let made = 0;
      return {
        open: (endsAtEnd) => open(paging, endsAtEnd),
        append: async (count) => {
          const ids = Array.from({ length: count }, () => String(made++));
          server.records.push(...ids.map(recordOf));
          return ids;
        },
        idOf: ({ bytes, start, end }) => JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()).id,
      };
    });
  }

  test("a record keeps its own bytes, and a page may be compressed and redirected", async () => {
    server.isCompressed = true;
    server.redirects = 5;
    server.records.push(
      '{"id":"0","amount":0.10000000000000000000000000001,"a":[1,{"b":"]}"}]}',
      '{ "id" : "\\u0031" }',
    );
    const texts = await textsOf(open("page", true));
    assert.deepEqual(texts, server.records);
  });

  test("cursor.start is the cursor of the first request", async () => {
    server.records.push(...["0", "1", "2"].map(recordOf));
    const cursor = { from: "page", path: ["next"], param: "cursor", start: "2" } as const;
    assert.deepEqual(await textsOf(open("page", true, { cursor })), [recordOf("2")]);
  });

  test("more redirects than five are an error", async () => {
    server.redirects = 6;
    await rejectsAsUnavailable(open("page", true), /redirects more than 5 times/);
  });

  test("headers and parameters are sent with each request, also to a linked page", async () => {
    server.records.push(...Array.from({ length: 150 }, (_, id) => recordOf(String(id))));
    const more = { headers: { authorization: "Bearer x" }, query: { limit: "100", api_key: "secret" } };
    const origin = open("link", true, more);
    const positions: Position[] = [];
    assert.equal((await textsOf(origin, positions)).length, 150);
    assert.ok(server.headers.every(({ authorization }) => authorization === "Bearer x"));
    assert.ok(server.urls.every((url) => url.includes("api_key=secret") && url.includes("limit=100")));
    assert.ok(!JSON.stringify(positions).includes("secret"), "a position holds no secret");
  });

  test("each fault is a retryable error, after which the same page is read", async () => {
    server.records.push(recordOf("0"));
    for (const fault of FAULTS) {
      let isOn = true;
      server.fault = () => (isOn ? fault : undefined);
      const origin = open("page", true);
      if (fault === "rate") await rejectsAsUnavailable(origin, /limits the rate/);
      else await rejectsAsUnavailable(origin, /./);
      isOn = false;
      assert.equal((await textsOf(origin)).length, 1, fault);
    }
  });

  test("a page that does not come in time is a retryable error", async () => {
    server.fault = () => "silence";
    await rejectsAsUnavailable(open("page", true, { timeoutMs: 100 }), /does not answer within 100 ms/);
  });

  test("a page has at most 4,000 records", async () => {
    server.pageSize = 5_000;
    server.records.push(...Array.from({ length: 4_000 }, (_, id) => recordOf(String(id))));
    assert.equal((await textsOf(open("page", true))).length, 4_000);
    server.records.push(recordOf("4000"));
    await rejectsAsUnavailable(open("page", true), /a page of 4001 records; ask for at most 4000/);
  });

  test("a page of more bytes than a batch holds is given in parts, and a kill between them skips nothing", async () => {
    server.records.push(...Array.from({ length: 20 }, (_, id) => JSON.stringify({ id, fill: "x".repeat(500_000) })));
    const first = open("page", true);
    const batch = await first.read(undefined, signal());
    assert.ok(batch !== undefined && batch.records.length < 20);
    const positions: Position[] = [batch.position];
    const rest = await textsOf(open("page", true), positions);
    assert.equal(batch.records.length + rest.length, 20);
  });

  test("faults, kills and a page that grows: every record comes, and only records that were not kept come again", async (t) => {
    const random = randomFrom(seedOf(t));
    for (const paging of ["page", "last", "last_inclusive", "link"] as const) {
      server.records.length = 0;
      server.pageSize = 1 + random.below(20) + (paging === "last_inclusive" ? 1 : 0);
      server.fault = () => (random.chance(0.3) ? random.pick(FAULTS) : undefined);
      let origin = open(paging, true);
      let position: Position | undefined;
      const kept: string[] = [];
      for (let step = 0; step < 300; step++) {
        if (random.chance(0.3)) server.records.push(recordOf(String(server.records.length)));
        if (random.chance(0.1)) origin = open(paging, true);
        try {
          const batch = await origin.read(position, signal());
          if (batch === undefined || random.chance(0.2)) continue;
          position = JSON.parse(JSON.stringify(batch.position)) as Position;
          kept.push(...batch.records.map(textOf));
        } catch (error) {
          assert.ok(error instanceof SwapstatsError && error.retryable, String(error));
        }
      }
      server.fault = () => undefined;
      kept.push(...(await textsOf(origin, position === undefined ? [] : [position])));
      assert.deepEqual(kept, server.records, paging);
    }
  });
});

function settingsOf(server: PageServer, paging: Paging, more: Partial<HttpSettings>): HttpSettings {
  const cursors = {
    page: { from: "page", path: ["next"], param: "cursor", start: undefined },
    last: { from: "last", path: ["id"], param: "cursor", start: undefined },
    last_inclusive: { from: "last", path: ["id"], param: "cursor", start: undefined },
    link: { from: "link", path: undefined, param: "cursor", start: undefined },
  } as const;
  return {
    ...{ type: "http", name: "api", mapping: undefined, url: `${server.origin}/v1/trades`, query: undefined },
    ...{ headers: undefined, items: paging.startsWith("last") ? [] : ROWS, cursor: cursors[paging] },
    ...{ pollMs: 5, intervalMs: 0, timeoutMs: 60_000, pageBytesMax: 16 * 1024 * 1024, ...more },
    ...(more.pageBytesMax === undefined ? { pageBytesMax: paging === "page" ? 16 * 1024 * 1024 : 1024 * 1024 } : {}),
  };
}

function recordOf(id: string): string {
  return `{"id":"${id}","n":${id}.50}`;
}

function textOf({ bytes, start, end }: { bytes: Uint8Array; start: number; end: number }): string {
  return Buffer.from(bytes.subarray(start, end)).toString();
}

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

/** Reads to the end, behind the last of `positions`, to which the further ones are added. */
async function textsOf(origin: Origin, positions: Position[] = []): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const batch = await origin.read(positions.at(-1), signal());
    if (batch === undefined) return texts;
    texts.push(...batch.records.map(textOf));
    positions.push(batch.position);
  }
}

async function rejectsAsUnavailable(origin: Origin, message: RegExp): Promise<void> {
  await assert.rejects(origin.read(undefined, signal()), (error) => {
    assert.ok(error instanceof SwapstatsError && error.retryable, String(error));
    assert.match(error.message, message);
    return true;
  });
}
