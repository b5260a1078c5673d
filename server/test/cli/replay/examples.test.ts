import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readMapping } from "../../../src/cli/replay/mapping.ts";
import { type Figures, overviewOf } from "./replay-files.ts";

const EXAMPLES = join(import.meta.dirname, "../../../../docs/examples");
const FIXTURES = join(import.meta.dirname, "../../fixtures/replay");

async function dayOf(
  name: string,
  fixture: string,
): Promise<{ tokens: Map<string, Figures>; counters: Figures; err: string }> {
  const map = join(EXAMPLES, `${name}-mapping.yaml`);
  const { items, counters, err } = await overviewOf(join(FIXTURES, fixture), "--map", map, "--window", "24h");
  return { tokens: new Map(items.map(({ id, windows }) => [id, windows["24h"] as Figures])), counters, err };
}

test("all mappings of the examples are read", () => {
  const names = readdirSync(EXAMPLES).filter((name) => name.endsWith("-mapping.yaml"));
  assert.ok(names.length >= 4);
  for (const name of names) assert.ok(readMapping(join(EXAMPLES, name)).swaps.length > 0);
});

test("each row of an export of Dune gives two swaps, and a chain that the mapping does not list is reported", async () => {
  const { tokens, counters, err } = await dayOf("dune-trades", "dune-trades.csv");
  assert.deepEqual([counters.applied, counters.dead_letters], [4, { bad_chain_id: 2 }]);
  const weth = tokens.get("1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2") ?? {};
  assert.deepEqual(
    [weth.buys, weth.sells, weth.volume_usd, weth.volume_token, weth.traders],
    [1, 1, "4575.62", "2.5", 2],
  );
  assert.deepEqual([weth.open, weth.first_trade_time], ["1830.08", Date.UTC(2023, 7, 8, 0, 0, 11)]);
  assert.match(err, /row 4: bad_chain_id: chain_id is "gnosis"/);
});

test("trades of Binance need no header, and keep times to the millisecond", async () => {
  const { tokens, counters } = await dayOf("binance-trades", "binance-trades.csv");
  assert.deepEqual([counters.applied, counters.dead_letters], [3, {}]);
  const { buys, sells, volume_usd, high, close, first_trade_time, last_trade_time } = tokens.get("0:BTC") ?? {};
  assert.deepEqual([buys, sells, volume_usd, high, close], [1, 2, "15369.9345", "61235", "61234"]);
  assert.deepEqual([first_trade_time, last_trade_time], [1_754_611_200_000, 1_754_611_260_999]);
});

test("trades of Solana are read from nested JSON, ordered by transaction within a block, with exact numbers", async () => {
  const { tokens, counters } = await dayOf("solana-trades", "solana-trades.json");
  assert.deepEqual([counters.applied, counters.dead_letters], [2, {}]);
  const bonk = tokens.get("900:DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263") ?? {};
  assert.deepEqual([bonk.buy_volume_token, bonk.open, bonk.traders], ["123456789012345678.12345", "0.00000036", 2]);
});
