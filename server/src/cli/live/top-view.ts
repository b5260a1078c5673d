/** Draws the state of `top` as lines of text; a pure function of state, size and time. */
import type { ChannelFigures } from "@swapstats/protocol/websocket.ts";
import { groupDigits } from "../progress.ts";
import { displayWidth, firstFitting, pad, safeText, shortId } from "../table.ts";
import { compactAmount, compactPrice, formatSpan, shareBar, signedPercent, sparkline } from "./figures.ts";
import { clockText, freshnessPart } from "./freshness.ts";
import { lineOfParts, type Part } from "./parts.ts";
import type { Paint, Style } from "./style.ts";
import type { TopState, Trend } from "./top-state.ts";

/** Lines above and below the rows. */
const FRAME_LINES = 5;
const TREND_WIDTH = 12;
const BAR_WIDTH = 8;
/** Below it the clock leaves, so that window and sort are to be seen. */
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
  /** The figure that sorts by this column. */
  readonly sort: string;
  /** Columns with a higher number leave first when the terminal is narrow. */
  readonly leaves: number;
  readonly cell: (row: Row) => Part;
};

const signStyle = (value: number): Style | undefined => (value > 0 ? "green" : value < 0 ? "red" : undefined);
const number = (value: number | undefined): string => (value === undefined ? "-" : groupDigits(value));

const COLUMNS: readonly ViewColumn[] = [
  {
    title: "#",
    width: 3,
    align: "right",
    sort: "",
    leaves: 1,
    cell: ({ rank }) => ({ text: String(rank), style: "dim" }),
  },
  {
    title: "TOKEN",
    width: 10,
    align: "left",
    sort: "",
    leaves: 0,
    cell: ({ symbol }) => ({ text: symbol, style: "bold" }),
  },
  {
    title: "CHAIN",
    width: 6,
    align: "right",
    sort: "",
    leaves: 9,
    cell: ({ id }) => ({ text: id.slice(0, id.indexOf(":")), style: "dim" }),
  },
  { title: "PRICE", width: 15, align: "right", sort: "close", leaves: 2, cell: priceCell },
  { title: "CHANGE", width: 9, align: "right", sort: "price_change_pct", leaves: 4, cell: changeCell },
  { title: "TREND", width: TREND_WIDTH, align: "left", sort: "", leaves: 8, cell: trendCell },
  {
    title: "VOLUME $",
    width: 9,
    align: "right",
    sort: "volume_usd",
    leaves: 0,
    cell: ({ stats }) => ({ text: compactAmount(stats.volume_usd) }),
  },
  { title: "NET $", width: 9, align: "right", sort: "net_volume_usd", leaves: 7, cell: netCell },
  {
    title: "TRADES",
    width: 8,
    align: "right",
    sort: "trades",
    leaves: 3,
    cell: ({ stats }) => ({ text: number(stats.trades) }),
  },
  {
    title: "BUYS",
    width: 8,
    align: "right",
    sort: "buys",
    leaves: 6,
    cell: ({ stats }) => ({ text: number(stats.buys) }),
  },
  {
    title: "SELLS",
    width: 8,
    align: "right",
    sort: "sells",
    leaves: 6,
    cell: ({ stats }) => ({ text: number(stats.sells) }),
  },
  { title: "BUY|SELL", width: BAR_WIDTH, align: "left", sort: "", leaves: 10, cell: barCell },
  { title: "TRADERS", width: 8, align: "right", sort: "traders", leaves: 5, cell: tradersCell },
  {
    title: "ID",
    width: 48,
    align: "left",
    sort: "",
    leaves: 11,
    cell: ({ id }) => ({ text: shortId(id, 48), style: "dim" }),
  },
];

const HELP = [
  "q quit  ←→ sort  w W window  ↑↓ Page Up Page Down Home End scroll  space pause",
  "q quit  ←→ sort  w W window  ↑↓ scroll  space pause",
  "q quit ←→ sort w window ↑↓ scroll",
  "q quit",
];

/** Rows that a terminal of this height shows. */
export function pageRowsOf(rows: number): number {
  return Math.max(1, rows - FRAME_LINES);
}

/** At most `rows` lines, none wider than `columns`. */
export function renderTop(state: TopState, columns: number, rows: number, paint: Paint, nowMs: number): string[] {
  const shown = fitColumns(columns);
  const titles = shown.map((column) => {
    const sorted = column.sort !== "" && column.sort === state.sort;
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

/** As many columns as fit; the least important ones leave first. */
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
    parts.push({ text: `late ${number(status.late)}` }, { text: `copies ${number(status.duplicates)}` });
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

function changeCell({ stats }: Row): Part {
  return { text: signedPercent(stats.price_change_pct), style: signStyle(Number(stats.price_change_pct ?? 0)) };
}

function trendCell({ trend }: Row): Part {
  const values = trend?.values ?? [];
  if (values.length < 2) return { text: "" };
  return { text: sparkline(values, TREND_WIDTH), style: signStyle((values.at(-1) ?? 0) - (values[0] ?? 0)) };
}

function netCell({ stats }: Row): Part {
  return { text: compactAmount(stats.net_volume_usd), style: signStyle(Number(stats.net_volume_usd ?? 0)) };
}

function barCell({ stats }: Row): Part {
  const { trades, buys } = stats;
  return trades === undefined || buys === undefined || trades === 0
    ? { text: "" }
    : { text: shareBar(buys / trades, BAR_WIDTH) };
}

function tradersCell({ stats }: Row): Part {
  return { text: `${stats.traders_estimated === true ? "~" : ""}${number(stats.traders)}` };
}

function fitText(text: string, width: number): string {
  return safeText(text, Math.max(width, 1));
}

/** Lines for a place that is no terminal: one a token, exact figures. */
export function plainTop(state: TopState, limit: number): string[] {
  const time = new Date(state.asOfMs).toISOString();
  return rowsOf(state)
    .slice(0, limit)
    .map(({ rank, id, symbol, stats }) => {
      const figures = [
        `trades=${stats.trades ?? 0}`,
        `buys=${stats.buys ?? 0}`,
        `sells=${stats.sells ?? 0}`,
        `volume_usd=${stats.volume_usd ?? "0"}`,
        `traders=${stats.traders ?? 0}`,
        `close=${stats.close ?? "-"}`,
        `change_pct=${stats.price_change_pct ?? "-"}`,
      ];
      return `${time} ${state.window} ${rank} ${symbol} ${id} ${figures.join(" ")}`;
    });
}
