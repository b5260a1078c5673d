/** Swaps in the form of a producer of its own: several in a record, under other names, in other units. And the mapping that reads them. */
import assert from "node:assert/strict";
import { MappedEvents, type RecordMapper } from "../../src/mapping/mapper.ts";
import { parseMapping } from "../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../src/mapping/record-mapper.ts";
import { decodeLine } from "../model/model-decoder.ts";

export const PRODUCER_MAPPING = `
each: $.fills[*]
when: kind != ping
swaps:
  - chain_id: net
    schema_version: $.version
    tx_hash: hash
    log_index: n
    tx_index: txn
    token: coin
    token_symbol: { column: sym }
    pool: lp
    who: by
    side: { column: way, values: { B: buy, S: sell } }
    amount_token: { column: qty, scale: 18 }
    amount_usd: worth
    price_usd: px
    event_time: { column: at, time: us }
    block_number: bn
    block_hash: bh
    removed: { column: act, values: { add: false, drop: true } }
`;

type Swap = Readonly<Record<string, string | number | boolean>>;

const UNITS = 18;
const mapper: RecordMapper = openMapper(parseMapping(PRODUCER_MAPPING, "producer"));
const events = new MappedEvents();

/** Returns the record of these canonical events, with a fill that is no swap. */
export function producerRecord(lines: readonly string[]): string {
  const swaps = lines.map((line) => JSON.parse(line) as Swap);
  const fills = swaps.map((swap) => ({
    ...{ at: (swap.event_time as number) * 1000, bn: swap.block_number, bh: swap.block_hash, hash: swap.tx_hash },
    ...{ n: swap.log_index, txn: swap.tx_index, coin: swap.token, sym: swap.token_symbol, lp: swap.pool, by: swap.who },
    ...{ way: swap.side === "buy" ? "B" : "S", qty: baseUnits(swap.amount_token as string), worth: swap.amount_usd },
    ...{ net: swap.chain_id, px: swap.price_usd, act: swap.removed === true ? "drop" : "add" },
  }));
  return JSON.stringify({ version: 1, fills: [...fills, { kind: "ping" }] });
}

/** Returns the texts of the events that the mapping makes of a record. */
function mappedEvents(record: string): string[] {
  const bytes = Buffer.from(record);
  assert.equal(mapper.map({ bytes, start: 0, end: bytes.length }, events), undefined);
  const made = Buffer.from(events.bytes);
  return Array.from({ length: events.count }, (_, i) =>
    made.toString("utf8", i === 0 ? 0 : events.ends[i - 1], events.ends[i]),
  );
}

/** Returns the text of the event that the mapping makes of one canonical event, and asserts that it means the same. */
export function mappedEvent(line: string): string {
  const [text = "", ...others] = mappedEvents(producerRecord([line]));
  assert.deepEqual(others, []);
  assert.deepEqual(decodeLine(text), decodeLine(line));
  return text;
}

function baseUnits(amount: string): string {
  const [whole = "", fraction = ""] = amount.split(".");
  return BigInt(whole + fraction.padEnd(UNITS, "0")).toString();
}
