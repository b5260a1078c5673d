/** Draws what `watch` knows: for each token a table of its windows. */
import type { ChannelFigures, TokenData } from "@swapstats/protocol/websocket.ts";
import { printableText } from "../../shared/printable-text.ts";
import { groupDigits } from "../progress.ts";
import { type Column, displayWidth, firstFitting, pad, safeText, shortId, tableLines } from "../table.ts";
import type { ChannelData } from "./connection.ts";
import { compactAmount, compactPrice, formatSpan, signedPercent } from "./figures.ts";
import { clockText, freshnessPart } from "./freshness.ts";
import { lineOfParts, type Part } from "./parts.ts";
import { noPaint, type Paint } from "./style.ts";

/** From the most to the least: all figures exactly, shortened, and then without those that are least looked at. */
type Level = { readonly leftOut: ReadonlySet<string>; readonly isExact: boolean };

const LEAVES: readonly (readonly string[])[] = [
  ["vwap"],
  ["open", "high", "low"],
  ["net_volume_usd"],
  ["buys", "sells"],
  ["traders"],
  ["trades"],
  ["change"],
  ["volume_usd"],
];
const LEVELS: readonly Level[] = [
  { leftOut: new Set(), isExact: true },
  ...Array.from({ length: LEAVES.length + 1 }, (_, count) => ({
    leftOut: new Set(LEAVES.slice(0, count).flat()),
    isExact: false,
  })),
];

export type WatchState = {
  readonly url: string;
  readonly connected: boolean;
  /** In the order of the command line, by canonical channel. */
  readonly channels: readonly string[];
  readonly held: ReadonlyMap<string, WatchedToken>;
  /** When the service said anything the last time, by the clock of this machine. */
  readonly heardMs: number;
  /** First line that is shown. */
  readonly scroll: number;
};

export type WatchedToken = ChannelData & {
  /** When its newest figures came, by the clock of this machine. */
  readonly changedMs: number;
};

const HELP = ["q quit  ↑↓ Page Up Page Down Home End scroll", "q quit  ↑↓ scroll", "q quit"];
/** Lines above and below the tokens. */
const FRAME_LINES = 2;

/** Lines that a terminal of this height shows of the tokens. */
export function watchPageOf(rows: number): number {
  return Math.max(1, rows - FRAME_LINES);
}

/** At most `rows` lines, none wider than `columns`; `nowMs` is the clock of this machine. */
export function renderWatch(state: WatchState, columns: number, rows: number, paint: Paint, nowMs: number): string[] {
  const body = bodyLines(state, columns, paint, nowMs);
  const page = watchPageOf(rows);
  const scroll = Math.min(state.scroll, Math.max(0, body.length - page));
  const shown = body.slice(scroll, scroll + page);
  while (shown.length < page) shown.push("");
  const lines = [titleLine(state, columns, paint, nowMs), ...shown];
  return [...lines.slice(0, Math.max(rows - 1, 0)), paint("dim", firstFitting(HELP, columns))];
}

/** How far down `renderWatch` can scroll. */
export function watchScrollMax(state: WatchState, columns: number, rows: number): number {
  return Math.max(0, bodyLines(state, columns, noPaint, 0).length - watchPageOf(rows));
}

function titleLine(state: WatchState, columns: number, paint: Paint, nowMs: number): string {
  const clock = clockText(nowMs);
  const room = columns - clock.length - 2;
  if (!state.connected)
    return paint("yellow", firstFitting(["connection lost; trying again ...", "connection lost"], columns));
  if (room < TITLE.length) return paint("bold", safeText(TITLE, columns));
  return paint("bold", `${pad(firstFitting([`${TITLE}  ${state.url}`, TITLE], room), room, "left")}  ${clock}`);
}

const TITLE = "swapstats watch";

function bodyLines(state: WatchState, columns: number, paint: Paint, nowMs: number): string[] {
  if (state.channels.length === 0) return [safeText("waiting for data ...", columns)];
  const lines: string[] = [];
  for (const channel of state.channels) {
    const held = state.held.get(channel);
    if (lines.length > 0) lines.push("");
    if (held === undefined) {
      const id = channel.slice(channel.indexOf(":") + 1);
      lines.push(safeText(`${shortId(id, Math.max(1, columns - WAITING.length))}${WAITING}`, columns));
      continue;
    }
    const token = held.data as unknown as TokenData;
    const symbol = safeText(token.symbol ?? "-", SYMBOL_WIDTH);
    const id = shortId(token.id, Math.max(1, columns - displayWidth(symbol) - 2));
    lines.push(paint("bold", safeText(`${symbol}  ${id}`, columns)));
    lines.push(lineOfParts(tokenParts(token, held, state.heardMs, nowMs), columns, paint));
    const [titles = "", ...windows] = windowTable(token, columns);
    lines.push(paint("dim", titles), ...windows);
  }
  return lines;
}

