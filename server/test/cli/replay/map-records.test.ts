import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { tempDir } from "../../support/tmp.ts";
import { EVENT_TIME_MS, event, type Figures, overviewOf, replay, writerInto } from "./replay-files.ts";

const MAPPINGS = join(import.meta.dirname, "../../../../docs/mappings");

async function dayOf(
  name: string,
  sample: string,
): Promise<{ tokens: Map<string, Figures>; counters: Figures; err: string }> {
  const folder = join(MAPPINGS, name);
  const args = ["--map", join(folder, "mapping.yaml"), "--window", "24h"];
  const { items, counters, err } = await overviewOf(join(folder, sample), ...args);
  return { tokens: new Map(items.map(({ id, windows }) => [id, windows["24h"] as Figures])), counters, err };
}

test("each row of an export of Dune gives two swaps, and a chain that the mapping does not list is reported", async () => {
  const { tokens, counters, err } = await dayOf("dune-trades", "sample.csv");
  assert.deepEqual([counters.applied, counters.dead_letters], [4, { bad_chain_id: 2 }]);
  const weth = tokens.get("1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2") ?? {};
  assert.deepEqual(
    [weth.buys, weth.sells, weth.volume_usd, weth.volume_token, weth.traders],
    [1, 1, "4575.62", "2.5", 2],
  );
  assert.deepEqual([weth.open, weth.first_trade_time], ["1830.08", Date.UTC(2023, 7, 8, 0, 0, 11)]);
  assert.match(err, /row 4: bad_chain_id: swaps\[0\]\.chain_id from `blockchain` is "gnosis"/);
});

test("trades of Binance need no header, and keep times to the millisecond", async () => {
  const { tokens, counters } = await dayOf("binance-trades", "sample.csv");
  assert.deepEqual([counters.applied, counters.dead_letters], [3, {}]);
  const { buys, sells, volume_usd, high, close, first_trade_time, last_trade_time } = tokens.get("0:BTC") ?? {};
  assert.deepEqual([buys, sells, volume_usd, high, close], [1, 2, "15369.9345", "61235", "61234"]);
  assert.deepEqual([first_trade_time, last_trade_time], [1_754_611_200_000, 1_754_611_260_999]);
});

test("trades of Solana are read from nested JSON, ordered by transaction within a block, with exact numbers", async () => {
  const { tokens, counters } = await dayOf("solana-trades", "sample.json");
  assert.deepEqual([counters.applied, counters.dead_letters], [2, {}]);
  const bonk = tokens.get("900:DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263") ?? {};
  assert.deepEqual([bonk.buy_volume_token, bonk.open, bonk.traders], ["123456789012345678.12345", "0.00000036", 2]);
});

const FIELDS = "chain_id: 1, tx_hash: h, log_index: 0, token: { value: T }, amount: a, usd: u, ts: t";

