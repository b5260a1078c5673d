/** The questions of the port, as SQL over the files that hold their spans. */
import type { DuckDBValue } from "@duckdb/node-api";
import type {
  CandleSums,
  Edge,
  SettledRow,
  Span,
  SpanSums,
  SwapPage,
  SwapPosition,
  TokenKey,
  TokenSums,
  TraderCounts,
  TraderSets,
} from "../../../ports/history-store.ts";
import type { CatalogFile, Snapshot, Tier } from "./catalog.ts";
import { NO_ROWS, PARTIAL_COLUMNS, POSITION, ROW_SELECT, sumPartials, sumRows } from "./columns.ts";
import type { Duck } from "./duck.ts";
import type { HistoryFiles } from "./files.ts";
import {
  conditionOf,
  DAY_MS,
  filesOf,
  type Grain,
  HOUR_MS,
  MINUTE_MS,
  type Part,
  type Plan,
  planSpan,
  type SettledBefore,
  timeOf,
} from "./plan.ts";
import { isOpen, readRow, readSums } from "./read-values.ts";
import { windowsOf } from "./windows.ts";

/** What a query sees. Its files stay until it is released. */
export type View = {
  readonly snapshot: Snapshot;
  readonly settledBefore: SettledBefore;
  /**
   * Brings files that are not on this disk, or as much of them as may have the token. Resolves with the paths below the folder of the history that have their
   * rows. Rejects with `storage_failed` when they cannot be had.
   */
  fetch(files: readonly CatalogFile[], token?: string): Promise<string[]>;
  /** Copies of the second tier that the query reads from the cache. */
  readonly held: ReadonlySet<string>;
};

/** A condition of rows; `token` is the only one that they have, if so. */
type Filter = { readonly sql: string; readonly token: string | undefined };
type Ask = { readonly span: Span; readonly edges: readonly Edge[]; readonly grain: Grain; readonly filter: Filter };
/** Columns and groups of an answer, for the time of a row (`event_time`) or of a partial sum (`start_time`). */
type Keys = { of(time: string): string; readonly count: number };

const NO_KEYS: Keys = { of: () => "", count: 0 };
const ANY: Filter = { sql: "true", token: undefined };
const ofToken = ({ token }: TokenKey): Filter => ({ sql: "token = $1 AND chain_id = $2", token });
const FIRST_PAGE_MS = HOUR_MS;
const SYMBOL_WINDOW_MS = DAY_MS;

const valuesOf = ({ token, chainId }: TokenKey): DuckDBValue[] => [token, chainId];

export class HistoryQueries {
  readonly #duck: Duck;
  readonly #files: HistoryFiles;

  constructor(duck: Duck, files: HistoryFiles) {
    this.#duck = duck;
    this.#files = files;
  }

  async sums(view: View, token: TokenKey, spans: readonly Span[], edges: readonly Edge[]): Promise<SpanSums[]> {
    const rows = await Promise.all(
      spans.map((span) =>
        this.#sum(view, { span, edges, grain: "days", filter: ofToken(token) }, NO_KEYS, valuesOf(token)),
      ),
    );
    return rows.map(([row]) => {
      const { symbol: _, ...sums } = readSums(row!, 0);
      return sums;
    });
  }

  async traders(
    view: View,
    token: TokenKey,
    span: Span,
    edges: readonly Edge[],
    others: TraderSets,
  ): Promise<TraderCounts> {
    const { LIST, UINTEGER, VARCHAR, listValue } = this.#duck.api;
    const swaps = await this.#swaps(view, this.#plan(view, { span, edges, grain: "rows" }).swaps, ofToken(token));
    const sides = `SELECT who, bool_or(side = 'buy') AS buys, bool_or(side = 'sell') AS sells FROM ${swaps} WHERE who IS NOT NULL GROUP BY who
      UNION ALL SELECT unnest($3), true, false UNION ALL SELECT unnest($4), false, true`;
    const wallets = `SELECT bool_or(buys) AS buys, bool_or(sells) AS sells FROM (${sides}) GROUP BY who`;
    const sql = `SELECT count(*), count(*) FILTER (buys), count(*) FILTER (sells) FROM (${wallets})`;
    const values = [...valuesOf(token), listValue([...others.buyers]), listValue([...others.sellers])];
    const [row] = await this.#duck.query(sql, values, [VARCHAR, UINTEGER, LIST(VARCHAR), LIST(VARCHAR)]);
    return { traders: Number(row![0]), buyers: Number(row![1]), sellers: Number(row![2]) };
  }

