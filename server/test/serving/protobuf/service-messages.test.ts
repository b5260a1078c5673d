import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { parseScreenerQuery } from "@swapstats/protocol/screener/parse-query.ts";
import { examplesOf } from "../../../src/serving/http/examples.ts";
import { decode } from "../../../src/serving/protobuf/decode.ts";
import { encode } from "../../../src/serving/protobuf/encode.ts";
import { messageOf, requestJson, responseMessage } from "../../../src/serving/protobuf/service-messages.ts";

const WINDOWS = ["5m", "1h"];
const examples = examplesOf(WINDOWS);
const bodyOf = (id: keyof typeof examples) => examples[id].responses["application/json"] as JsonObject;

/** The response as JSON of its message. */
function taken(method: Parameters<typeof responseMessage>[0], body: JsonObject): JsonObject {
  const message = responseMessage(method, JSON.stringify(body));
  return decode(`${method}Response`, toBinary(messageDesc(`${method}Response`), message));
}

test("each method's response carries all members of the HTTP response", () => {
  assert.deepEqual(taken("GetStats", bodyOf("tokenStats")), { stats: bodyOf("tokenStats") });
  const batch = bodyOf("tokensStats") as { as_of: number; items: JsonObject[] };
  const [stats, error] = batch.items as [JsonObject, JsonObject];
  assert.deepEqual(taken("BatchGetStats", batch), { as_of: batch.as_of, items: [{ stats }, { error }] });
  for (const [method, id] of [
    ["GetOverview", "overview"],
    ["GetCandles", "candles"],
    ["ListSwaps", "swaps"],
  ] as const) {
    assert.deepEqual(taken(method, bodyOf(id)), bodyOf(id));
  }
});

test("a sparkline has decimals, counts, and slices without a value", () => {
  const row = { id: "1:0xa", rev: 1, windows: { "5m": { trades: 1 } }, spark: ["1.5", null, 3, 0] };
  const { items } = taken("Screen", { as_of: 1, epoch: "1", rev: 2, items: [row] });
  const spark = [{ decimal: "1.5" }, {}, { count: 3 }, { count: 0 }];
  assert.deepEqual(items, [{ ...row, spark }]);
});

test("a query of the screener in protobuf is the same query as in JSON", () => {
  const condition = (members: JsonObject): JsonObject => ({ condition: members });
  const filter = {
    and: {
      filters: [
        condition({ field: "volume_usd", window: "5m", gte: "10000" }),
        {
          or: {
            filters: [
              condition({ field: "chain_id", in: ["1", "8453"] }),
              condition({ field: "symbol", contains: "pepe" }),
            ],
          },
        },
        { not: condition({ field: "traders", window: "1h", lt: "30" }) },
        condition({ field: "complete", window: "1h", eq: "true" }),
      ],
    },
  };
  const rest = { sort: [{ field: "price_change_pct", window: "1h", order: "desc" }], limit: 50, windows: ["5m", "1h"] };
  const message = messageOf("ScreenRequest", encode("ScreenRequest", { filter, ...rest }));
  const asJson = {
    filter: {
      and: [
        { field: "volume_usd", window: "5m", gte: "10000" },
        {
          or: [
            { field: "chain_id", in: [1, 8453] },
            { field: "symbol", contains: "pepe" },
          ],
        },
        { not: { field: "traders", window: "1h", lt: 30 } },
        { field: "complete", window: "1h", eq: true },
      ],
    },
    ...rest,
  };
  const windows = WINDOWS.map((name) => ({ name, lengthMs: name === "5m" ? 300_000 : 3_600_000, stepMs: 5_000 }));
  const context = { windows, hint: () => "", canonicalToken: (token: string) => token };
  const parse = (query: JsonObject) => parseScreenerQuery(query, context);
  assert.ok("query" in parse(asJson), JSON.stringify(parse(asJson)));
  assert.deepEqual(parse(requestJson("ScreenRequest", message)), parse(asJson));
});

test("lists that were not given are absent, and a query of a channel is converted too", () => {
  const query = { filter: { condition: { field: "chain_id", eq: "1" } } };
  const request = {
    channels: [
      { channel: "screener", query },
      { channel: "token:WETH", windows: ["5m"], from: { epoch: "1", rev: 7 } },
    ],
  };
  const message = messageOf("SubscribeRequest", encode("SubscribeRequest", request));
  assert.deepEqual(requestJson("SubscribeRequest", message), {
    channels: [
      { channel: "screener", query: { filter: { field: "chain_id", eq: "1" } } },
      { channel: "token:WETH", windows: ["5m"], from: { epoch: "1", rev: 7 } },
    ],
  });
});
