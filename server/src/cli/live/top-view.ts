/** Draws the state of `top` as lines of text; a pure function of state, size and time. */
import type { ChannelFigures } from "@swapstats/protocol/websocket.ts";
import { groupDigits } from "../progress.ts";
import { displayWidth, pad, safeText } from "../table.ts";
import { compactAmount, compactPrice, formatSpan, shareBar, signedPercent, sparkline } from "./figures.ts";
import type { Paint, Style } from "./style.ts";
import type { TopState, Trend } from "./top-state.ts";

/** Lines above and below the rows. */
const FRAME_LINES = 5;
const TREND_WIDTH = 12;
const BAR_WIDTH = 8;

type Row = {
  readonly rank: number;
  readonly id: string;
  readonly symbol: string;
  readonly stats: ChannelFigures;
  readonly trend: Trend | undefined;
};
type Cell = { readonly text: string; readonly style?: Style | undefined };
type ViewColumn = {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** The figure that sorts by this column. */
  readonly sort: string;
  /** Columns with a higher number leave first when the terminal is narrow. */
  readonly leaves: number;
  readonly cell: (row: Row) => Cell;
};

const signStyle = (value: number): Style | undefined => (value > 0 ? "green" : value < 0 ? "red" : undefined);
const number = (value: number | undefined): string => (value === undefined ? "-" : groupDigits(value));

const COLUMNS: readonly ViewColumn[] = [
  {
    title: "#",
    width: 3,
    align: "right",
    sort: "",
    leaves: 0,
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
    leaves: 6,
    cell: ({ id }) => ({ text: id.slice(0, id.indexOf(":")), style: "dim" }),
  },
  { title: "PRICE", width: 15, align: "right", sort: "close", leaves: 0, cell: priceCell },
  { title: "CHANGE", width: 9, align: "right", sort: "price_change_pct", leaves: 1, cell: changeCell },
  { title: "TREND", width: TREND_WIDTH, align: "left", sort: "", leaves: 5, cell: trendCell },
  {
    title: "VOLUME $",
    width: 9,
    align: "right",
    sort: "volume_usd",
    leaves: 0,
    cell: ({ stats }) => ({ text: compactAmount(stats.volume_usd) }),
  },
  { title: "NET $", width: 9, align: "right", sort: "net_volume_usd", leaves: 4, cell: netCell },
  {
    title: "TRADES",
    width: 8,
    align: "right",
    sort: "trades",
    leaves: 0,
    cell: ({ stats }) => ({ text: number(stats.trades) }),
  },
  {
    title: "BUYS",
    width: 8,
    align: "right",
    sort: "buys",
    leaves: 3,
    cell: ({ stats }) => ({ text: number(stats.buys) }),
  },
  {
    title: "SELLS",
    width: 8,
    align: "right",
    sort: "sells",
    leaves: 3,
    cell: ({ stats }) => ({ text: number(stats.sells) }),
  },
  { title: "BUY|SELL", width: BAR_WIDTH, align: "left", sort: "", leaves: 7, cell: barCell },
  { title: "TRADERS", width: 8, align: "right", sort: "traders", leaves: 2, cell: tradersCell },
  { title: "ID", width: 48, align: "left", sort: "", leaves: 8, cell: ({ id }) => ({ text: id, style: "dim" }) },
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
  const lines = [titleLine(state, columns, paint, nowMs), statusLine(state, columns, paint), "", titles.join(" ")];
  for (const row of rowsOf(state).slice(scroll, scroll + page)) {
    const cells = shown.map(({ cell, width, align }) => {
      const { text, style } = cell(row);
      const padded = pad(fitText(text, width), width, align);
      return style === undefined ? padded : paint(style, padded);
    });
    lines.push(cells.join(" "));
  }
  if (state.overview !== undefined && state.overview.order.length === 0) lines.push("  no swaps in this window yet");
  while (lines.length < rows - 1) lines.push("");
  lines.push(paint("dim", fitText("q quit  ←→ sort  w/W window  ↑↓ scroll  space pause", columns)));
  return lines.slice(0, Math.max(rows, 1));
}

