/** Mapping and decoding of JSON records in the shapes of other producers, against JSON.parse of the same bytes. */
import { parseMapping } from "../server/src/mapping/reading/read-mapping.ts";
import { openMapper } from "../server/src/mapping/record-mapper.ts";
import { report } from "./report.ts";
import { measureMapped, RECORDS } from "./support/mapped-records.ts";
import { Workload } from "./support/workload.ts";

const GOAL = 2;

type Swap = Readonly<Record<string, string | number>>;
type Shape = {
  readonly what: string;
  readonly mapping: string;
  readonly swapsPerRecord: number;
  write(swaps: readonly Swap[]): unknown;
};

const trade = (swap: Swap, isText: boolean): object => {
  const amount = Number(swap.amount_token).toPrecision(12);
  const price = (Number(swap.amount_usd) / Number(amount)).toPrecision(10);
  return {
    token: swap.token,
    wallet: swap.who,
    sell_buy: swap.side,
    native_amount: isText ? "0.4187362" : 0.4187362,
    token_amount: isText ? plain(amount) : Number(amount),
    price_usd: isText ? plain(price) : Number(price),
    trans_time: swap.event_time,
    tx_hash: swap.tx_hash,
  };
};

/** Without an exponent. */
const plain = (text: string): string => (text.includes("e") ? Number(text).toFixed(18) : text);

const TRADE = `
    chain_id: 1
    token: token
    who: wallet
    side: sell_buy
    amount_token: token_amount
    amount_usd: { multiply: [token_amount, price_usd] }
    event_time: trans_time
    tx_hash: tx_hash
    log_index: { value: 0 }
`;

const SHAPES: readonly Shape[] = [
  {
    what: "renamed members",
    mapping: `
swaps:
  - { chain_id: 1, event_id: id, who: who, token: token, amount_token: amount, amount_usd: usd, side: side, event_time: ts, tx_hash: tx_hash, log_index: log_index }
`,
    swapsPerRecord: 1,
    write: ([swap = {}]) => ({
      id: `${swap.tx_hash}-${swap.log_index}`,
      who: swap.who,
      token: swap.token,
      amount: swap.amount_token,
      usd: swap.amount_usd,
      side: swap.side,
      ts: swap.event_time,
      tx_hash: swap.tx_hash,
      log_index: swap.log_index,
    }),
  },
  {
    what: "amounts as texts, usd by multiply",
    mapping: `swaps:\n  -${TRADE.slice(4)}`,
    swapsPerRecord: 1,
    write: ([swap = {}]) => trade(swap, true),
  },
  {
    what: "amounts as numbers, usd by multiply",
    mapping: `swaps:\n  -${TRADE.slice(4)}`,
    swapsPerRecord: 1,
    write: ([swap = {}]) => trade(swap, false),
  },
  {
    what: "names in another case, usd by multiply",
    mapping: `ignore_case: true\nswaps:\n  -${TRADE.slice(4)}`,
    swapsPerRecord: 1,
    write: ([swap = {}]) =>
      Object.fromEntries(Object.entries(trade(swap, true)).map(([name, value]) => [name.toUpperCase(), value])),
  },
  {
    what: "nested, integers in base units",
    mapping: `
when: success == true
swaps:
  - chain_id: block.chain.id
    block_number: block.number
    event_time: { path: block.time, time: seconds }
    tx_hash: tx.hash
    log_index: log.index
    token: trade.token.address
    token_symbol: trade.token.symbol
    who: trade.maker
    side: { path: trade.type, values: { B: buy, S: sell } }
    amount_token: { path: trade.raw, scale: trade.token.decimals }
    amount_usd: trade.usd
`,
    swapsPerRecord: 1,
    write: ([swap = {}]) => ({
      success: true,
      block: {
        number: swap.block_number,
        time: Math.floor(Number(swap.event_time) / 1000),
        chain: { id: swap.chain_id },
      },
      tx: { hash: swap.tx_hash, index: 7, gas: "21000" },
      log: { index: swap.log_index },
      trade: {
        maker: swap.who,
        token: { address: swap.token, symbol: "PEPE", decimals: 18 },
        type: swap.side === "buy" ? "B" : "S",
        raw: `${BigInt(Math.round(Number(swap.amount_token) * 1e6))}000000000000`,
        usd: swap.amount_usd,
      },
    }),
  },
  {
    what: "an array of 10 by each",
    mapping: `each: $.trades[*]\nswaps:\n  -${TRADE.slice(4)}`,
    swapsPerRecord: 10,
    write: (swaps) => ({ topic: "trades", trades: swaps.map((swap) => trade(swap, true)) }),
  },
];

function recordsOf({ swapsPerRecord, write }: Shape, swaps: readonly Swap[]): Buffer[] {
  return Array.from({ length: RECORDS }, (_, i) => {
    const first = (i * swapsPerRecord) % (swaps.length - swapsPerRecord + 1);
    return Buffer.from(JSON.stringify(write(swaps.slice(first, first + swapsPerRecord))));
  });
}

const { bytes, starts, ends } = new Workload().chunk(RECORDS);
const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
const swaps = Array.from(starts, (start, i): Swap => JSON.parse(text.toString("utf8", start, ends[i])));
for (const shape of SHAPES) {
  const records = recordsOf(shape, swaps);
  const mapper = openMapper(parseMapping(shape.mapping, "bench"));
  const { mapNs, parseNs, bytes: size } = measureMapped(mapper, records, records, shape.swapsPerRecord);
  const ratio = mapNs / parseNs;
  report({
    what: `mapping and decoding of JSON, ${shape.what}, against JSON.parse of the same bytes`,
    goal: `at most ${GOAL} times its time`,
    figure: `${ratio.toFixed(2)} times (${mapNs.toFixed(0)} ns against ${parseNs.toFixed(0)} ns)`,
    met: ratio <= GOAL,
    note: `The records have ${size.toFixed(0)} bytes and ${shape.swapsPerRecord === 1 ? "make one swap" : `${shape.swapsPerRecord} swaps`} each.`,
  });
}