  async symbol(view: View, token: TokenKey, beforeMs: number): Promise<string | undefined> {
    for (const span of windowsOf(view.snapshot, { fromMs: 0, toMs: beforeMs }, "desc", SYMBOL_WINDOW_MS, 1)) {
      const ask = { span, edges: [], grain: "days", filter: ofToken(token) } as const;
      const [row] = await this.#sum(view, ask, NO_KEYS, valuesOf(token));
      const { symbol } = readSums(row!, 0);
      if (symbol !== undefined) return symbol;
    }
    return undefined;
  }

  async candles(
    view: View,
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ): Promise<CandleSums[]> {
    const isMonth = interval === "month";
    const of = (time: string): string =>
      `${isMonth ? `epoch_ms(date_trunc('month', ${time}))` : `(epoch_ms(${time}) // ${interval.ms}) * ${interval.ms}`} AS open_ms, `;
    const keys = { of, count: 1 };
    const grain = isMonth || interval.ms % DAY_MS === 0 ? "days" : interval.ms % MINUTE_MS === 0 ? "minutes" : "rows";
    const candles: CandleSums[] = [];
    // Months are few, and have no common length: one window holds them all.
    const step = isMonth ? Number.MAX_SAFE_INTEGER : interval.ms;
    // A window that found most of the candles says how long the one for the others must be.
    const density = { found: 0, wanted: limit };
    for (const window of windowsOf(view.snapshot, span, "desc", step * limit, step, density)) {
      const rows = await this.#sum(view, { span: window, edges, grain, filter: ofToken(token) }, keys, valuesOf(token));
      const part = rows.map((row) => {
        const { symbol: _, ...sums } = readSums(row, 1);
        return { openTimeMs: Number(row[0]), ...sums };
      });
      candles.push(...part.sort((a, b) => b.openTimeMs - a.openTimeMs));
      density.found = candles.length;
      if (candles.length >= limit) break;
    }
    return candles.slice(0, limit).reverse();
  }

  async page(
    view: View,
    token: TokenKey,
    { order, after, limit, ...span }: SwapPage,
    edges: readonly Edge[],
  ): Promise<SettledRow[]> {
    const rows: SettledRow[] = [];
    const values = valuesOf(token);
    if (after !== undefined) values.push(after.eventId);
    const behind = after === undefined ? "" : ` AND ${behindOf(after, order)}`;
    for (const window of windowsOf(view.snapshot, restOf(span, after, order), order, FIRST_PAGE_MS, 1)) {
      const { swaps } = this.#plan(view, { span: window, edges, grain: "rows" });
      if (swaps.length === 0) continue;
      const { sql: own } = ofToken(token);
      const source = await this.#swaps(view, swaps, { sql: own + behind, token: token.token });
      const by = ORDERED.map((column) => `${column} ${order}`).join(", ");
      const sql = `SELECT ${ROW_SELECT} FROM ${source} ORDER BY ${by} LIMIT ${limit - rows.length}`;
      rows.push(...(await this.#duck.query(sql, values)).map(readRow));
      if (rows.length >= limit) break;
    }
    return rows;
  }

  async tokens(view: View, span: Span, edges: readonly Edge[], chainId: number | undefined): Promise<TokenSums[]> {
    const keys = { of: () => "chain_id, token, ", count: 2 };
    const filter = chainId === undefined ? ANY : { ...ANY, sql: `chain_id = ${chainId}` };
    const rows = await this.#sum(view, { span, edges, grain: "days", filter }, keys, []);
    return rows.map((row) => ({ chainId: Number(row[0]), token: row[1] as string, ...readSums(row, 2) }));
  }

  /** Resolves with the rows of a short span in the order of time. */
  async rows(view: View, span: Span, token: TokenKey | undefined, edges: readonly Edge[]): Promise<SettledRow[]> {
    const { swaps } = this.#plan(view, { span, edges, grain: "rows" });
    if (swaps.length === 0) return [];
    const source = await this.#swaps(view, swaps, token === undefined ? ANY : ofToken(token));
    const sql = `SELECT ${ROW_SELECT} FROM ${source} ORDER BY event_time, token, chain_id, ${ORDERED.slice(1).join(", ")}`;
    return (await this.#duck.query(sql, token === undefined ? [] : valuesOf(token))).map(readRow);
  }

  #plan(view: View, { span, edges, grain }: Omit<Ask, "filter">): Plan {
    return planSpan(view.snapshot, span, edges, grain, view.settledBefore);
  }

  /** Sums partial sums where they are, and rows elsewhere; rows alone where the order of partial sums is not known. */
  async #sum(view: View, ask: Ask, keys: Keys, values: DuckDBValue[]): Promise<DuckDBValue[][]> {
    const plan = this.#plan(view, ask);
    const parts = [await this.#rowSums(view, plan.swaps, ask.filter, keys)];
    for (const tier of ["minutes", "days"] as const) {
      const source = await this.#source(view, tier, plan[tier], ask.filter);
      if (source !== undefined)
        parts.push(`SELECT ${keys.of("start_time")}${PARTIAL_COLUMNS.join(", ")} FROM ${source}`);
    }
    const sql = sumPartials(
      `(${parts.join(" UNION ALL ")}) AS parts(${columnNames(keys)})`,
      namesOf(keys),
      groupsOf(keys),
    );
    const rows = await this.#duck.query(sql, values);
    return parts.length > 1 && rows.some(isOpen) ? this.#sum(view, { ...ask, grain: "rows" }, keys, values) : rows;
  }

  async #rowSums(view: View, parts: readonly Part[], filter: Filter, keys: Keys): Promise<string> {
    return sumRows(await this.#swaps(view, parts, filter), keys.of("event_time"), groupsOf(keys));
  }

  async #swaps(view: View, parts: readonly Part[], filter: Filter): Promise<string> {
    return (await this.#source(view, "swaps", parts, filter)) ?? `(SELECT * FROM ${NO_ROWS} WHERE ${filter.sql})`;
  }

  /** Returns the rows of the parts as the source of a SELECT, or undefined when no file has any. */
  async #source(view: View, tier: Tier, parts: readonly Part[], filter: Filter): Promise<string | undefined> {
    const files = parts.length === 0 ? [] : filesOf(view.snapshot, tier, parts);
    if (files.length === 0) return undefined;
    const paths = await view.fetch(files, filter.token);
    if (paths.length === 0) return undefined;
    const condition = conditionOf(parts, tier === "swaps" ? "event_time" : "start_time");
    return `(SELECT * FROM ${this.#files.scan(paths)} WHERE ${filter.sql} AND ${condition})`;
  }
}

const KEY_NAMES = ["key_a", "key_b"];
const namesOf = ({ count }: Keys): string =>
  KEY_NAMES.slice(0, count)
    .map((name) => `${name}, `)
    .join("");
const columnNames = ({ count }: Keys): string => [...KEY_NAMES.slice(0, count), ...PARTIAL_COLUMNS].join(", ");
const groupsOf = ({ count }: Keys): string =>
  count === 0 ? "" : ` GROUP BY ${Array.from({ length: count }, (_, i) => i + 1).join(", ")}`;

/** The members of POSITION. */
const ORDERED = [
  "event_time",
  "coalesce(block_number, 0)",
  "tx_index",
  "log_index",
  POSITION.slice(POSITION.indexOf("coalesce(event_id"), -1),
];

/** $3 is the event id. */
function behindOf({ eventTimeMs, blockNumber, txIndex, logIndex }: SwapPosition, order: "asc" | "desc"): string {
  const than = order === "asc" ? ">" : "<";
  return `${POSITION} ${than} row(${timeOf(eventTimeMs)}, ${blockNumber}, ${txIndex}, ${logIndex}, $3)`;
}

/** The part of the span that can hold swaps behind the position. */
function restOf({ fromMs, toMs }: Span, after: SwapPosition | undefined, order: "asc" | "desc"): Span {
  if (after === undefined) return { fromMs, toMs };
  if (order === "asc") return { fromMs: Math.max(fromMs, after.eventTimeMs), toMs };
  return { fromMs, toMs: Math.min(toMs, after.eventTimeMs + 1) };
}
