/** Mapping and decoding of Protobuf records, against JSON.parse of the same swaps as JSON. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobufjs from "protobufjs";
import { report } from "./report.ts";
import { measureTrades, TRADE_MAPPING } from "./support/mapped-records.ts";

const GOAL = 2;
const SCHEMA = `
syntax = "proto3";
enum Side { NONE = 0; BUY = 1; SELL = 2; }
message Trade {
  uint32 chain_id = 1;
  uint64 block_number = 2;
  string tx_hash = 3;
  uint32 log_index = 4;
  string token = 5;
  string symbol = 6;
  string pool = 7;
  string wallet = 8;
  Side side = 9;
  string amount = 10;
  string usd = 11;
  int64 time = 12;
}
`;

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
try {
  writeFileSync(join(folder, "trade.proto"), SCHEMA);
  const type = protobufjs.parse(SCHEMA, { keepCase: true }).root.lookupType("Trade");
  const { mapNs, parseNs, bytes, jsonBytes } = measureTrades(
    `format: protobuf\nschema: trade.proto${TRADE_MAPPING}`,
    folder,
    (trade) => type.encode(type.fromObject(trade)).finish(),
  );
  const ratio = mapNs / parseNs;
  report({
    what: "mapping and decoding of Protobuf, against JSON.parse of the same swaps as JSON",
    goal: `at most ${GOAL} times its time`,
    figure: `${ratio.toFixed(2)} times (${mapNs.toFixed(0)} ns against ${parseNs.toFixed(0)} ns)`,
    met: ratio <= GOAL,
    note: `The records have 12 fields in ${bytes.toFixed(0)} bytes, as JSON ${jsonBytes.toFixed(0)} bytes. Both amounts are strings.`,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
