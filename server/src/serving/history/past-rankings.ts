/** Rankings and queries of the screener as of a past instant. Once its swaps have settled they are final: pages of one instant never change. */
import { createHash } from "node:crypto";
import { figureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { SortField } from "@swapstats/protocol/figures.ts";
import { screenerField } from "@swapstats/protocol/screener/fields.ts";
import {
  leavesOf,
  type ScreenerFilter,
  type ScreenerLeaf,
  type ScreenerQuery,
  type ScreenerSort,
  type ServedWindow,
} from "@swapstats/protocol/screener/query.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import { changeText } from "../../engine/reads/past-sums.ts";
import { compareDecimals } from "../../shared/decimal-order.ts";
import { ProblemError } from "../problems.ts";
import { encodePlace, rankPlace } from "./cursors.ts";
import type { PastWindows } from "./instants.ts";
import { PastTable, type TableRow } from "./past-table.ts";
import type { WholeHistory } from "./whole-history.ts";

const TRADERS: readonly string[] = ["traders", "buyers", "sellers"];
/** Members of a token that the history does not have. */
const ABSENT: readonly string[] = ["late", "removed", "first_seen"];
/** Tokens that are compared between two turns of the event loop. */
const TOKENS_PER_TURN = 200;

export type PastRanking = {
  readonly window: ServedWindow;
  readonly sort: SortField;
  readonly order: "asc" | "desc";
  readonly limit: number;
  readonly cursor: string | undefined;
  /** Windows of each row; empty: `stats` of the window of the ranking. */
  readonly windows: readonly ServedWindow[];
  readonly fields: readonly string[];
};

type Ranked = { readonly row: TableRow; readonly keys: readonly (string | undefined)[] };

export class PastRankings {
  readonly #history: WholeHistory;
  readonly #windows: PastWindows;

  constructor(history: WholeHistory, windows: PastWindows) {
    this.#history = history;
    this.#windows = windows;
  }

  async overview(query: PastRanking, asOfMs: number): Promise<string> {
    const { window, sort, order, limit, windows, fields } = query;
    const sorts: readonly ScreenerSort[] = [{ field: sort, window: window.name, order }];
    const shown = windows.length === 0 ? [window] : windows;
    const page = await this.#page({ filter: undefined, sorts, limit, cursor: query.cursor, shown, fields }, asOfMs);
    const items = page.rows.map(({ head, texts }) =>
      windows.length === 0
        ? `{${head}"stats":${texts[0]?.text}}`
        : `{${head}"windows":{${texts.map(({ name, text }) => `"${name}":${text}`).join(",")}}}`,
    );
    return `{"as_of":${asOfMs},"history_complete":${page.isComplete},"window":"${window.name}","sort":"${sort}","order":"${order}","items":[${items.join(",")}]${page.next}}`;
  }

  async screener(query: ScreenerQuery, cursor: string | undefined, asOfMs: number): Promise<string> {
    const { filter, sort: sorts, limit, fields } = query;
    const shown = this.#windows.of(query.windows, "body");
    const page = await this.#page({ filter, sorts, limit, cursor, shown, fields }, asOfMs);
    const items = page.rows.map(
      ({ head, texts }) => `{${head}"windows":{${texts.map(({ name, text }) => `"${name}":${text}`).join(",")}}}`,
    );
    return `{"as_of":${asOfMs},"history_complete":${page.isComplete},"items":[${items.join(",")}]${page.next}}`;
  }

  async #page(
    query: {
      filter: ScreenerFilter | undefined;
      sorts: readonly ScreenerSort[];
      limit: number;
      cursor: string | undefined;
      shown: readonly ServedWindow[];
      fields: readonly string[];
    },
    asOfMs: number,
  ) {
    const { filter, sorts, limit, cursor, shown, fields } = query;
    const compared = [...leavesOf(filter), ...sorts];
    for (const { field } of compared) {
      if (ABSENT.includes(field)) throw notKept(field);
    }
    const names = new Set([...shown.map(({ name }) => name), ...compared.flatMap(({ window }) => window ?? [])]);
    const windows = this.#windows.of([...names], "body");
    const key = createHash("sha256")
      .update(JSON.stringify([filter ?? null, sorts]))
      .digest("base64url")
      .slice(0, 16);
    const from = cursor === undefined ? 0 : rankPlace(cursor, asOfMs, key);
    const table = await PastTable.read(this.#history, this.#windows, windows, asOfMs);
    const ranked = await this.#rank(table, windows, filter, sorts);
    const rows = ranked.slice(from, from + limit).map(({ row }) => row);
    await table.nameSymbols(rows.filter(({ symbol }) => symbol === undefined));
    const filterOfFields = figureFilter(fields);
    const places = shown.map(({ name }) => windows.findIndex((window) => window.name === name));
    const hasTraders = filterOfFields.columns.some(({ name }) => TRADERS.includes(name));
    const tradersOf = new Set(hasTraders ? places : []);
    const statsOfRows = await table.wholeStatsOf(rows, tradersOf);
    const textsOf = (row: TableRow): { name: string; text: string }[] =>
      shown.map(({ name }, i) => {
        const stats = statsOfRows.get(row)?.[places[i] as number] as WindowStats;
        return { name, text: windowJson(stats, filterOfFields) };
      });
    const isMore = from + limit < ranked.length;
    return {
      rows: rows.map((row) => ({
        head: `"id":${JSON.stringify(row.id)},${row.symbol === undefined ? "" : `"symbol":${JSON.stringify(row.symbol)},`}`,
        texts: textsOf(row),
      })),
      isComplete: table.isComplete,
      next: isMore ? `,"next_cursor":"${encodePlace({ kind: "rank", asOfMs, from: from + limit, key })}"` : "",
    };
  }

  /** Returns the tokens that match, in order. */
  async #rank(
    table: PastTable,
    windows: readonly ServedWindow[],
    filter: ScreenerFilter | undefined,
    sorts: readonly ScreenerSort[],
  ): Promise<Ranked[]> {
    const fields = [...leavesOf(filter), ...sorts].map(({ field }) => field);
    const needsTraders = fields.some((field) => TRADERS.includes(field));
    if (fields.includes("symbol")) await table.nameSymbols(table.rows.filter(({ symbol }) => symbol === undefined));
    const whole = needsTraders ? await table.wholeStatsOf(table.rows, new Set(windows.keys())) : undefined;
    const ranked: Ranked[] = [];
    for (const [i, row] of table.rows.entries()) {
      if (i % TOKENS_PER_TURN === TOKENS_PER_TURN - 1) await new Promise(setImmediate);
      const stats = whole?.get(row) ?? table.statsOf(row);
      const token = { row, byWindow: new Map(windows.map(({ name }, at) => [name, stats[at] as WindowStats])) };
      if (filter !== undefined && !matches(filter, token)) continue;
      ranked.push({ row, keys: sorts.map(({ field, window }) => textOf(token, field, window)) });
    }
    return ranked.sort((a, b) => compareRanked(a, b, sorts));
  }
}

