/** The names and options of channels for the calls of a client. */
import type {
  CandlesOptions,
  MarketOptions,
  OverviewOptions,
  ScreenerOptions,
  ScreenerQuery,
  SwapsOptions,
  TokenOptions,
} from "../types.ts";
import type { ChannelOptions } from "./subscription.ts";

export type ChannelCall = { readonly name: string; readonly options: ChannelOptions };

export const tokenCall = (id: string, options: TokenOptions = {}): ChannelCall => ({
  name: `token:${id}`,
  options: optionsOf(options),
});

export const overviewCall = ({ window, sort, ...options }: OverviewOptions): ChannelCall => ({
  name: `overview:${window}:${sort}`,
  options: optionsOf(options),
});

export const screenerCall = (query: ScreenerQuery, options: ScreenerOptions = {}): ChannelCall => ({
  name: "screener",
  options: { query: sorted(query), ...optionsOf(options) },
});

export const candlesCall = (id: string, interval: string, options: CandlesOptions = {}): ChannelCall => ({
  name: `candles:${id}:${interval}`,
  options: optionsOf(options),
});

export const swapsCall = (id: string, options: SwapsOptions = {}): ChannelCall => ({
  name: `swaps:${id}`,
  options: optionsOf(options),
});

export const marketCall = (options: MarketOptions = {}): ChannelCall => ({
  name: "market",
  options: optionsOf(options),
});

type AnyOptions = Omit<OverviewOptions, "window" | "sort">;

/** Returns the options as the wire names them, always in the same order, so that equal ones have equal texts. */
function optionsOf({ windows, fields, limit, order, spark, conflateMs, checksum }: AnyOptions): ChannelOptions {
  const lists = { windows: windows?.toSorted(), fields: fields?.toSorted() };
  const given = { ...lists, limit, order, spark: sorted(spark), conflate_ms: conflateMs, checksum };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Returns the value with the members of all objects in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]),
  );
}
