/** Candles of memory, and before them those of the history. Both hold all swaps that count, so they meet without a seam. */

import { candleJson } from "@swapstats/protocol/figure-text.ts";
import { candleIntervals, type HistoryInterval } from "@swapstats/protocol/limits.ts";
import type { Candle, Candles } from "@swapstats/protocol/schemas/tokens.ts";
import { chosenText, staleText } from "@swapstats/protocol/stats-text.ts";
import { candle } from "../../engine/reads/candle-query.ts";
import type { Preference } from "../../ports/stats-bus.ts";
import { type CandleStep, stepEnd, stepStart } from "../../shared/candle-step.ts";
import { ProblemError, unknownToken } from "../problems.ts";
import type { QueryExecutor, TaggedText } from "../query-executor.ts";
import { covers } from "./coverage.ts";
import { candlePlace, encodePlace } from "./cursors.ts";
import type { PastWindows } from "./instants.ts";
import type { PastToken, PastTokens } from "./past-tokens.ts";
import type { WholeHistory } from "./whole-history.ts";

export type CandlesQuery = {
  readonly prefer?: Preference | undefined;
  readonly interval: HistoryInterval;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
};

type PastCandlesOptions = {
  readonly executor: QueryExecutor;
  readonly history: WholeHistory;
  readonly tokens: PastTokens;
  readonly windows: PastWindows;
  readonly nowMs: () => number;
};

/** The history cannot be read now. What memory has of the range is served all the same. */
function memoryAlone(error: unknown, { response, items }: Memory): TaggedText {
  const isPassing = error instanceof ProblemError && (error.code === "unavailable" || error.code === "overloaded");
  if (!isPassing || response === undefined || items.length === 0) throw error;
  return { ...response, text: `${response.text.slice(0, -1)},"history_complete":false}` };
}

/** Candles of memory. `fromMs`: from here on memory has them all; Infinity where it has none. */
type Memory = { readonly response: TaggedText | undefined; readonly items: readonly Candle[]; readonly fromMs: number };
type Older = {
  readonly items: readonly Candle[];
  readonly hasMore: boolean;
  readonly isComplete: boolean;
  readonly beginMs: number | undefined;
};

export class PastCandles {
  readonly #options: PastCandlesOptions;

  constructor(options: PastCandlesOptions) {
    this.#options = options;
  }

  /** `inLane` runs reads of the history. */
  async page(
    text: string,
    query: CandlesQuery,
    inLane: <T>(work: () => Promise<T>) => Promise<T>,
  ): Promise<TaggedText> {
    const { interval, cursor, limit, fromMs = 0 } = query;
    const step: CandleStep = interval === "1M" ? "month" : { ms: candleIntervals[interval] };
    const untilMs = Math.min(
      query.toMs ?? Number.MAX_SAFE_INTEGER,
      cursor === undefined ? Number.MAX_SAFE_INTEGER : candlePlace(cursor, interval),
    );
    const memory = await this.#memory(text, query, untilMs, step);
    const isEnough = memory.items.length >= limit || fromMs >= memory.fromMs;
    if (isEnough && memory.response !== undefined) return this.#ofMemory(memory.response, memory, query);
    const reading = inLane(async () => {
      const token = await this.#options.tokens.find(text, query.prefer);
      const toMs = Math.min(untilMs, memory.fromMs);
      const older = await this.#older(token, step, { fromMs, toMs }, limit - memory.items.length);
      if (older.items.length === 0 && memory.response === undefined && !token.isKnown) {
        const page = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, order: "desc", after: undefined, limit: 1 } as const;
        if ((await this.#options.history.swaps(token.key, page)).rows.length === 0) throw unknownToken(text);
      }
      return this.#joined(token, query, memory, older, step);
    });
    return reading.catch((error: unknown) => memoryAlone(error, memory));
  }

  async #memory(text: string, query: CandlesQuery, toMs: number, step: CandleStep): Promise<Memory> {
    const { executor } = this.#options;
    const { interval, fromMs, limit, prefer } = query;
    const none: Memory = { response: undefined, items: [], fromMs: Number.POSITIVE_INFINITY };
    if (interval === "1M" || !executor.intervals.names.includes(interval)) return none;
    const isBounded = toMs < Number.MAX_SAFE_INTEGER;
    try {
      const response = await executor.candles(text, {
        interval,
        fromMs,
        toMs: isBounded ? toMs : undefined,
        limit,
        prefer,
      });
      const { available_from: availableMs, items } = JSON.parse(response.text) as Candles;
      if (availableMs === undefined) return { ...none, response };
      // The first candle may lack swaps that memory no longer holds.
      const wholeMs = stepEnd(step, availableMs);
      return { response, items: items.filter((item) => item.open_time >= wholeMs), fromMs: wholeMs };
    } catch (error) {
      if (error instanceof ProblemError && (error.code === "unknown_token" || error.code === "unavailable"))
        return none;
      throw error;
    }
  }

