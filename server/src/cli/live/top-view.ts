/** Draws the state of `top` as lines of text; a pure function of state, size and time. */
import { labelOf, type SortField } from "@swapstats/protocol/figures.ts";
import type { ChannelFigures } from "@swapstats/protocol/schemas/figures.ts";
import { groupDigits } from "../progress.ts";
import { displayWidth, firstFitting, pad, safeText, shortId } from "../table.ts";
import {
  compactPrice,
  exactFigure,
  formatSpan,
  shareBar,
  shortFigure,
  sparkline,
  type TabledFigure,
} from "./figures.ts";
import { clockText, freshnessPart } from "./freshness.ts";
import { lineOfParts, type Part } from "./parts.ts";
import type { Paint, Style } from "./style.ts";
import type { TopState, Trend } from "./top-state.ts";

/** Lines above and below the rows. */
const FRAME_LINES = 5;
const TREND_WIDTH = 12;
const BAR_WIDTH = 8;
/** On a narrower title the clock is left out, so that window and sort stay visible. */
const MIN_TITLE_WIDTH = 14;

type Row = {
  readonly rank: number;
  readonly id: string;
  readonly symbol: string;
  readonly stats: ChannelFigures;
  readonly trend: Trend | undefined;
};
type ViewColumn = {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** The figure of the ranking that this column shows. */
  readonly sort: SortField | undefined;
  /** On a narrow terminal, columns with a higher number are left out first. */
  readonly leaves: number;
  readonly cell: (row: Row) => Part;
};

const signStyle = (value: number): Style | undefined => (value > 0 ? "green" : value < 0 ? "red" : undefined);

/** Makes a column that no ranking goes by. */
const plain = (title: string, width: number, leaves: number, cell: ViewColumn["cell"]): ViewColumn => {
  return { title, width, align: "left", sort: undefined, leaves, cell };
};
/** Makes a column of a figure, in the form of its kind. */
const figure = (name: TabledFigure & SortField, width: number, leaves: number): ViewColumn => ({
  title: labelOf(name).toUpperCase(),
  width,
  align: "right",
  sort: name,
  leaves,
  cell: ({ stats }) => ({ text: shortFigure(stats, name) }),
});

const COLUMNS: readonly ViewColumn[] = [
  { ...plain("#", 3, 1, ({ rank }) => ({ text: String(rank), style: "dim" })), align: "right" },
  plain("TOKEN", 10, 0, ({ symbol }) => ({ text: symbol, style: "bold" })),
  { ...plain("CHAIN", 6, 9, ({ id }) => ({ text: id.slice(0, id.indexOf(":")), style: "dim" })), align: "right" },
  { ...figure("close", 15, 2), title: "PRICE", cell: priceCell },
  { ...figure("price_change_pct", 9, 4), cell: signedCell("price_change_pct") },
  plain("TREND", TREND_WIDTH, 8, trendCell),
  figure("volume_usd", 9, 0),
  { ...figure("net_volume_usd", 9, 7), cell: signedCell("net_volume_usd") },
  figure("trades", 8, 3),
  figure("buys", 8, 6),
  figure("sells", 8, 6),
  plain("BUY|SELL", BAR_WIDTH, 10, barCell),
  figure("traders", 8, 5),
  plain("ID", 48, 11, ({ id }) => ({ text: shortId(id, 48), style: "dim" })),
];

/** Sorts of the arrow keys, in the order of the columns. `--sort` also accepts the other figures. */
export const SORT_CYCLE: readonly SortField[] = COLUMNS.flatMap(({ sort }) => (sort === undefined ? [] : [sort]));

const HELP = [
  "q quit  ←→ sort  w W window  ↑↓ Page Up Page Down Home End scroll  space pause",
  "q quit  ←→ sort  w W window  ↑↓ scroll  space pause",
  "q quit ←→ sort w window ↑↓ scroll",
  "q quit",
];

/** Returns the number of rows that a terminal of this height shows. */
export function pageRowsOf(rows: number): number {
  return Math.max(1, rows - FRAME_LINES);
}

/** Returns at most `rows` lines, none wider than `columns`. */
export function renderTop(state: TopState, columns: number, rows: number, paint: Paint, nowMs: number): string[] {
  const shown = fitColumns(columns);
  const titles = shown.map((column) => {
    const sorted = column.sort === state.sort;
    const text = pad(fitText(sorted ? `${column.title}▼` : column.title, column.width), column.width, column.align);
    return paint(sorted ? "inverse" : "dim", text);
  });
  const page = pageRowsOf(rows);
  const scroll = Math.min(state.scroll, Math.max(0, (state.overview?.order.length ?? 0) - page));
  const lines = [
    titleLine(state, columns, paint, nowMs),
    statusLine(state, columns, paint, nowMs),
    "",
    titles.join(" "),
  ];
  for (const row of rowsOf(state).slice(scroll, scroll + page)) {
    const cells = shown.map(({ cell, width, align }) => {
      const { text, style } = cell(row);
      const padded = pad(fitText(text, width), width, align);
      return style === undefined ? padded : paint(style, padded);
    });
    lines.push(cells.join(" "));
  }
  if (state.overview?.order.length === 0) lines.push(fitText("  no swaps in this window yet", columns));
  while (lines.length < rows - 1) lines.push("");
  return [...lines.slice(0, Math.max(rows - 1, 0)), paint("dim", firstFitting(HELP, columns))];
}

