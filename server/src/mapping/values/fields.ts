/** The JSON of the fields of a swap event. A value that does not fit its field is passed on as text, and the decoder refuses it. */
import { HEX_DIGITS_MAX } from "../limits.ts";

export type FieldKind = "text" | "decimal" | "integer" | "boolean" | "time";

/** Fields of an event, with the kind of value that the decoder expects. */
export const FIELDS: Readonly<Record<string, FieldKind>> = {
  chain_id: "integer",
  tx_hash: "text",
  log_index: "integer",
  tx_index: "integer",
  transaction_index: "integer",
  event_id: "text",
  token: "text",
  token_address: "text",
  token_symbol: "text",
  pool: "text",
  pool_address: "text",
  who: "text",
  wallet: "text",
  trader: "text",
  maker: "text",
  side: "text",
  amount_token: "decimal",
  amount: "decimal",
  amount_usd: "decimal",
  usd: "decimal",
  price_usd: "decimal",
  event_time: "time",
  ts: "time",
  block_number: "integer",
  block_hash: "text",
  removed: "boolean",
  revision: "integer",
  schema_version: "integer",
};

const PLAIN_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const INTEGER = /^[0-9]{1,20}(?:\.0+)?$/;
const MILLISECONDS = /^[0-9]{1,15}(?:\.0+)?$/;
const HEX = new RegExp(`^0[xX][0-9a-fA-F]{1,${HEX_DIGITS_MAX}}$`);

/** Returns the JSON of the value of the field with this name, which is one of FIELDS. Empty if the value is absent. */
export function writeField(name: string, text: string | undefined): string {
  if (text === undefined || text === "") return "";
  switch (FIELDS[name]) {
    case "integer":
      return INTEGER.test(text) ? integerOf(text) : HEX.test(text) ? BigInt(text).toString() : JSON.stringify(text);
    case "decimal":
      return PLAIN_NUMBER.test(text) ? text : HEX.test(text) ? BigInt(text).toString() : JSON.stringify(text);
    case "boolean":
      return booleanOf(text) ?? JSON.stringify(text);
    case "time":
      return MILLISECONDS.test(text) ? integerOf(text) : JSON.stringify(text);
    default:
      return JSON.stringify(text);
  }
}

/** Removes leading zeros, which tables have and JSON forbids, and a fraction of zeros. */
function integerOf(text: string): string {
  const point = text.indexOf(".");
  return (point === -1 ? text : text.slice(0, point)).replace(/^0+(?=[0-9])/, "");
}

function booleanOf(text: string): string | undefined {
  const lower = text.toLowerCase();
  if (["true", "t", "1", "yes"].includes(lower)) return "true";
  return ["false", "f", "0", "no"].includes(lower) ? "false" : undefined;
}
