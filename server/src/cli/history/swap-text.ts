/** Settled swaps as texts: lines of NDJSON and CSV, with the fields of a swap event. Every command that reads swaps reads them. */
import type { SettledRow } from "../../ports/history-store.ts";

const UNIT_PLACES = 18;
const MICRO_PLACES = 6;

/** A value of a field. Decimals are texts, so that they stay exact. */
type Value = string | number | undefined;

/**
 * Fields of an exported swap, in their order. All but `price` are those of a swap event; `price` is the price by which the swap counted, given
 * or derived, and readers of events pass over it.
 */
const FIELDS: Readonly<Record<string, (row: SettledRow) => Value>> = {
  chain_id: ({ chainId }) => chainId,
  token: ({ token }) => token,
  token_symbol: ({ symbol }) => symbol,
  pool: ({ pool }) => pool,
  who: ({ who }) => who,
  side: ({ isBuy }) => (isBuy ? "buy" : "sell"),
  amount_token: ({ amountUnits }) => decimalText(String(amountUnits), UNIT_PLACES),
  amount_usd: ({ usdMicro }) => decimalText(String(usdMicro), MICRO_PLACES),
  price_usd: ({ givenPrice }) => givenPrice,
  event_time: ({ eventTimeMs }) => eventTimeMs,
  tx_hash: ({ txHash }) => txHash,
  log_index: ({ logIndex }) => logIndex,
  tx_index: ({ txIndex }) => txIndex,
  event_id: ({ eventId }) => eventId,
  block_number: ({ blockNumber }) => blockNumber,
  block_hash: ({ blockHash }) => blockHash,
  revision: ({ revision }) => revision,
  price: ({ price }) => price,
};
const NAMES = Object.keys(FIELDS);

/** Returns a line of JSON with its line feed. Absent fields are left out. */
export function jsonLine(row: SettledRow): string {
  const members: Record<string, Value> = {};
  for (const name of NAMES) members[name] = FIELDS[name]?.(row);
  return `${JSON.stringify(members)}\n`;
}

export const CSV_HEADER = `${NAMES.join(",")}\n`;

/** Returns a line of CSV with its line feed. Absent fields are empty. */
export function csvLine(row: SettledRow): string {
  return `${NAMES.map((name) => cell(FIELDS[name]?.(row))).join(",")}\n`;
}

function cell(value: Value): string {
  if (value === undefined) return "";
  const text = String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Puts the point before the last `places` digits, and removes zeros at the end. */
function decimalText(digits: string, places: number): string {
  const text = digits.padStart(places + 1, "0");
  const fraction = text.slice(-places).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -places) : `${text.slice(0, -places)}.${fraction}`;
}
