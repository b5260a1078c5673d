/** The figures of a token's windows beside each other, each with the same figure of the span before. */
import type { ChannelFigures } from "@swapstats/client";
import { signOf } from "../format/decimal.ts";
import { differenceOf, percentChange, shareOf } from "./exact.ts";

type FigureKind = "price" | "usd" | "amount" | "count" | "percent" | "net";
export type FigureName = Exclude<keyof ChannelFigures, "previous" | "complete" | "traders_estimated">;
export type FigureRow = { readonly name: FigureName; readonly label: string; readonly kind: FigureKind };
type FigureGroup = { readonly title: string; readonly rows: readonly FigureRow[] };

/** In the order of the table. */
export const FIGURE_GROUPS: readonly FigureGroup[] = [
  {
    title: "Price",
    rows: [
      { name: "price_change_pct", label: "Change", kind: "percent" },
      { name: "open", label: "Open", kind: "price" },
      { name: "high", label: "High", kind: "price" },
      { name: "low", label: "Low", kind: "price" },
      { name: "close", label: "Close", kind: "price" },
      { name: "vwap", label: "VWAP", kind: "price" },
    ],
  },
  {
    title: "Volume",
    rows: [
      { name: "volume_usd", label: "Volume", kind: "usd" },
      { name: "buy_volume_usd", label: "Bought", kind: "usd" },
      { name: "sell_volume_usd", label: "Sold", kind: "usd" },
      { name: "net_volume_usd", label: "Net", kind: "net" },
      { name: "volume_token", label: "Tokens", kind: "amount" },
      { name: "avg_trade_usd", label: "Average trade", kind: "usd" },
    ],
  },
  {
    title: "Activity",
    rows: [
      { name: "trades", label: "Trades", kind: "count" },
      { name: "buys", label: "Buys", kind: "count" },
      { name: "sells", label: "Sells", kind: "count" },
      { name: "traders", label: "Traders", kind: "count" },
      { name: "buyers", label: "Buyers", kind: "count" },
      { name: "sellers", label: "Sellers", kind: "count" },
    ],
  },
];

/** A figure as text, exact. Members are absent where the service has no value. */
type Comparison = {
  readonly value?: string;
  readonly previous?: string;
  /** `value - previous`. */
  readonly difference?: string;
  /** The difference in percent of `previous`. Absent: `previous` is zero. */
  readonly percent?: string;
};

/**
 * Compares a figure of a window with the same figure of the span before, where the service has one. `sawBefore`: whether the service
 * saw that whole span; otherwise its figures are too small, and nothing is compared.
 */
export function comparisonOf(figures: ChannelFigures, name: FigureName, sawBefore: boolean): Comparison {
  const value = textOf(figures[name]);
  const before = (figures.previous as Readonly<Record<string, string | number>> | undefined)?.[name];
  const previous = textOf(before);
  if (value === undefined) return {};
  if (previous === undefined || !sawBefore) return { value };
  const percent = percentChange(value, previous);
  const difference = differenceOf(value, previous);
  return { value, previous, difference, ...(percent === undefined ? {} : { percent }) };
}

/** The longest step of a window. Its edges may lie this much further back than its length. */
const STEP_MAX_MS = 300_000;

/**
 * Returns whether the service saw the whole span before a window: since `seenSinceMs`, or because a complete window reaches back over
 * both spans.
 */
export function sawBefore(
  windows: Readonly<Record<string, ChannelFigures>>,
  name: string,
  asOfMs: number,
  seenSinceMs: number | undefined,
): boolean {
  const spanMs = 2 * windowMsOf(name);
  if (seenSinceMs !== undefined && seenSinceMs <= asOfMs - spanMs - Math.min(STEP_MAX_MS, spanMs / 60)) return true;
  return Object.entries(windows).some(([other, { complete }]) => complete && windowMsOf(other) > spanMs);
}

/** Buys against sells of a window. Shares are from 0 to 1, for drawing; absent without trades, or without dollars. */
export type Flow = {
  readonly buys: number;
  readonly sells: number;
  readonly buyUsd: string;
  readonly sellUsd: string;
  readonly netUsd: string;
  readonly leaning: "buyers" | "sellers" | "even";
  readonly buyShare?: number;
};

export function flowOf(figures: ChannelFigures): Flow {
  const { buys = 0, sells = 0, buy_volume_usd = "0", sell_volume_usd = "0", volume_usd = "0" } = figures;
  const netUsd = figures.net_volume_usd ?? differenceOf(buy_volume_usd, sell_volume_usd);
  const sign = signOf(netUsd);
  const buyShare = shareOf(buy_volume_usd, volume_usd);
  return {
    buys,
    sells,
    buyUsd: buy_volume_usd,
    sellUsd: sell_volume_usd,
    netUsd,
    leaning: sign > 0 ? "buyers" : sign < 0 ? "sellers" : "even",
    ...(buyShare === undefined ? {} : { buyShare }),
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Returns the length of a window from its name, such as `90s` or `1h30m`. */
export function windowMsOf(name: string): number {
  let length = 0;
  for (const [, amount, unit] of name.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    length += Number(amount) * UNITS_MS[unit!]!;
  return length;
}

/** Window that is chosen when the address names none. */
const WINDOW_DEFAULT = "1h";

/** Returns the window that the address names, or the usual one, or the longest. */
export function windowOf(windows: Readonly<Record<string, unknown>>, wanted: string | null): string {
  const names = windowsInOrder(windows);
  return (
    [wanted, WINDOW_DEFAULT].find((name) => name !== null && names.includes(name)) ?? names.at(-1) ?? WINDOW_DEFAULT
  );
}

/** Returns the names of windows, the shortest first. */
export function windowsInOrder(windows: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(windows).sort((a, b) => windowMsOf(a) - windowMsOf(b));
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