describe("a mapping in replay", () => {
  test("records are unfolded by `each`, swaps are skipped by `when` and counted, and @row tells records apart", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write(
      "m.yaml",
      `
each: $.trades[*]
when: ok != false
swaps:
  - { chain_id: 1, tx_hash: { value: same }, log_index: "@row", token: coin, side: { value: buy }, amount: a, usd: $.usd, ts: $.at }
  - { when: b exists, chain_id: 1, tx_hash: { value: same }, log_index: "@row", token: { value: B }, side: { value: sell }, amount: b, usd: $.usd, ts: $.at }`,
    );
    const record = (usd: string, ...trades: unknown[]): string => JSON.stringify({ usd, at: EVENT_TIME_MS, trades });
    const lines = [
      record("10", { coin: "A", a: 1, b: 2 }, { coin: "A2", a: 1, ok: false }),
      record("20", { coin: "A", a: 1 }),
      record("40"),
    ];
    for (const file of [
      write("a.ndjson", lines.join("\n")),
      write("a.json.gz", gzipSync(`[${lines.join(",\n")}]`)),
      write("b.json", lines.map((line) => JSON.stringify(JSON.parse(line), null, 2)).join("\n")),
    ]) {
      const { counters, items, err } = await overviewOf(file, "--map", map);
      assert.deepEqual([counters.applied, counters.dead_letters], [3, {}], file);
      const volumes = items.map(({ id, windows }) => [id, windows["24h"]?.volume_usd]);
      assert.deepEqual(volumes.sort(), [
        ["1:A", "30"],
        ["1:B", "10"],
      ]);
      // Both swaps of the element that failed, and the second one of an element without b.
      assert.match(err, /3 swaps were skipped, because `when` of the mapping did not hold/);
    }
    const none = write("n.ndjson", record("1", { coin: "A", a: 1, ok: false }));
    const { code, err } = await replay(none, "--map", map);
    assert.equal(code, 1);
    assert.match(err, /2 swaps were skipped.*\n.*nothing was applied/s);
  });

  test("a dead letter has the record as it is in the file, its row, and the place in the mapping", async (t) => {
    const folder = tempDir(t);
    const write = writerInto(folder);
    const letters = join(folder, "letters.ndjson");
    const map = write("m.yaml", `swaps: [{ ${FIELDS}, side: { path: kind, values: { B: buy } } }]`);
    const good = { h: "0x1", kind: "B", a: 1, u: 2, t: EVENT_TIME_MS };
    const records = [
      good,
      { ...good, h: "0x2", kind: "X", more: [1] },
      { h: "0x3", kind: "B", u: 2, t: EVENT_TIME_MS },
    ];
    const cases = [
      { file: write("a.ndjson", `${records.map((line) => JSON.stringify(line)).join("\n")}\nnonsense\n`), first: 1 },
      {
        file: write(
          "a.csv",
          `h,kind,a,u,t\n0x1,B,1,2,${EVENT_TIME_MS}\n0x2,X,1,2,${EVENT_TIME_MS}\n0x3,B,,2,${EVENT_TIME_MS}\n`,
        ),
        first: 2,
      },
    ];
    for (const { file, first } of cases) {
      const { counters, err } = await overviewOf(file, "--map", map, "--dead-letters", letters, "--order", "time");
      assert.equal(counters.applied, 1);
      const text = readFileSync(file, "utf8").split("\n");
      const kept = readFileSync(letters, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      const [side, amount] = kept;
      assert.deepEqual(
        [side.file, side.row, side.code, side.field, side.value],
        [file, first + 1, "bad_side", "side", "X"],
      );
      assert.equal(side.raw, text[first]);
      assert.match(side.message, /^swaps\[0\]\.side from `kind` is "X"; side must be/);
      assert.deepEqual([amount.row, amount.code, amount.raw], [first + 2, "missing_field", text[first + 1]]);
      assert.match(amount.message, /swaps\[0\]\.amount from `a` is absent/);
      assert.match(err, /row \d: bad_side: swaps\[0\]\.side from `kind` is "X"/);
      if (kept.length > 2) assert.deepEqual([kept[2].code, kept[2].raw], ["malformed_json", "nonsense"]);
    }
  });

  test("a file of swap events is passed on as it is, and so is one whose first line is bad", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", `swaps: [{ ${FIELDS}, side: { value: buy } }]`);
    for (const text of [event("0x1"), `nonsense\n${event("0x1")}`]) {
      assert.equal((await overviewOf(write("a.ndjson", text), "--map", map)).counters.applied, 1);
    }
  });

  test("tables have no header, null markers, and decimals with commas and signs between thousands", async (t) => {
    const write = writerInto(tempDir(t));
    const table = (more: string): string =>
      write("m.yaml", `columns: [h, side, a, u, who, t]\n${more}\nswaps: [{ ${FIELDS}, side: side, who: who }]`);
    const volumeOf = async (map: string, rows: string[]): Promise<unknown> => {
      const { items, counters, err } = await overviewOf(write("t.csv", rows.join("\n")), "--map", map);
      assert.deepEqual(counters.dead_letters, {}, err);
      const { volume_usd, volume_token, traders } = items[0]?.windows["24h"] ?? {};
      return [volume_usd, volume_token, traders];
    };
    const comma = [`0x1;buy;1,5;1.234,56;\\N;${EVENT_TIME_MS}`, `0x2;buy;2;10;NULL;${EVENT_TIME_MS}`];
    assert.deepEqual(await volumeOf(table('delimiter: ";"\ndecimal: ","'), comma), ["1244.56", "3.5", 0]);
    const thousands = [`0x1|buy|1,000.5|1,234,567.25|None|${EVENT_TIME_MS}`, `0x2|buy|2|10|w|${EVENT_TIME_MS}`];
    assert.deepEqual(await volumeOf(table('delimiter: "|"\nthousands: ","'), thousands), ["1234577.25", "1002.5", 1]);
    const named = [`0x1;buy;1;2;-;${EVENT_TIME_MS}`, `0x2;buy;2;10;None;${EVENT_TIME_MS}`];
    assert.deepEqual(await volumeOf(table('delimiter: ";"\nnulls: ["-"]'), named), ["12", "3", 1]);
  });

  test("rows of a table are told apart by @row", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write(
      "m.yaml",
      `swaps: [{ ${FIELDS.replace("log_index: 0", "log_index: '@row'")}, side: { value: buy } }]`,
    );
    const same = `0x1,1,2,${EVENT_TIME_MS}`;
    const { counters } = await overviewOf(write("t.csv", `h,a,u,t\n${same}\n${same}\n${same}\n`), "--map", map);
    assert.deepEqual([counters.applied, counters.duplicates], [3, 0]);
  });

  test("values of Parquet stay exact under operators", async (t) => {
    const write = writerInto(tempDir(t));
    const file = join(import.meta.dirname, "../../fixtures/replay/swaps-zstd.parquet");
    const map = write(
      "m.yaml",
      "swaps: [{ chain_id: chain_id, tx_hash: tx_hash, log_index: '@row', token: token, side: side, amount: { multiply: [amount_token, 10], scale: 1 }, usd: { add: [amount_usd, 0] }, ts: event_time }]",
    );
    const plain = await overviewOf(file, "--window", "1h");
    const mapped = await overviewOf(file, "--map", map, "--window", "1h");
    const figures = (overview: typeof plain): unknown =>
      overview.items.map(({ id, windows }) => [id, windows["1h"]?.volume_token, windows["1h"]?.volume_usd]);
    assert.equal(mapped.counters.applied, plain.counters.applied);
    assert.deepEqual(figures(mapped), figures(plain));
  });
});
