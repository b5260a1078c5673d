/** Requests that need the history, for every door. Each runs in a lane of its own. */

import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import { chosenText } from "@swapstats/protocol/stats-text.ts";
import { servedSwap } from "../../engine/reads/past-sums.ts";
import type { SettledRow } from "../../ports/history-store.ts";
import type { SettledHistory } from "../../ports/replay-sessions.ts";
import type { Preference } from "../../ports/stats-bus.ts";
import { positionOf } from "../../shared/swap-order.ts";
import { noPastSpark, ProblemError, unknownToken } from "../problems.ts";
import type { QueryExecutor, TaggedText } from "../query-executor.ts";
import type { CheckedQuery } from "../screener-requests.ts";
import type { NamedSelection } from "../selections.ts";
import { covers } from "./coverage.ts";
import { encodePlace, swapPlace } from "./cursors.ts";
import type { HistoryLane } from "./history-lane.ts";
import { instantOf, type PastWindows } from "./instants.ts";
import { PastAudit } from "./past-audit.ts";
import { type CandlesQuery, PastCandles } from "./past-candles.ts";
import { type PastRanking, PastRankings } from "./past-rankings.ts";
import { type PastSelection, pastFigures, StatsPlan } from "./past-stats.ts";
import type { PastToken, PastTokens } from "./past-tokens.ts";
import type { WholeHistory } from "./whole-history.ts";

/** Tokens of one request with `at`. */
const PAST_IDS_MAX = 100;
/** Tokens of a request whose figures are read at the same time. */
const TOKENS_AT_ONCE = 4;

/** Where and when something was asked for. */
type PastInstant = { readonly at: string | number; readonly place: "query" | "body" };
type Names = { readonly windows: readonly string[]; readonly fields: readonly string[] };
type SwapsQuery = {
  readonly prefer?: Preference | undefined;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly order: "asc" | "desc" | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
};

/** A ranking by the names of its windows. */
type RankingQuery = Omit<PastRanking, "window" | "windows"> & {
  readonly window: string;
  readonly windows: readonly string[];
  /** The history has none. */
  readonly spark?: string | undefined;
};

type PastQueriesOptions = {
  readonly executor: QueryExecutor;
  readonly history: WholeHistory;
  readonly tokens: PastTokens;
  readonly windows: PastWindows;
  readonly lane: HistoryLane;
  readonly nowMs: () => number;
};

export class PastQueries {
  readonly windows: PastWindows;
  readonly #executor: QueryExecutor;
  readonly #history: WholeHistory;
  readonly #tokens: PastTokens;
  readonly #lane: HistoryLane;
  readonly #nowMs: () => number;
  readonly #candles: PastCandles;
  readonly #rankings: PastRankings;
  readonly #audits: PastAudit;

  constructor({ executor, history, tokens, windows, lane, nowMs }: PastQueriesOptions) {
    this.windows = windows;
    this.#executor = executor;
    this.#history = history;
    this.#tokens = tokens;
    this.#lane = lane;
    this.#nowMs = nowMs;
    this.#rankings = new PastRankings(history, windows);
    this.#candles = new PastCandles({ executor, history, tokens, windows, nowMs });
    this.#audits = new PastAudit({ executor, history, tokens, windows, nowMs });
  }

  /** Returns the windows and figures of a request. Throws ProblemError `invalid_parameters`. */
  selection({ windows, fields }: Names, place: "query" | "body"): PastSelection {
    const named: NamedSelection = this.#executor.selections.of([], fields);
    return { windows: this.windows.of(windows, place), fields: named.fields };
  }

