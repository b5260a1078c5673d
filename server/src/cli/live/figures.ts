/** Formats served figures as short texts for tables. */
import { type FigureKind, figures, isAskedFor, type StatsField } from "@swapstats/protocol/figures.ts";
import type { ChannelFigures } from "@swapstats/protocol/schemas/figures.ts";
import { groupDigits } from "../progress.ts";

/** Figures that have a cell in a table. The others are marks, or belong to another span. */
export type TabledFigure = Exclude<
  keyof ChannelFigures & StatsField,
  "complete" | "traders_estimated" | "traders_error" | "previous"
>;

/** Formats the figure by its kind. Returns `-` if it is absent. Estimated counts begin with `~`. */
export function shortFigure(stats: ChannelFigures, name: TabledFigure): string {
  const value = stats[name];
  const kind: FigureKind = figures[name].kind;
  if (value === undefined) return "-";
  switch (kind) {
    case "count":
      return `${isEstimated(stats, name) ? "~" : ""}${groupDigits(value as number)}`;
    case "usd":
    case "amount":
      return compactAmount(value as string);
    case "price":
      return compactPrice(value as string);
    case "percent":
      return signedPercent(value as string);
    default:
      return String(value);
  }
}

/** Returns the same, with all digits of amounts in groups. */
export function wideFigure(stats: ChannelFigures, name: TabledFigure): string {
  const value = stats[name];
  const kind: FigureKind = figures[name].kind;
  return value !== undefined && (kind === "usd" || kind === "amount") ? groupDigits(value) : shortFigure(stats, name);
}

/** Returns `name=value` with the exact value, for output that is not a terminal. `-` stands for an absent figure. */
export const exactFigure = (stats: ChannelFigures, name: TabledFigure): string => `${name}=${stats[name] ?? "-"}`;

const isEstimated = (stats: ChannelFigures, name: TabledFigure): boolean =>
  stats.traders_estimated === true && isAskedFor("traders_estimated", new Set([name]));

/** `167610361.891595` becomes `167.6M`, `-950.5` becomes `-950.50`, undefined becomes `-`. */
export function compactAmount(text: string | undefined): string {
  if (text === undefined) return "-";
  const value = Number(text);
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2);
  for (const [unit, suffix] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    if (size >= unit) {
      const scaled = suffix === "k" ? value / 1e3 : value / unit;
      return `${scaled.toFixed(Math.abs(scaled) >= 100 ? 1 : 2)}${suffix}`;
    }
  }
  return size === 0 ? "0" : size >= 0.005 ? value.toFixed(2) : value.toPrecision(2);
}

/** Six significant digits: `1855.35`, `0.00000117705`, `1.177e-12`. */
export function compactPrice(text: string | undefined): string {
  if (text === undefined) return "-";
  const value = Number(text);
  const size = Math.abs(value);
  if (size >= 1e9 || (size < 1e-7 && size > 0)) return value.toExponential(3);
  if (size >= 1e5) return value.toFixed(0);
  if (size >= 1) return value.toFixed(Math.max(0, 5 - Math.floor(Math.log10(size))));
  if (size === 0) return "0";
  return value.toFixed(5 - Math.floor(Math.log10(size)));
}

/** `+1.50%`, `-0.10%`. */
export function signedPercent(text: string | undefined): string {
  if (text === undefined) return "-";
  const value = Number(text);
  if (Math.abs(value) >= 10_000) return `${value > 0 ? "+" : ""}${value.toExponential(1)}%`;
  return `${value > 0 ? "+" : ""}${value.toFixed(2)}%`;
}

/** Formats a span: `250 ms`, `3.2 s`, `2m 05s`, `3h 20m`. */
export function formatSpan(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** Draws one bar a value, between the least and the greatest. Equal values give a flat line in the middle. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const least = Math.min(...shown);
  const span = Math.max(...shown) - least;
  const bars = shown.map((value) => BARS[span === 0 ? 3 : Math.min(7, Math.floor(((value - least) / span) * 8))]);
  return bars.join("").padStart(width);
}

/** Draws a bar of `width` characters, filled to `share`. */
export function shareBar(share: number, width: number): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}
