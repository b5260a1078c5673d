/** All tokens as of a past instant: what rankings and the screener compare. */
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import { Figures } from "../../engine/buckets/bucket-row.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import { readSums } from "../../engine/reads/past-sums.ts";
import type { Span, TokenKey, TokenSums, TraderCounts } from "../../ports/history-store.ts";
import { covers, type Spans } from "./coverage.ts";
import type { PastWindows } from "./instants.ts";
import { StatsPlan } from "./past-stats.ts";
import type { OwnedParts, WholeHistory } from "./whole-history.ts";
import { settledTokens, type TokenTables, tooManyTokens, wholeTokens } from "./whole-tokens.ts";

/** Tokens whose wallets or symbols are counted one by one. */
const SINGLE_READS_MAX = 1_000;
const READS_AT_ONCE = 4;
/** Tokens that owners are asked for at a time. */
const TOKENS_PER_QUERY = 100;
const NO_TRADES = new Figures();
const NOTHING_OWNED: OwnedParts = { parts: [], edges: [] };

export type TableRow = {
  readonly key: TokenKey;
  readonly id: string;
  symbol: string | undefined;
  readonly place: number;
};

export class PastTable {
  readonly plan: StatsPlan;
  readonly rows: readonly TableRow[];
  readonly #sums: TokenTables;
  readonly #history: WholeHistory;
  readonly #known: Spans;
  /** Whether no swap of the spans can change. */
  readonly #isSettled: boolean;

  private constructor(
    history: WholeHistory,
    plan: StatsPlan,
    [all = new Map<string, TokenSums>(), ...sums]: TokenTables,
    known: Spans,
    isSettled: boolean,
  ) {
    this.plan = plan;
    this.rows = [...all].map(([id, { chainId, token, symbol }], place) => ({
      key: { chainId, token },
      id,
      symbol,
      place,
    }));
    this.#sums = sums;
    this.#history = history;
    this.#known = known;
    this.#isSettled = isSettled;
  }

  /** Rejects with ProblemError `overloaded` for too many tokens, and with `unavailable` for swaps that may change while an owner is away. */
  static async read(
    history: WholeHistory,
    windows: PastWindows,
    selected: readonly ServedWindow[],
    asOfMs: number,
  ): Promise<PastTable> {
    const plan = new StatsPlan({ windows: selected, fields: [] }, windows, asOfMs);
    const listed: Span = { fromMs: windows.longestOpenMs(asOfMs), toMs: plan.closeMs };
    const spans = [listed, ...plan.spans];
    const { settledBeforeMs, known } = await history.settled();
    if (plan.closeMs <= settledBeforeMs) {
      return new PastTable(history, plan, await settledTokens(history, spans), known, true);
    }
    const { tables, owned } = await wholeTokens(history, spans, plan.closeMs);
    return new PastTable(history, plan, tables, history.coverageOfAll(owned), false);
  }

  get isComplete(): boolean {
    return this.plan.spans.every((span) => covers(this.#known, span));
  }

  /** Returns the statistics of the windows. Traders are 0. */
  statsOf(row: TableRow): WindowStats[] {
    return this.#statsOf(row, []);
  }

  /** Resolves with the same for each row, with the traders of these windows. */
  async wholeStatsOf(rows: readonly TableRow[], tradersOf: ReadonlySet<number>): Promise<Map<TableRow, WindowStats[]>> {
    const places = [...tradersOf];
    const walletsOf = places.map((place) => this.plan.spans[place] as Span);
    if (places.length === 0) return new Map(rows.map((row) => [row, this.#statsOf(row, [])]));
    const stats = new Map<TableRow, WindowStats[]>();
    await this.#each(rows, walletsOf, async (row, index, owned) => {
      const counts: (TraderCounts | undefined)[] = [];
      for (const [i, place] of places.entries()) {
        const hasTrades = this.#sums[place]?.has(row.id) === true;
        if (hasTrades) counts[place] = await this.#history.traders(row.key, index, walletsOf[i] as Span, i, owned);
      }
      stats.set(row, this.#statsOf(row, counts));
    });
    return stats;
  }

  /** Finds symbols that were named before the longest window, or that the sums do not tell. */
  async nameSymbols(rows: readonly TableRow[]): Promise<void> {
    await this.#each(rows, [], async (row, index, owned) => {
      row.symbol ??= await this.#history.symbol(row.key, index, this.plan.closeMs, owned);
    });
  }

  /** Runs reads of single tokens, a few at a time, with what owners add at the place `index`. */
  async #each(
    rows: readonly TableRow[],
    walletsOf: readonly Span[],
    read: (row: TableRow, index: number, owned: OwnedParts) => Promise<void>,
  ): Promise<void> {
    if (rows.length > SINGLE_READS_MAX) throw tooManyTokens(SINGLE_READS_MAX);
    for (let at = 0; at < rows.length; at += TOKENS_PER_QUERY) {
      const some = rows.slice(at, at + TOKENS_PER_QUERY);
      const owned = this.#isSettled ? NOTHING_OWNED : await this.#owned(some, walletsOf);
      const waiting = [...some.entries()];
      const readers = Array.from({ length: READS_AT_ONCE }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
          await read(next[1], next[0], owned);
      });
      await Promise.all(readers);
    }
  }

  #owned(rows: readonly TableRow[], walletsOf: readonly Span[]): Promise<OwnedParts> {
    const { closeMs } = this.plan;
    const spans = [{ fromMs: closeMs, toMs: closeMs }];
    return this.#history.owned({ want: "sums", tokens: rows.map(({ key }) => key), spans, walletsOf }, closeMs);
  }

  #statsOf({ id }: TableRow, counts: readonly (TraderCounts | undefined)[]): WindowStats[] {
    const figures = this.#sums.map((sums) => {
      const found = sums.get(id);
      return found === undefined ? NO_TRADES : readSums(found, new Figures());
    });
    const none = { traders: 0, buyers: 0, sellers: 0 };
    return this.plan.selection.windows.map((_, place) =>
      this.plan.stats(place, figures, counts[place] ?? none, this.#known),
    );
  }
}
