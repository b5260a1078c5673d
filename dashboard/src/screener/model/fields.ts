/**
 * Fields that the screener compares, sorts by and shows, with the words that people read. The names are those of the service; a test
 * compares them with its contract.
 */

/** How a value is read and written. `integer` and `text` belong to the token, all others to a window. */
export type FieldKind =
  | "count"
  | "usd"
  | "amount"
  | "price"
  | "percent"
  | "share"
  | "time"
  | "flag"
  | "integer"
  | "text";

export type Field = {
  readonly name: string;
  /** Name in lists and filters. */
  readonly label: string;
  /** Name in the head of a column, where space is short. */
  readonly short: string;
  readonly kind: FieldKind;
  /** True: it needs a window. */
  readonly isOfWindow: boolean;
  /** True: the table can show it. */
  readonly isColumn: boolean;
};

type Row = readonly [name: string, label: string, short: string, kind: FieldKind];

/** Counts and volumes, which the span before the window has as well. */
const SUMS: readonly Row[] = [
  ["volume_usd", "Volume", "Volume", "usd"],
  ["buy_volume_usd", "Buy volume", "Bought", "usd"],
  ["sell_volume_usd", "Sell volume", "Sold", "usd"],
  ["net_volume_usd", "Net volume", "Net volume", "usd"],
  ["trades", "Trades", "Trades", "count"],
  ["buys", "Buys", "Buys", "count"],
  ["sells", "Sells", "Sells", "count"],
  ["volume_token", "Volume in tokens", "Tokens", "amount"],
  ["buy_volume_token", "Buy volume in tokens", "Tokens bought", "amount"],
  ["sell_volume_token", "Sell volume in tokens", "Tokens sold", "amount"],
];

const OTHERS: readonly Row[] = [
  ["price_change_pct", "Price change", "Change", "percent"],
  ["close", "Price", "Price", "price"],
  ["open", "Opening price", "Open", "price"],
  ["high", "Highest price", "High", "price"],
  ["low", "Lowest price", "Low", "price"],
  ["vwap", "Average price by volume", "VWAP", "price"],
  ["price_change", "Price change in dollars", "Change $", "price"],
  ["avg_trade_usd", "Average trade", "Avg trade", "usd"],
  ["traders", "Traders", "Traders", "count"],
  ["buyers", "Buyers", "Buyers", "count"],
  ["sellers", "Sellers", "Sellers", "count"],
  ["first_trade_time", "First trade", "First trade", "time"],
  ["last_trade_time", "Last trade", "Last trade", "time"],
];

/** Compared, and never shown in a column of their own. */
const MARKS: readonly Row[] = [
  ["complete", "Seen completely", "Complete", "flag"],
  ["traders_estimated", "Traders estimated", "Estimated", "flag"],
  ["traders_error", "Error of the estimate", "Error", "share"],
];

const OF_TOKEN: readonly Row[] = [
  ["symbol", "Symbol", "Symbol", "text"],
  ["chain_id", "Chain", "Chain", "integer"],
  ["token", "Token address", "Token", "text"],
  ["first_seen", "First seen", "First seen", "time"],
  ["late", "Late swaps", "Late", "integer"],
  ["removed", "Removed swaps", "Removed", "integer"],
];

const fieldOf = ([name, label, short, kind]: Row, isOfWindow: boolean, isColumn: boolean): Field => ({
  ...{ name, label, short, kind, isOfWindow, isColumn },
});

/** Every field, in the order of lists. */
export const fields: readonly Field[] = [
  ...[...SUMS, ...OTHERS].map((row) => fieldOf(row, true, true)),
  ...SUMS.map(([name, label, short, kind]) =>
    fieldOf([`previous.${name}`, `${label}, previous`, `${short} prev.`, kind], true, true),
  ),
  ...SUMS.map(([name, label, short]) =>
    fieldOf([`change.${name}`, `${label} vs previous`, `Δ ${short}`, "percent"], true, true),
  ),
  ...MARKS.map((row) => fieldOf(row, true, false)),
  ...OF_TOKEN.map((row) => fieldOf(row, false, false)),
];

const byName: ReadonlyMap<string, Field> = new Map(fields.map((field) => [field.name, field]));

export const findField = (name: string): Field | undefined => byName.get(name);
