/** The final overview of a replay: all tokens, as a table for people or as JSON. */

import { ALL_FIGURES, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import type { Counters, TokenInfo } from "../../engine/types.ts";
import { compareDecimals } from "../../shared/decimal-order.ts";
import { groupDigits } from "../progress.ts";
import { safeText } from "../table.ts";
import { fittingTable, type TokenCells } from "./overview-table.ts";

type Ranked = {
  readonly info: TokenInfo;
  /** Figures of the requested windows, in their order. */
  readonly windows: readonly WindowStats[];
  /** Figures of the window by which tokens are ranked. */
  readonly stats: WindowStats;
};

const SYMBOL_WIDTH = 14;
const ID_WIDTH = 160;

/** Returns all known tokens by volume in the longest of the windows, the largest first, ties by id. */
function rankTokens(engine: PartitionEngine, indexes: readonly number[], asOfMs: number): Ranked[] {
  const rankedBy = indexes.indexOf(Math.max(...indexes));
  const ranked: Ranked[] = [];
  for (const ref of engine.tokens()) {
    const windows = engine.windowsStats(ref, indexes, asOfMs);
    ranked.push({ info: engine.info(ref), windows, stats: windows[rankedBy] as WindowStats });
  }
  return ranked.sort(
    (a, b) => compareDecimals(b.stats.volume_usd, a.stats.volume_usd) || (a.info.id < b.info.id ? -1 : 1),
  );
}

/** Yields pieces of `{as_of, counters, items:[{id, symbol, windows}]}`. `windows` has the given windows, in their order. */
export function* overviewJson(engine: PartitionEngine, windowNames: readonly string[]): Generator<string> {
  const asOfMs = engine.maxHighMs();
  const names = engine.config.windows.map(({ name }) => name);
  const indexes = windowNames.map((name) => names.indexOf(name));
  const head = { ...(asOfMs === undefined ? {} : { as_of: asOfMs }), counters: engine.counters };
  yield `${JSON.stringify(head).slice(0, -1)},"items":[`;
  let separator = "";
  for (const { info, windows } of asOfMs === undefined ? [] : rankTokens(engine, indexes, asOfMs)) {
    const symbol = info.symbol === undefined ? {} : { symbol: info.symbol };
    const named = windows.map((stats, i) => `${JSON.stringify(windowNames[i])}:${windowJson(stats, ALL_FIGURES)}`);
    yield `${separator}\n${JSON.stringify({ id: info.id, ...symbol }).slice(0, -1)},"windows":{${named.join(",")}}}`;
    separator = ",";
  }
  yield "\n]}\n";
}

/** Returns lines for people. `width`: columns of the terminal; Infinity: everything in full. */
export function* overviewTable(engine: PartitionEngine, windowName: string, width: number): Generator<string> {
  const asOfMs = engine.maxHighMs();
  if (asOfMs !== undefined) {
    const windowIndex = engine.config.windows.findIndex(({ name }) => name === windowName);
    const ranked = rankTokens(engine, [windowIndex], asOfMs);
    const first = ranked[0]?.stats;
    const edges = first === undefined ? "" : `, ${isoTime(first.open_time)} to ${isoTime(first.close_time)}`;
    const complete = first?.complete === false ? " (the swaps do not reach back to its start)" : "";
    yield wrapped(
      `${ranked.length} tokens in the window ${windowName} as of ${isoTime(asOfMs)}${edges}${complete}`,
      width,
    );
    yield "\n";
    for (const line of fittingTable(ranked.map(cellsOf), width)) yield `${line}\n`;
    yield "\n";
  }
  yield wrapped(countersLine(engine.counters), width);
}

function cellsOf({ info, stats }: Ranked): TokenCells {
  const approximately = stats.traders_estimated === true ? "~" : "";
  return {
    symbol: safeText(info.symbol ?? "-", SYMBOL_WIDTH),
    trades: groupDigits(stats.trades),
    buys: groupDigits(stats.buys),
    sells: groupDigits(stats.sells),
    volume_usd: stats.volume_usd,
    traders: approximately + groupDigits(stats.traders),
    open: stats.open ?? "-",
    high: stats.high ?? "-",
    low: stats.low ?? "-",
    close: stats.close ?? "-",
    "change %": stats.price_change_pct ?? "-",
    token: safeText(info.id, ID_WIDTH),
  };
}

/** Wraps text at spaces to lines of at most the width. */
function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return `${[...lines, line].join("\n")}\n`;
}

/** `9,936 accepted: 9,936 applied, 0 duplicates, ...`, with dead letters by code if there are any. */
function countersLine(counters: Counters): string {
  const { accepted, conflicts, replaced, removals_unmatched, labels_dropped, dead_letters, ...rest } = counters;
  const parts = Object.entries(rest).map(([name, count]) => `${groupDigits(count as number)} ${name}`);
  const codes = Object.entries(dead_letters).map(([code, count]) => `${groupDigits(count)} ${code}`);
  const dead = Object.values(dead_letters).reduce((sum, count) => sum + count, 0);
  parts.push(`${groupDigits(dead)} dead letters${codes.length === 0 ? "" : ` (${codes.join(", ")})`}`);
  const beside: readonly (readonly [number, string])[] = [
    [conflicts, "copies differ from the first"],
    [replaced, "announcements replaced another one of their swap"],
    [removals_unmatched, "removals came before their announcement"],
    [labels_dropped, "symbols were too long and are dropped"],
  ];
  const notes = beside.filter(([count]) => count > 0).map(([count, what]) => `; ${groupDigits(count)} ${what}`);
  return `${groupDigits(accepted)} accepted: ${parts.join(", ")}${notes.join("")}`;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
