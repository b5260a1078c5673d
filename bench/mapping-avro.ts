/** Mapping and decoding of Avro records, against JSON.parse of the same swaps as JSON. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import avsc from "avsc";
import { report } from "./report.ts";
import { measureTrades, TRADE_MAPPING } from "./support/mapped-records.ts";

const GOAL = 2;
const SCHEMA = {
  type: "record",
  name: "Trade",
  fields: [
    { name: "chain_id", type: "int" },
    { name: "block_number", type: "long" },
    { name: "tx_hash", type: "string" },
    { name: "log_index", type: "int" },
    { name: "token", type: "string" },
    { name: "symbol", type: ["null", "string"] },
    { name: "pool", type: ["null", "string"] },
    { name: "wallet", type: "string" },
    { name: "side", type: { type: "enum", name: "Side", symbols: ["BUY", "SELL"] } },
    { name: "amount", type: { type: "bytes", logicalType: "decimal", precision: 38, scale: 18 } },
    { name: "usd", type: { type: "bytes", logicalType: "decimal", precision: 18, scale: 6 } },
    { name: "time", type: { type: "long", logicalType: "timestamp-millis" } },
  ],
} satisfies avsc.Schema;

/** Two's complement of a decimal in units of 10^-scale. */
function unscaled(text: string, scale: number): Buffer {
  const [whole = "0", fraction = ""] = text.split(".");
  const digits = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0")).toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, "hex");
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
try {
  writeFileSync(join(folder, "trade.avsc"), JSON.stringify(SCHEMA));
  const type = avsc.Type.forSchema(SCHEMA);
  const { mapNs, parseNs, bytes, jsonBytes } = measureTrades(
    `format: avro\nschema: trade.avsc${TRADE_MAPPING}`,
    folder,
    (trade) => type.toBuffer({ ...trade, amount: unscaled(trade.amount, 18), usd: unscaled(trade.usd, 6) }),
  );
  const ratio = mapNs / parseNs;
  report({
    what: "mapping and decoding of Avro, against JSON.parse of the same swaps as JSON",
    goal: `at most ${GOAL} times its time`,
    figure: `${ratio.toFixed(2)} times (${mapNs.toFixed(0)} ns against ${parseNs.toFixed(0)} ns)`,
    met: ratio <= GOAL,
    note: `The records have 12 fields in ${bytes.toFixed(0)} bytes, as JSON ${jsonBytes.toFixed(0)} bytes. Both amounts are Avro decimals.`,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