function rowsOf({ overview, trends }: TopState): Row[] {
  return (overview?.order ?? []).flatMap((id, index) => {
    const row = overview?.rows[id];
    if (row === undefined) return [];
    const symbol = safeText(row.symbol ?? id.slice(id.indexOf(":") + 1), 10);
    return [{ rank: index + 1, id: safeText(id, 48), symbol, stats: row.stats, trend: trends.get(id) }];
  });
}

/** As many columns as fit; the least important ones leave first. */
function fitColumns(width: number): readonly ViewColumn[] {
  let shown: readonly ViewColumn[] = COLUMNS;
  const total = (): number => shown.reduce((sum, column) => sum + column.width + 1, -1);
  for (let limit = 8; limit >= 1 && total() > width; limit--) shown = shown.filter(({ leaves }) => leaves < limit);
  return shown;
}

function titleLine(state: TopState, columns: number, paint: Paint, nowMs: number): string {
  const left = `swapstats top  ${state.url}`;
  const clock = `${new Date(nowMs).toISOString().slice(11, 19)} UTC`;
  const right = `${state.window} by ${state.sort}  ${clock}`;
  if (displayWidth(left) + displayWidth(right) + 2 > columns) return paint("bold", fitText(`top  ${right}`, columns));
  return paint("bold", `${left}${pad(right, columns - displayWidth(left), "right")}`);
}

function statusLine(state: TopState, columns: number, paint: Paint): string {
  if (!state.connected) return paint("yellow", "connection lost; trying again ...");
  if (state.overview === undefined) return "waiting for data ...";
  const { status, asOfMs } = state;
  const parts: Cell[] = [
    { text: `as of ${new Date(asOfMs).toISOString().slice(11, 23)}` },
    { text: `lag ${formatSpan(state.lagMs)}`, style: state.lagMs > 2_000 ? "yellow" : undefined },
  ];
  if (status?.watermarkMs !== undefined) {
    parts.push({ text: `watermark -${formatSpan(Math.max(0, asOfMs - status.watermarkMs))}` });
  }
  if (status?.ratePerSecond !== undefined) {
    parts.push({ text: `${groupDigits(Math.round(status.ratePerSecond))} swaps/s`, style: "cyan" });
  }
  if (status !== undefined)
    parts.push({ text: `late ${number(status.late)}` }, { text: `copies ${number(status.duplicates)}` });
  if (state.paused) parts.unshift({ text: "PAUSED", style: "inverse" });
  let used = 0;
  const shown: string[] = [];
  for (const { text, style } of parts) {
    used += displayWidth(text) + 3;
    if (used - 3 > columns) break;
    shown.push(style === undefined ? text : paint(style, text));
  }
  return shown.join(" · ");
}

function priceCell({ stats, trend }: Row): Cell {
  const values = trend?.values ?? [];
  const change = values.length < 2 ? 0 : (values.at(-1) ?? 0) - (values.at(-2) ?? 0);
  const arrow = change > 0 ? "▲" : change < 0 ? "▼" : " ";
  return { text: `${compactPrice(stats.close)}${arrow}`, style: signStyle(change) };
}

function changeCell({ stats }: Row): Cell {
  return { text: signedPercent(stats.price_change_pct), style: signStyle(Number(stats.price_change_pct ?? 0)) };
}

function trendCell({ trend }: Row): Cell {
  const values = trend?.values ?? [];
  if (values.length < 2) return { text: "" };
  return { text: sparkline(values, TREND_WIDTH), style: signStyle((values.at(-1) ?? 0) - (values[0] ?? 0)) };
}

function netCell({ stats }: Row): Cell {
  return { text: compactAmount(stats.net_volume_usd), style: signStyle(Number(stats.net_volume_usd ?? 0)) };
}

function barCell({ stats }: Row): Cell {
  const { trades, buys } = stats;
  return trades === undefined || buys === undefined || trades === 0
    ? { text: "" }
    : { text: shareBar(buys / trades, BAR_WIDTH) };
}

function tradersCell({ stats }: Row): Cell {
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
