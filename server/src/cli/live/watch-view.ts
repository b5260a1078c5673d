/** Draws the state of `watch`: a table of windows for each token. */
import type { TokenData } from "@swapstats/client";
import { figures, labelOf } from "@swapstats/protocol/figures.ts";
import { printableText } from "../../shared/printable-text.ts";
import { type Column, displayWidth, firstFitting, pad, safeText, shortId, tableLines } from "../table.ts";
import { exactFigure, formatSpan, shortFigure, type TabledFigure, wideFigure } from "./figures.ts";
import { clockText, freshnessPart } from "./freshness.ts";
import type { ChannelData } from "./live-service.ts";
import { lineOfParts, type Part } from "./parts.ts";
import { noPaint, type Paint } from "./style.ts";

/** Columns of the table, from left to right. */
const COLUMNS = [
  ...(["trades", "buys", "sells", "volume_usd", "net_volume_usd", "open", "high", "low", "close"] as const),
  ...(["price_change_pct", "vwap", "traders"] as const),
] satisfies readonly TabledFigure[];

/** From the widest to the narrowest: all figures with full amounts, all shortened, then without the least important ones. */
type Level = { readonly leftOut: ReadonlySet<TabledFigure>; readonly isExact: boolean };

const LEAVES: readonly (readonly TabledFigure[])[] = [
  ["vwap"],
  ["open", "high", "low"],
  ["net_volume_usd"],
  ["buys", "sells"],
  ["traders"],
  ["trades"],
  ["price_change_pct"],
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
  /** Last sign of life of the service, by the clock of this machine. */
  readonly heardMs: number;
  /** First shown line. */
  readonly scroll: number;
};

type WatchedToken = ChannelData<TokenData> & {
  /** Arrival of its newest figures, by the clock of this machine. */
  readonly changedMs: number;
};

const HELP = ["q quit  ↑↓ Page Up Page Down Home End scroll", "q quit  ↑↓ scroll", "q quit"];
/** Lines above and below the tokens. */
const FRAME_LINES = 2;

/** Returns the number of lines for tokens on a terminal of this height. */
export function watchPageOf(rows: number): number {
  return Math.max(1, rows - FRAME_LINES);
}

/** Returns at most `rows` lines, none wider than `columns`. `nowMs` is the clock of this machine. */
export function renderWatch(state: WatchState, columns: number, rows: number, paint: Paint, nowMs: number): string[] {
  const body = bodyLines(state, columns, paint, nowMs);
  const page = watchPageOf(rows);
  const scroll = Math.min(state.scroll, Math.max(0, body.length - page));
  const shown = body.slice(scroll, scroll + page);
  while (shown.length < page) shown.push("");
  const lines = [titleLine(state, columns, paint, nowMs), ...shown];
  return [...lines.slice(0, Math.max(rows - 1, 0)), paint("dim", firstFitting(HELP, columns))];
}

/** Returns the largest useful `scroll`. */
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
    const token = held.data;
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

/** Returns the widest table of the windows that fits. */
function windowTable(token: TokenData, columns: number): string[] {
  const windows = Object.entries(token.windows);
  let lines: string[] = [];
  for (const { leftOut, isExact } of LEVELS) {
    const names = COLUMNS.filter((name) => !leftOut.has(name));
    const titles: Column[] = [
      { title: "window", align: "left" },
      ...names.map((name): Column => ({ title: titleOf(name, isExact), align: "right" })),
    ];
    const cell = isExact ? wideFigure : shortFigure;
    const rows = windows.map(([window, stats]) => {
      const cells = names.map((name) => printableText(cell(stats, name)));
      return [printableText(stats.complete ? window : `${window}*`), ...cells];
    });
    lines = tableLines(titles, rows);
    if (lines.every((line) => displayWidth(line) <= columns)) return lines;
  }
  return lines.map((line) => safeText(line, columns));
}

/** Full amounts are titled by name, all other figures by their label. */
function titleOf(name: TabledFigure, isExact: boolean): string {
  return isExact && figures[name].kind === "usd" ? name : labelOf(name);
}

const PLAIN = [
  ...(["trades", "buys", "sells", "volume_usd", "open", "high", "low", "close", "traders"] as const),
] satisfies readonly TabledFigure[];

/** Returns one line a window with exact figures, for output that is not a terminal. */
export function plainWatch(held: ChannelData<TokenData>): string[] {
  const token = held.data;
  const time = new Date(held.asOfMs).toISOString();
  const name = safeText(token.symbol ?? "-", 64);
  return Object.entries(token.windows).map(([window, stats]) => {
    const texts = PLAIN.map((figure) => exactFigure(stats, figure));
    return `${time} ${name} ${safeText(token.id, 160)} rev=${held.rev} ${window} ${texts.join(" ")} complete=${stats.complete}`;
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