const WAITING = ": waiting for data ...";
const SYMBOL_WIDTH = 20;

/** The table of the windows at the most that is to be said within the width. */
function windowTable(token: TokenData, columns: number): string[] {
  const windows = Object.entries(token.windows);
  let lines: string[] = [];
  for (const { leftOut, isExact } of LEVELS) {
    const rows = windows.map(([name, stats]) => cellsOf(name, stats, isExact));
    const names = COLUMN_NAMES.filter((name) => !leftOut.has(name));
    const titles = names.map(
      (name): Column => ({ title: titleOf(name, isExact), align: name === "window" ? "left" : "right" }),
    );
    lines = tableLines(
      titles,
      rows.map((row) => names.map((name) => printableText(row[name]))),
    );
    if (lines.every((line) => displayWidth(line) <= columns)) return lines;
  }
  return lines.map((line) => safeText(line, columns));
}

/** Short titles where the figures are short, too. */
function titleOf(name: ColumnName, isExact: boolean): string {
  if (isExact) return name;
  if (name === "volume_usd") return "volume $";
  return name === "net_volume_usd" ? "net $" : name;
}

/** One line a window, exact figures; for a place that is no terminal. */
export function plainWatch(held: ChannelData): string[] {
  const token = held.data as unknown as TokenData;
  const time = new Date(held.asOfMs).toISOString();
  const name = safeText(token.symbol ?? "-", 64);
  return Object.entries(token.windows).map(([window, stats]) => {
    const figures = [
      `trades=${stats.trades ?? 0}`,
      `buys=${stats.buys ?? 0}`,
      `sells=${stats.sells ?? 0}`,
      `volume_usd=${stats.volume_usd ?? "0"}`,
      `open=${stats.open ?? "-"}`,
      `high=${stats.high ?? "-"}`,
      `low=${stats.low ?? "-"}`,
      `close=${stats.close ?? "-"}`,
      `traders=${stats.traders ?? 0}`,
      `complete=${stats.complete}`,
    ];
    return `${time} ${name} ${safeText(token.id, 160)} rev=${held.rev} ${window} ${figures.join(" ")}`;
  });
}

function tokenParts(token: TokenData, held: WatchedToken, heardMs: number, nowMs: number): Part[] {
  const { asOfMs, watermarkMs, lagMs, rev, changedMs } = held;
  const parts: Part[] = [
    freshnessPart({ changedMs, heardMs }, nowMs),
    { text: `as of ${new Date(asOfMs).toISOString().slice(11, 19)}` },
    { text: `lag ${formatSpan(lagMs)}` },
  ];
  if (watermarkMs !== undefined) parts.push({ text: `watermark -${formatSpan(Math.max(0, asOfMs - watermarkMs))}` });
  const counters = [`rev ${rev}`, `late ${token.late}`, `removed ${token.removed}`, `unresolved ${token.unresolved}`];
  return [...parts, ...counters.map((text) => ({ text }))];
}

const COLUMN_NAMES = [
  "window",
  "trades",
  "buys",
  "sells",
  "volume_usd",
  "net_volume_usd",
  "open",
  "high",
  "low",
  "close",
  "change",
  "vwap",
  "traders",
] as const;
type ColumnName = (typeof COLUMN_NAMES)[number];

function cellsOf(name: string, stats: ChannelFigures, isExact: boolean): Record<ColumnName, string> {
  const amount = isExact ? (text: string | undefined): string => groupDigits(text ?? "0") : compactAmount;
  return {
    window: stats.complete ? name : `${name}*`,
    trades: groupDigits(stats.trades ?? 0),
    buys: groupDigits(stats.buys ?? 0),
    sells: groupDigits(stats.sells ?? 0),
    volume_usd: amount(stats.volume_usd ?? "0"),
    net_volume_usd: amount(stats.net_volume_usd ?? "0"),
    open: compactPrice(stats.open),
    high: compactPrice(stats.high),
    low: compactPrice(stats.low),
    close: compactPrice(stats.close),
    change: signedPercent(stats.price_change_pct),
    vwap: compactPrice(stats.vwap),
    traders: `${stats.traders_estimated === true ? "~" : ""}${groupDigits(stats.traders ?? 0)}`,
  };
}
