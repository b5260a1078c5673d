/** The table of tokens at the width of a terminal. Figures are shortened, then columns dropped, until the lines fit. */
import { groupDigits } from "../progress.ts";
import { type Column, displayWidth, safeText, shortId, tableLines } from "../table.ts";

const NAMES = [
  "symbol",
  "trades",
  "buys",
  "sells",
  "volume_usd",
  "traders",
  "open",
  "high",
  "low",
  "close",
  "change %",
  "token",
] as const;
type Name = (typeof NAMES)[number];

export type TokenCells = Readonly<Record<Name, string>>;

/** Forms of the table, from the widest to the narrowest. */
type Level = { readonly leftOut: readonly Name[]; readonly isExact: boolean; readonly hasFullIds: boolean };

const PRICES: readonly Name[] = ["open", "high", "low"];
const LEVELS: readonly Level[] = [
  { leftOut: [], isExact: true, hasFullIds: true },
  { leftOut: [], isExact: false, hasFullIds: true },
  { leftOut: PRICES, isExact: false, hasFullIds: true },
  { leftOut: [...PRICES, "buys", "sells"], isExact: false, hasFullIds: true },
  { leftOut: [], isExact: false, hasFullIds: false },
  { leftOut: PRICES, isExact: false, hasFullIds: false },
  { leftOut: [...PRICES, "buys", "sells"], isExact: false, hasFullIds: false },
  { leftOut: [...PRICES, "buys", "sells", "traders"], isExact: false, hasFullIds: false },
  { leftOut: [...PRICES, "buys", "sells", "traders", "token"], isExact: false, hasFullIds: false },
  { leftOut: [...PRICES, "buys", "sells", "traders", "token", "close"], isExact: false, hasFullIds: false },
  { leftOut: [...PRICES, "buys", "sells", "traders", "token", "close", "trades"], isExact: false, hasFullIds: false },
];
const SIGNIFICANT_DIGITS = 6;
const SHORT_ID_WIDTH = 16;
const SHORT_SYMBOL_WIDTH = 10;

/** Returns lines without line feeds, none wider than `width`. */
export function fittingTable(rows: readonly TokenCells[], width: number): string[] {
  let lines: string[] = [];
  for (const level of LEVELS) {
    const names = NAMES.filter((name) => !level.leftOut.includes(name));
    const columns = names.map((name): Column => ({ title: name, align: isText(name) ? "left" : "right" }));
    lines = tableLines(
      columns,
      rows.map((row) => names.map((name) => cellOf(row, name, level))),
    );
    if (width === Number.POSITIVE_INFINITY || lines.every((line) => displayWidth(line) <= width)) return lines;
  }
  return lines.map((line) => safeText(line, width));
}

function isText(name: Name): boolean {
  return name === "symbol" || name === "token";
}

function cellOf(row: TokenCells, name: Name, { isExact, hasFullIds }: Level): string {
  const text = row[name];
  if (name === "token") return hasFullIds ? text : shortId(text, SHORT_ID_WIDTH);
  if (isExact || text === "-") return text;
  switch (name) {
    case "symbol":
      return hasFullIds ? text : safeText(text, SHORT_SYMBOL_WIDTH);
    case "volume_usd":
      return groupDigits(cutDecimals(text, 2));
    case "change %":
      return cutDecimals(text, 2);
    case "open":
    case "high":
    case "low":
    case "close":
      return shortPrice(text);
    default:
      return text;
  }
}

/** Cuts a figure without rounding. JSON has the exact figures. */
function cutDecimals(text: string, digits: number): string {
  const point = text.indexOf(".");
  const cut = point === -1 ? text : text.slice(0, point + 1 + digits);
  return /^-[0.]+$/.test(cut) ? cut.slice(1) : cut;
}

/** Returns six significant digits. A price with many zeros after the point has the form 1.23456e-9. */
function shortPrice(text: string): string {
  const value = Number(text);
  if (value === 0 || text.length <= SIGNIFICANT_DIGITS + 2) return text;
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e9) return value.toExponential(SIGNIFICANT_DIGITS - 1).replace(/\.?0+e/, "e");
  return cutDecimals(text, Math.max(0, SIGNIFICANT_DIGITS - Math.ceil(Math.max(Math.log10(magnitude), -4) + 1e-9)));
}
