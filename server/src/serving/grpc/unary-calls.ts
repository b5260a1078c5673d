/** The calls with one request and one response. Each is checked by the schema of its HTTP operation, and answered by the executor. */

import type { JsonObject } from "@swapstats/protocol/json.ts";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import {
  type CheckedQuery,
  candlesQuery,
  overviewQuery,
  statsQuery,
  swapsQuery,
  type TokensStatsRequest,
  tokenPath,
  tokensStatsBody,
} from "@swapstats/protocol/schemas/requests.ts";
import { statsText } from "@swapstats/protocol/stats-text.ts";
import { type TProperties, type TSchema, Type } from "typebox";
import type { PastQueries } from "../history/past-queries.ts";
import { type OperationName, PAST_WEIGHT } from "../operation-rules.ts";
import { emptyRange, historyOff } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { createCheck } from "../validators.ts";

export type UnaryCall = {
  readonly operation: OperationName;
  /** Checks the JSON of a request, and fills in defaults. Throws ProblemError `invalid_parameters`. */
  readonly read: (json: JsonObject) => never;
  /** Items that the call costs. */
  readonly items: (params: never) => number;
  /** Resolves to the body of the HTTP response. Rejects with ProblemError. */
  readonly text: (params: never) => Promise<string>;
};

type Path = CheckedQuery<typeof tokenPath>;
type Stats = Path & CheckedQuery<typeof statsQuery>;
type Overview = CheckedQuery<typeof overviewQuery>;
type Candles = Path & CheckedQuery<typeof candlesQuery>;
type Screen = ReturnType<QueryExecutor["screens"]["query"]>;
type Swaps = Path & CheckedQuery<typeof swapsQuery>;

/** Reads a request whose HTTP operation has a query. Lists are texts with commas there. */
function query<Params>(properties: TProperties): (json: JsonObject) => Params {
  const check = createCheck(Type.Object(properties, { additionalProperties: false }));
  return (json) => {
    const entries = Object.entries(json).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]);
    const params = Object.fromEntries(entries);
    check(params);
    return params as Params;
  };
}

/** A sparkline is a text in the query of HTTP, and so is an instant. */
function withTexts<Params>(read: (json: JsonObject) => Params): (json: JsonObject) => Params {
  return ({ spark, at, ...rest }) => {
    const { field, window, points } = (spark ?? {}) as JsonObject;
    return read({
      ...rest,
      ...(spark === undefined ? {} : { spark: `${field}:${window}:${points}` }),
      ...(at === undefined ? {} : { at: String(at) }),
    });
  };
}

const listOf = (names: string | undefined): readonly string[] => names?.split(",") ?? [];
const countOf = (names: readonly string[] | undefined, all: number): number => names?.length ?? all;

/** Reads a request whose HTTP operation has a body. */
function body<Params>(schema: TSchema): (json: JsonObject) => Params {
  const check = createCheck(schema);
  return (json) => {
    const params = { ...json };
    check(params);
    return params as Params;
  };
}

/** By method. */
export function unaryCalls(executor: QueryExecutor, past?: PastQueries) {
  const { windows, selections } = executor;
  const pastFor = (what: string): PastQueries => {
    if (past === undefined) throw historyOff(what);
    return past;
  };
  return {
    GetStats: {
      operation: "tokenStats",
      read: withTexts(query<Stats>({ ...tokenPath(), ...statsQuery(windows) })),
      items: ({ windows: names, at }: Stats) =>
        at === undefined ? 1 : PAST_WEIGHT * (listOf(names).length || windows.length),
      text: async ({ id, windows: names, fields, prefer, at }: Stats) => {
        if (at === undefined) return statsText(await executor.tokenStats(id, selections.parse(names, fields), prefer));
        const history = pastFor("at");
        const selection = history.selection({ windows: listOf(names), fields: listOf(fields) }, "query");
        return history.stats(id, selection, { at, place: "query" }, prefer);
      },
    },
    BatchGetStats: {
      operation: "tokensStats",
      read: body<TokensStatsRequest>(tokensStatsBody(windows)),
      items: ({ ids, windows: names, at }: TokensStatsRequest) =>
        at === undefined ? ids.length : PAST_WEIGHT * ids.length * countOf(names, windows.length),
      text: async ({ ids, windows: names = [], fields = [], prefer, at }: TokensStatsRequest) => {
        if (at === undefined) return executor.tokensStats(ids, selections.of(names, fields), prefer);
        const history = pastFor("at");
        const selection = history.selection({ windows: names, fields }, "body");
        return history.manyStats(ids, selection, { at, place: "body" }, prefer);
      },
    },
    GetOverview: {
      operation: "overview",
      read: withTexts(query<Overview>(overviewQuery(windows))),
      items: ({ limit, windows: names, at }: Overview) =>
        limit * Math.max(1, listOf(names).length) * (at === undefined ? 1 : PAST_WEIGHT),
      text: async ({ cursor, windows: names, fields, spark: sparkText, at, ...ranking }: Overview) => {
        const rows = selections.ofRows(ranking.window, names, fields);
        if (at !== undefined) {
          const request = { ...ranking, cursor, windows: rows.windows, fields: rows.fields, spark: sparkText };
          return pastFor("at").overview(request, { at, place: "query" });
        }
        const spark = sparkText === undefined ? undefined : executor.screens.spark(sparkText);
        return (await executor.overview({ ...ranking, cursor, rows, spark })).text;
      },
    },
    Screen: {
      operation: "screener",
      read: (json: JsonObject) => executor.screens.query(json),
      items: ({ query: { limit, windows: names }, at }: Screen) =>
        limit * names.length * (at === undefined ? 1 : PAST_WEIGHT),
      text: async (params: Screen) =>
        params.at === undefined ? (await executor.screener(params)).text : pastFor("at").screener(params),
    },
    GetCandles: {
      operation: "candles",
      read: query<Candles>({ ...tokenPath(), ...candlesQuery() }),
      items: ({ limit }: Candles) => limit,
      text: async ({ id, interval, from: fromMs, to: toMs, limit, prefer, cursor }: Candles) => {
        if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) throw emptyRange();
        const range = { fromMs, toMs, limit, prefer };
        if (past !== undefined) return (await past.candles(id, { interval, ...range, cursor })).text;
        if (cursor !== undefined) throw historyOff("cursor");
        if (interval === "1M") throw historyOff("interval 1M");
        return (await executor.candles(id, { interval, ...range })).text;
      },
    },
    ListSwaps: {
      operation: "swaps",
      read: query<Swaps>({ ...tokenPath(), ...swapsQuery() }),
      items: ({ limit }: Swaps) => limit,
      text: async ({ id, limit, prefer, from, to, order, cursor }: Swaps) => {
        const needs = Object.entries({ from, to, order, cursor }).find(([, value]) => value !== undefined)?.[0];
        if (needs !== undefined || limit > requestLimits.swapsMax) {
          const history = pastFor(needs ?? `limit above ${requestLimits.swapsMax}`);
          if (from !== undefined && to !== undefined && from > to) throw emptyRange();
          return history.swaps(id, { fromMs: from, toMs: to, order, limit, cursor, prefer });
        }
        return (await executor.tokenText({ kind: "swaps", token: id, limit, prefer })).text;
      },
    },
  };
}
