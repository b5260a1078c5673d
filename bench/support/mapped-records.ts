/**
 * Mapping and decoding of records, against JSON.parse of the same swaps as JSON, in the same run. Both sides start from bytes. Short rounds
 * alternate, and the fastest of each side counts, because other work on the machine only ever adds time.
 */
import { SwapDecoder } from "../../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";
import { MappedEvents, type RecordMapper } from "../../server/src/mapping/mapper.ts";
import { parseMapping } from "../../server/src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../server/src/mapping/record-mapper.ts";
import { Workload } from "./workload.ts";

export const RECORDS = 2000;
const RECORDS_PER_ROUND = 200;
const ROUNDS = 1500;

type Trade = {
  readonly chain_id: number;
  readonly block_number: number;
  readonly tx_hash: string;
  readonly log_index: number;
  readonly token: string;
  readonly symbol: string;
  readonly pool: string;
  readonly wallet: string;
  readonly side: "BUY" | "SELL";
  readonly amount: string;
  readonly usd: string;
  readonly time: number;
};

/** What every mapping of the trades says, behind its format and schema. */
export const TRADE_MAPPING = `
swaps:
  - chain_id: chain_id
    block_number: block_number
    tx_hash: tx_hash
    log_index: log_index
    token: token
    token_symbol: symbol
    pool: pool
    who: wallet
    side: { path: side, values: { BUY: buy, SELL: sell } }
    amount_token: amount
    amount_usd: usd
    event_time: time
`;

/** Nanoseconds and bytes a record. */
type Measured = {
  readonly mapNs: number;
  readonly parseNs: number;
  readonly bytes: number;
  readonly jsonBytes: number;
};

/** Measures trades in the format of a mapping. `folder` is where the path of its schema begins. */
export function measureTrades(mapping: string, folder: string, encode: (trade: Trade) => Uint8Array): Measured {
  const trades = someTrades();
  const json = trades.map((trade) => Buffer.from(JSON.stringify(trade)));
  return measureMapped(openMapper(parseMapping(mapping, "bench", folder)), trades.map(encode), json, 1);
}

/** Measures RECORDS records, and JSON.parse of as many texts. Each record makes `swapsPerRecord` swaps. */
export function measureMapped(
  mapper: RecordMapper,
  records: readonly Uint8Array[],
  json: readonly Uint8Array[],
  swapsPerRecord: number,
): Measured {
  const mapped = concatenated(records);
  const parsed = concatenated(json);
  const events = new MappedEvents();
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  let decoded = 0;
  let objects = 0;
  let mapNs = Number.POSITIVE_INFINITY;
  let parseNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const from = (round * RECORDS_PER_ROUND) % RECORDS;
    const t0 = process.hrtime.bigint();
    for (let i = from; i < from + RECORDS_PER_ROUND; i++) {
      mapper.map(mapped.ranges[i]!, events);
      let start = 0;
      for (let swap = 0; swap < events.count; swap++) {
        const end = events.ends[swap]!;
        if (decoder.decode(events.bytes, start, end, event) === undefined) decoded++;
        start = end;
      }
    }
    const t1 = process.hrtime.bigint();
    for (let i = from; i < from + RECORDS_PER_ROUND; i++) {
      const { start, end } = parsed.ranges[i]!;
      if (JSON.parse(parsed.bytes.toString("utf8", start, end)) !== null) objects++;
    }
    const t2 = process.hrtime.bigint();
    mapNs = Math.min(mapNs, Number(t1 - t0) / RECORDS_PER_ROUND);
    parseNs = Math.min(parseNs, Number(t2 - t1) / RECORDS_PER_ROUND);
  }
  const refused = objects * swapsPerRecord - decoded;
  if (refused !== 0 || objects === 0) throw new Error(`${refused} swaps of the benchmark were refused`);
  return { mapNs, parseNs, bytes: mapped.bytes.length / RECORDS, jsonBytes: parsed.bytes.length / RECORDS };
}

function someTrades(): Trade[] {
  const { bytes, starts, ends } = new Workload().chunk(RECORDS);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from(starts, (start, i) => {
    const swap = JSON.parse(text.toString("utf8", start, ends[i])) as Record<string, string & number>;
    return {
      chain_id: swap.chain_id!,
      block_number: swap.block_number ?? 0,
      tx_hash: swap.tx_hash!,
      log_index: swap.log_index!,
      token: swap.token!,
      symbol: swap.token_symbol ?? "",
      pool: swap.pool ?? "",
      wallet: swap.who ?? "",
      side: swap.side === "buy" ? "BUY" : "SELL",
      amount: swap.amount_token!,
      usd: swap.amount_usd!,
      time: swap.event_time!,
    };
  });
}

type Range = { readonly bytes: Buffer; readonly start: number; readonly end: number };

function concatenated(records: readonly Uint8Array[]): { readonly bytes: Buffer; readonly ranges: readonly Range[] } {
  const bytes = Buffer.concat(records);
  let at = 0;
  const ranges = records.map(({ length }) => {
    const start = at;
    at += length;
    return { bytes, start, end: at };
  });
  return { bytes, ranges };
}
