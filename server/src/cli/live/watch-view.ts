/** Draws what `watch` knows: for each token a table of its windows. */
import type { ChannelFigures, TokenData } from "@swapstats/protocol/websocket.ts";
import { groupDigits } from "../progress.ts";
import { type Column, safeText, tableLines } from "../table.ts";
import type { ChannelData } from "./connection.ts";
import { compactPrice, formatSpan, signedPercent } from "./figures.ts";
import type { Paint } from "./style.ts";

const COLUMNS: readonly Column[] = [
  { title: "window", align: "left" },
  { title: "trades", align: "right" },
  { title: "buys", align: "right" },
  { title: "sells", align: "right" },
  { title: "volume_usd", align: "right" },
  { title: "net_volume_usd", align: "right" },
  { title: "open", align: "right" },
  { title: "high", align: "right" },
  { title: "low", align: "right" },
  { title: "close", align: "right" },
  { title: "change", align: "right" },
  { title: "vwap", align: "right" },
  { title: "traders", align: "right" },
];

export type WatchState = {
  readonly connected: boolean;
  /** In the order of the command line, by canonical channel. */
  readonly channels: readonly string[];
  readonly held: ReadonlyMap<string, ChannelData>;
};

/** Lines for a terminal; wider ones are cut by it. */
export function renderWatch(state: WatchState, columns: number, rows: number, paint: Paint): string[] {
  const lines: string[] = [];
  if (!state.connected) lines.push(paint("yellow", "connection lost; trying again ..."));
  for (const channel of state.channels) {
    const held = state.held.get(channel);
    if (held === undefined) {
      lines.push(`${safeText(channel, columns)}: waiting for data ...`, "");
      continue;
    }
    const token = held.data as unknown as TokenData;
    lines.push(paint("bold", safeText(`${token.symbol ?? "-"}  ${token.id}`, columns)));
    lines.push(paint("dim", safeText(tokenLine(token, held), columns)));
    const table = tableLines(
      COLUMNS,
      Object.entries(token.windows).map(([name, stats]) => rowOf(name, stats)),
    );
    table.forEach((line, index) => {
      const text = safeText(line, columns);
      lines.push(index === 0 ? paint("dim", text) : text);
    });
    lines.push("");
  }
  const shown = lines.slice(0, Math.max(0, rows - 1));
  return [...shown, paint("dim", safeText("q quit", columns))];
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

function tokenLine(token: TokenData, { asOfMs, watermarkMs, lagMs, rev }: ChannelData): string {
  const parts = [`as of ${new Date(asOfMs).toISOString().slice(11, 23)} UTC`, `lag ${formatSpan(lagMs)}`];
  if (watermarkMs !== undefined) parts.push(`watermark -${formatSpan(Math.max(0, asOfMs - watermarkMs))}`);
  parts.push(`rev ${rev}`, `late ${token.late}`, `removed ${token.removed}`, `unresolved ${token.unresolved}`);
  return parts.join(" · ");
}

function rowOf(name: string, stats: ChannelFigures): string[] {
  return [
    stats.complete ? name : `${name}*`,
    groupDigits(stats.trades ?? 0),
    groupDigits(stats.buys ?? 0),
    groupDigits(stats.sells ?? 0),
    groupDigits(stats.volume_usd ?? "0"),
    groupDigits(stats.net_volume_usd ?? "0"),
    compactPrice(stats.open),
    compactPrice(stats.high),
    compactPrice(stats.low),
    compactPrice(stats.close),
    signedPercent(stats.price_change_pct),
    compactPrice(stats.vwap),
    `${stats.traders_estimated === true ? "~" : ""}${groupDigits(stats.traders ?? 0)}`,
  ];
}