function rowsOf({ overview, trends }: TopState): Row[] {
  return (overview?.order ?? []).flatMap((id, index) => {
    const row = overview?.rows[id];
    if (row === undefined) return [];
    const symbol = safeText(row.symbol ?? id.slice(id.indexOf(":") + 1), 10);
    return [{ rank: index + 1, id: safeText(id, 48), symbol, stats: row.stats, trend: trends.get(id) }];
  });
}

const LEAVES_MAX = Math.max(...COLUMNS.map(({ leaves }) => leaves));

/** Returns as many columns as fit; the least important ones are left out first. */
function fitColumns(width: number): readonly ViewColumn[] {
  let shown: readonly ViewColumn[] = COLUMNS;
  const total = (): number => shown.reduce((sum, column) => sum + column.width + 1, -1);
  for (let limit = LEAVES_MAX; limit >= 1 && total() > width; limit--)
    shown = shown.filter(({ leaves }) => leaves < limit);
  return shown;
}

function titleLine(state: TopState, columns: number, paint: Paint, nowMs: number): string {
  const clock = clockText(nowMs);
  const sorted = `${state.window} by ${state.sort}`;
  const lefts = [`swapstats top  ${state.url}  ${sorted}`, `top  ${state.url}  ${sorted}`, `top  ${sorted}`, sorted];
  const room = columns - displayWidth(clock) - 2;
  if (room < MIN_TITLE_WIDTH) return paint("bold", fitText(sorted, columns));
  return paint("bold", `${pad(firstFitting(lefts, room), room, "left")}  ${clock}`);
}

function statusLine(state: TopState, columns: number, paint: Paint, nowMs: number): string {
  if (!state.connected)
    return lineOfParts([{ text: "connection lost; trying again ...", style: "yellow" }], columns, paint);
  if (state.overview === undefined) return lineOfParts([{ text: "waiting for data ..." }], columns, paint);
  const { status, asOfMs } = state;
  const parts: Part[] = [
    freshnessPart(state.freshness, nowMs),
    { text: `as of ${new Date(asOfMs).toISOString().slice(11, 19)}` },
    { text: `lag ${formatSpan(state.lagMs)}`, style: state.lagMs > 2_000 ? "yellow" : undefined },
  ];
  if (status?.ratePerSecond !== undefined) {
    parts.push({ text: `${groupDigits(Math.round(status.ratePerSecond))} swaps/s`, style: "cyan" });
  }
  if (status?.watermarkMs !== undefined) {
    parts.push({ text: `watermark -${formatSpan(Math.max(0, asOfMs - status.watermarkMs))}` });
  }
  if (status !== undefined) {
    parts.push({ text: `late ${groupDigits(status.late)}` }, { text: `copies ${groupDigits(status.duplicates)}` });
  }
  if (state.paused) parts.unshift({ text: "PAUSED", style: "inverse" });
  return lineOfParts(parts, columns, paint);
}

function priceCell({ stats, trend }: Row): Part {
  const values = trend?.values ?? [];
  const change = values.length < 2 ? 0 : (values.at(-1) ?? 0) - (values.at(-2) ?? 0);
  const arrow = change > 0 ? "▲" : change < 0 ? "▼" : " ";
  return { text: `${compactPrice(stats.close)}${arrow}`, style: signStyle(change) };
}

/** Green above zero, red below. */
function signedCell(name: "price_change_pct" | "net_volume_usd"): ViewColumn["cell"] {
  return ({ stats }) => ({ text: shortFigure(stats, name), style: signStyle(Number(stats[name] ?? 0)) });
}

function trendCell({ trend }: Row): Part {
  const values = trend?.values ?? [];
  if (values.length < 2) return { text: "" };
  return { text: sparkline(values, TREND_WIDTH), style: signStyle((values.at(-1) ?? 0) - (values[0] ?? 0)) };
}

function barCell({ stats }: Row): Part {
  const { trades, buys } = stats;
  return trades === undefined || buys === undefined || trades === 0
    ? { text: "" }
    : { text: shareBar(buys / trades, BAR_WIDTH) };
}

function fitText(text: string, width: number): string {
  return safeText(text, Math.max(width, 1));
}

const PLAIN = ["trades", "buys", "sells", "volume_usd", "traders", "close"] as const;

/** Returns lines for output that is not a terminal: one a token, with exact figures. */
export function plainTop(state: TopState, limit: number): string[] {
  const time = new Date(state.asOfMs).toISOString();
  return rowsOf(state)
    .slice(0, limit)
    .map(({ rank, id, symbol, stats }) => {
      const texts = PLAIN.map((name) => exactFigure(stats, name));
      const change = `change_pct=${stats.price_change_pct ?? "-"}`;
      return `${time} ${state.window} ${rank} ${symbol} ${id} ${texts.join(" ")} ${change}`;
    });
}