  /**
   * Resolves to `{"id":..,"symbol":..,"as_of":..,"history_complete":..,"windows":{..}}`. Rejects with ProblemError `unknown_token`, `ambiguous_token`,
   * `invalid_parameters`, `unavailable` or `overloaded`.
   */
  async stats(
    text: string,
    selection: PastSelection,
    instant: PastInstant,
    prefer: Preference | undefined,
  ): Promise<string> {
    const asOfMs = this.#instant(instant);
    return this.#lane.run(async () => {
      const [item] = await this.#figuresOf([text], selection, asOfMs, prefer);
      if (item instanceof ProblemError) throw item;
      return (item as { text: string }).text;
    });
  }

  /** Resolves to `{"as_of":..,"history_complete":..,"items":[..]}`, with an `error` in place of figures of a token that is not found. Rejects as `stats`. */
  async manyStats(
    texts: readonly string[],
    selection: PastSelection,
    instant: PastInstant,
    prefer: Preference | undefined,
  ): Promise<string> {
    const asOfMs = this.#instant(instant);
    if (texts.length > PAST_IDS_MAX) {
      const message = `must be at most ${PAST_IDS_MAX} tokens with at, not ${texts.length}`;
      throw new ProblemError("invalid_parameters", `ids ${message}`, {
        errors: [{ in: "body", name: "/ids", message }],
      });
    }
    return this.#lane.run(async () => {
      const found = await this.#figuresOf(texts, selection, asOfMs, prefer);
      const isComplete = found.every((item) => item instanceof ProblemError || item.isComplete);
      const items = found.map((item, i) => {
        if (!(item instanceof ProblemError)) return item.text;
        return JSON.stringify({ id: texts[i], error: { code: item.code, message: item.message, ...item.extras } });
      });
      return `{"as_of":${asOfMs},"history_complete":${isComplete},"items":[${items.join(",")}]}`;
    });
  }

  /** Resolves with the time before which all swaps have settled, and the times of which all are known. Rejects with `unavailable` and `storage_failed`. */
  async settled(): Promise<SettledHistory> {
    const { settledBeforeMs, known } = await this.#history.settled();
    return { settledBeforeMs: Math.min(settledBeforeMs, this.#nowMs()), known };
  }

  /** Resolves with the instant and what is settled. Rejects with ProblemError `invalid_parameters`, and `history_unsettled` for one that is too recent. */
  async settledAt(instant: PastInstant): Promise<{ readonly atMs: number; readonly settled: SettledHistory }> {
    const atMs = this.#instant(instant);
    return this.#lane.run(async () => {
      const settled = await this.settled();
      if (atMs >= settled.settledBeforeMs) throw unsettled(atMs, settled.settledBeforeMs - 1);
      return { atMs, settled };
    });
  }

  /** Resolves like `QueryExecutor.candles`, also beyond memory. Rejects as that does. */
  candles(text: string, query: CandlesQuery): Promise<TaggedText> {
    return this.#candles.page(text, query, (work) => this.#lane.run(work));
  }

  /**
   * Resolves to `{"id":..,"available_from":..,"history_complete":..,"items":[..],"next_cursor":..}`. Rejects as `stats` does, and with `bad_request` for a
   * bad cursor.
   */
  async swaps(text: string, query: SwapsQuery): Promise<string> {
    const { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, order = "desc", limit, prefer } = query;
    const after = query.cursor === undefined ? undefined : swapPlace(query.cursor, order);
    return this.#lane.run(async () => {
      const token = await this.#tokens.find(text, prefer);
      const { closeMs } = new StatsPlan({ windows: [], fields: [] }, this.windows, this.#nowMs());
      const span = { fromMs, toMs: Math.min(toMs, closeMs) };
      const { rows, owned } = await this.#history.swaps(token.key, { ...span, order, after, limit: limit + 1 });
      const items = rows.slice(0, limit);
      if (items.length === 0 && !token.isKnown && after === undefined) await this.#mustExist(token, text);
      const known = this.#history.coverage(owned, 0);
      const first = items.at(0)?.eventTimeMs;
      const last = items.at(-1)?.eventTimeMs;
      const oldestMs = order === "desc" ? last : first;
      const reachMs = Math.max(
        fromMs,
        Math.min(known[0]?.fromMs ?? Number.POSITIVE_INFINITY, oldestMs ?? Number.POSITIVE_INFINITY),
      );
      const whole = { fromMs: Math.max(fromMs, Math.min(oldestMs ?? fromMs, span.toMs)), toMs: span.toMs };
      const isComplete = covers(known, whole);
      const next =
        rows.length > limit
          ? `,"next_cursor":"${encodePlace({ kind: "swap", at: positionOf(items.at(-1) as SettledRow), order })}"`
          : "";
      const from = Number.isFinite(reachMs) ? `"available_from":${reachMs},` : "";
      const texts = items.map((row) => JSON.stringify(servedSwap(row)));
      return `{"id":${JSON.stringify(token.id)},${from}"history_complete":${isComplete},"items":[${texts.join(",")}]${next}${chosenText(token.chosen)}}`;
    });
  }

  /**
   * Resolves to `{"as_of":..,"history_complete":..,"window":..,"sort":..,"order":..,"items":[..],"next_cursor":..}`. Rejects as `stats` does, with
   * `overloaded` for too many tokens, and with `bad_request` for a bad cursor.
   */
  async overview({ spark, ...query }: RankingQuery, instant: PastInstant): Promise<string> {
    if (spark !== undefined) throw noPastSpark("query");
    const asOfMs = this.#instant(instant);
    const [window] = this.windows.of([query.window], "query") as [ServedWindow];
    const windows = query.windows.length === 0 ? [] : this.windows.of(query.windows, "query");
    return this.#lane.run(() => this.#rankings.overview({ ...query, window, windows }, asOfMs));
  }

  /** Resolves to `{"as_of":..,"history_complete":..,"items":[..],"next_cursor":..}`. Rejects as `overview` does. */
  screener({ query, cursor, at = 0 }: CheckedQuery): Promise<string> {
    const asOfMs = this.#instant({ at, place: "body" });
    if (query.spark !== undefined) throw noPastSpark("body");
    return this.#lane.run(() => this.#rankings.screener(query, cursor, asOfMs));
  }

  /** Resolves to the audit of a window. Rejects as `PastAudit.audit` does, and with `overloaded`. */
  audit(
    text: string,
    window: string,
    instant: PastInstant | undefined,
    prefer: Preference | undefined,
  ): Promise<string> {
    const atMs = instant === undefined ? undefined : this.#instant(instant);
    return this.#lane.run(async () => JSON.stringify(await this.#audits.audit(text, window, atMs, prefer)));
  }

  #instant({ at, place }: PastInstant): number {
    return instantOf(at, place, this.#nowMs());
  }

  async #mustExist({ key }: PastToken, text: string): Promise<void> {
    const page = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, order: "desc", after: undefined, limit: 1 } as const;
    if ((await this.#history.swaps(key, page)).rows.length === 0) throw unknownToken(text);
  }

  async #figuresOf(
    texts: readonly string[],
    selection: PastSelection,
    asOfMs: number,
    prefer: Preference | undefined,
  ): Promise<(ProblemError | { readonly text: string; readonly isComplete: boolean })[]> {
    const found = await Promise.all(texts.map((text) => this.#find(text, prefer)));
    const tokens = found.filter((one): one is PastToken => !(one instanceof ProblemError));
    const plan = new StatsPlan(selection, this.windows, asOfMs);
    const { spans, walletsOf, closeMs } = plan;
    const query = { want: "sums", tokens: tokens.map(({ key }) => key), spans, walletsOf } as const;
    const owned = await this.#history.owned(query, closeMs);
    const results = new Map<PastToken, Awaited<ReturnType<typeof pastFigures>>>();
    const waiting = [...tokens.entries()];
    const readers = Array.from({ length: TOKENS_AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, token] = next;
        results.set(token, await pastFigures(this.#history, token, index, plan, owned));
      }
    });
    await Promise.all(readers);
    return found.map((one, i) => {
      if (one instanceof ProblemError) return one;
      const figures = results.get(one);
      if (figures === undefined) return unknownToken(texts[i] as string);
      const head = `"id":${JSON.stringify(one.id)},"as_of":${asOfMs}`;
      return { text: `{${head},${figures.text}${chosenText(one.chosen)}}`, isComplete: figures.isComplete };
    });
  }

  async #find(text: string, prefer: Preference | undefined): Promise<PastToken | ProblemError> {
    try {
      return await this.#tokens.find(text, prefer);
    } catch (error) {
      const isOfToken =
        error instanceof ProblemError && (error.code === "unknown_token" || error.code === "ambiguous_token");
      if (isOfToken) return error;
      throw error;
    }
  }
}

/** `latestMs`: the latest instant that can be asked for. */
function unsettled(asOfMs: number, latestMs: number): ProblemError {
  const hasAny = latestMs > 0;
  const latest = hasAny
    ? `the latest possible instant is ${latestMs} (${new Date(latestMs).toISOString()})`
    : "there is none yet";
  const message = `Swaps around ${asOfMs} may still change, and this is made of settled ones: ${latest}. Ask for that, or for the present without at.`;
  return new ProblemError("history_unsettled", message, hasAny ? { latest_at: latestMs } : {});
}
