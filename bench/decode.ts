/**
 * Decoding against JSON.parse of the same bytes, in one process: `node bench/decode.ts [--records N] [--seed N]`.
 *
 * Records are of about 600 bytes and look like those of a DEX indexer: all fields of the event, and some that it does
 * not know. Both sides start from bytes, so JSON.parse is given the text that it has to make of them first.
 */
import { parseArgs } from "node:util";
import { SwapDecoder } from "../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../server/src/engine/swap-event.ts";

type Style = "compact" | "spaced" | "checksummed" | "sparse";

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "20000" },
    rounds: { type: "string", default: "15" },
    seed: { type: "string", default: "1" },
  },
});

/** Mulberry32: small, seeded, good enough for test data. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function recordOf(random: () => number, index: number, style: Style): string {
  const integer = (below: number) => Math.floor(random() * below);
  const hex = (digits: number, upper: boolean) => {
    let text = "0x";
    for (let i = 0; i < digits; i++) {
      const digit = integer(16).toString(16);
      text += upper && random() < 0.5 ? digit.toUpperCase() : digit;
    }
    return text;
  };
  const address = () => hex(40, style === "checksummed");
  const fraction = (digits: number) => String(integer(10 ** digits)).padStart(digits, "0");
  const record: Record<string, unknown> = {
    schema_version: 1,
    chain_id: random() < 0.7 ? 1 : 8453,
    block_number: 19_000_000 + (index >> 5),
    block_hash: hex(64, false),
    tx_hash: hex(64, false),
    log_index: integer(900),
    event_time: 1_767_225_600_000 + index * 3 + integer(30_000),
    dex: random() < 0.5 ? "uniswap_v3" : "sushiswap",
    pool: address(),
    token: address(),
    token_symbol: `TKN${integer(10_000)}`,
    who: address(),
    side: random() < 0.5 ? "buy" : "sell",
    amount_token: `${integer(100_000)}.${fraction(9)}${fraction(9)}`,
    amount_usd: `${integer(20_000)}.${fraction(6)}`,
    price_usd: `${integer(4000)}.${fraction(8)}`,
    fee_tier: 3000,
    gas: { used: 100_000 + integer(200_000), price_gwei: 12.5 },
  };
  if (style === "sparse") {
    if (random() < 0.3) delete record["price_usd"];
    if (random() < 0.3) delete record["token_symbol"];
    if (random() < 0.3) delete record["pool"];
  }
  const text = JSON.stringify(record);
  return style === "spaced" ? text.replace(/":/g, '": ').replace(/,"/g, ', "') : text;
}

function nsPerRecord(records: number, rounds: number, run: () => void): number {
  run();
  run();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.hrtime.bigint();
    run();
    best = Math.min(best, Number(process.hrtime.bigint() - before));
  }
  return best / records;
}

function measure(style: Style, records: number, rounds: number, seed: number): void {
  const random = randomOf(seed);
  const texts = Array.from({ length: records }, (_, index) => Buffer.from(recordOf(random, index, style)));
  const payload = Buffer.concat(texts);
  const ends = new Uint32Array(records);
  let end = 0;
  for (const [i, text] of texts.entries()) ends[i] = end += text.length;

  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  let rejected = 0;
  const decodeNs = nsPerRecord(records, rounds, () => {
    let start = 0;
    for (let i = 0; i < records; i++) {
      if (decoder.decode(payload, start, ends[i]!, event) !== undefined) rejected++;
      start = ends[i]!;
    }
  });
  let kept = 0;
  const parseNs = nsPerRecord(records, rounds, () => {
    let start = 0;
    for (let i = 0; i < records; i++) {
      kept += JSON.parse(payload.toString("utf8", start, ends[i]!)).log_index;
      start = ends[i]!;
    }
  });
  if (rejected > 0 || kept === 0) throw new Error("the records of the benchmark are not valid");
  console.log(
    `${style.padEnd(12)} ${(payload.length / records).toFixed(0).padStart(4)} bytes  ` +
      `decode ${decodeNs.toFixed(0).padStart(5)} ns  JSON.parse ${parseNs.toFixed(0).padStart(5)} ns  ` +
      `ratio ${(parseNs / decodeNs).toFixed(2)}`,
  );
}

const styles: Style[] = ["compact", "spaced", "checksummed", "sparse"];
for (const style of styles) measure(style, Number(values.records), Number(values.rounds), Number(values.seed));