type Token = { readonly row: TableRow; readonly byWindow: ReadonlyMap<string, WindowStats> };

/** Returns the text of a field; undefined: the token has no such figure. */
function textOf({ row, byWindow }: Token, field: string, window: string | undefined): string | undefined {
  const source = screenerField(field)?.source;
  if (source === undefined) return undefined;
  if (source.of === "token") {
    if (field === "chain_id") return String(row.key.chainId);
    return field === "token" ? row.key.token : row.symbol;
  }
  const stats = byWindow.get(window ?? "");
  const now = stats?.[source.figure as keyof WindowStats];
  if (source.of === "window")
    return now === undefined ? undefined : String(typeof now === "boolean" ? Number(now) : now);
  const before = stats?.previous?.[source.figure as keyof NonNullable<WindowStats["previous"]>];
  if (before === undefined) return undefined;
  return source.of === "previous" ? String(before) : changeText(String(now), String(before));
}

function matches(filter: ScreenerFilter, token: Token): boolean {
  if ("and" in filter) return filter.and.every((part) => matches(part, token));
  if ("or" in filter) return filter.or.some((part) => matches(part, token));
  return "not" in filter ? !matches(filter.not, token) : holds(filter, token);
}

function holds({ field, window, op, values }: ScreenerLeaf, token: Token): boolean {
  const value = textOf(token, field, window);
  if (value === undefined) return false;
  const [first = "", second = ""] = values;
  if (screenerField(field)?.value === "text") {
    const isSame = (wanted: string): boolean => value === wanted || (field === "token" && token.row.id === wanted);
    if (op === "contains") return value.toLowerCase().includes(first.toLowerCase());
    if (op === "prefix") return value.toLowerCase().startsWith(first.toLowerCase());
    return op === "ne" ? !isSame(first) : values.some(isSame);
  }
  const order = compareDecimals(value, first);
  switch (op) {
    case "gt":
      return order > 0;
    case "gte":
      return order >= 0;
    case "lt":
      return order < 0;
    case "lte":
      return order <= 0;
    case "ne":
      return order !== 0;
    case "between":
      return order >= 0 && compareDecimals(value, second) <= 0;
    default:
      return values.some((wanted) => compareDecimals(value, wanted) === 0);
  }
}

/** Tokens without the figure come last in both orders. */
function compareRanked(a: Ranked, b: Ranked, sorts: readonly ScreenerSort[]): number {
  for (const [i, { field, order }] of sorts.entries()) {
    const [x, y] = [a.keys[i], b.keys[i]];
    if (x === y) continue;
    if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
    const isText = screenerField(field)?.value === "text";
    const byValue = isText ? (x < y ? -1 : 1) : compareDecimals(x, y);
    if (byValue !== 0) return order === "desc" ? -byValue : byValue;
  }
  return a.row.id < b.row.id ? -1 : 1;
}

function notKept(field: string): ProblemError {
  const message = `${field} cannot be compared at a past instant: the history does not keep it`;
  return new ProblemError("invalid_parameters", message, { errors: [{ in: "body", name: "filter", message }] });
}