  /** The page is in memory as a whole. Older candles may follow. */
  #ofMemory(response: TaggedText, { items }: Memory, { interval, limit, fromMs = 0 }: CandlesQuery): TaggedText {
    const [first] = items;
    if (first === undefined || items.length < limit || first.open_time <= fromMs) return response;
    const cursor = encodePlace({ kind: "candle", openTimeMs: first.open_time, interval });
    return { ...response, text: `${response.text.slice(0, -1)},"next_cursor":"${cursor}"}` };
  }

  async #older(
    token: PastToken,
    step: CandleStep,
    range: { fromMs: number; toMs: number },
    limit: number,
  ): Promise<Older> {
    const { history, windows, nowMs } = this.#options;
    const asOfMs = nowMs();
    const firstMs = stepStart(step, range.fromMs);
    const fromMs = firstMs < range.fromMs ? stepEnd(step, range.fromMs) : firstMs;
    const lastMs = range.toMs >= Number.MAX_SAFE_INTEGER ? range.toMs : stepStart(step, range.toMs);
    const endMs = lastMs < range.toMs ? stepEnd(step, lastMs) : lastMs;
    const span = { fromMs, toMs: Math.min(endMs, windows.closeMs(asOfMs)) };
    if (span.fromMs >= span.toMs) return { items: [], hasMore: false, isComplete: true, beginMs: undefined };
    const { candles, owned } = await history.candles(token.key, step, span, limit + 1);
    const known = history.coverage(owned, 0);
    const newest = candles.slice(-limit);
    const items = newest.map(({ openTimeMs, figures }) => {
      const toMs = stepEnd(step, openTimeMs);
      return candle(openTimeMs, figures, toMs <= asOfMs && covers(known, { fromMs: openTimeMs, toMs }));
    }) as Candle[];
    const hasMore = candles.length > limit;
    const oldestMs = hasMore ? (items[0]?.open_time ?? span.toMs) : span.fromMs;
    const beginMs = Math.min(
      known[0]?.fromMs ?? Number.POSITIVE_INFINITY,
      items[0]?.open_time ?? Number.POSITIVE_INFINITY,
    );
    return {
      ...{ items, hasMore, isComplete: covers(known, { fromMs: oldestMs, toMs: span.toMs }) },
      beginMs: Number.isFinite(beginMs) ? stepStart(step, beginMs) : undefined,
    };
  }

  #joined(token: PastToken, { interval }: CandlesQuery, memory: Memory, older: Older, step: CandleStep): TaggedText {
    const items = [...older.items, ...memory.items];
    const [first] = items;
    const { response } = memory;
    const memoryMs = Number.isFinite(memory.fromMs) ? memory.fromMs : undefined;
    const availableMs = older.beginMs ?? (memoryMs === undefined ? undefined : stepStart(step, memoryMs - 1));
    const available = availableMs === undefined ? "" : `"available_from":${availableMs},`;
    const cursor =
      older.hasMore && first !== undefined
        ? encodePlace({ kind: "candle", openTimeMs: first.open_time, interval })
        : undefined;
    const next = cursor === undefined ? "" : `,"next_cursor":"${cursor}"`;
    const head = `{"id":${JSON.stringify(token.id)},"interval":"${interval}",${available}"history_complete":${older.isComplete},`;
    const text = `${head}"items":[${items.map(candleJson).join(",")}]${next}${staleText(response?.stale ?? false)}${chosenText(token.chosen)}}`;
    return { text, epoch: response?.epoch ?? "", rev: response?.rev ?? 0, stale: response?.stale ?? false };
  }
}
