/**
 * The door `/udf/`: symbols and bars for charting front ends, by the protocol "UDF" of TradingView's charting libraries. A request that cannot be served gets status
 * 200 and `{"s":"error","errmsg"}`, as these front ends expect.
 */
import type { ServerResponse } from "node:http";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { PastQueries } from "../history/past-queries.ts";
import type { MountContext, MountRoute } from "../mounts.ts";
import { ProblemError, problemOf } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { type HistoryQuery, historyText } from "./history.ts";
import { servedResolutions } from "./resolutions.ts";
import { listSymbols, searchSymbols } from "./symbol-lists.ts";
import { findSymbol, symbolInfo } from "./symbols.ts";

type Parts = {
  readonly executor: QueryExecutor;
  readonly past: PastQueries | undefined;
  /** Ids of the chains that are offered as exchanges. */
  readonly nowMs: () => number;
};

/** Characters of a symbol in a request. */
const SYMBOL_CHARS_MAX = 256;
/** Largest number of bars that a request may ask for; fewer may come, and the front end asks for the rest. */
const COUNTBACK_MAX = 1_000_000;
/** The year 2286. */
const SECONDS_MAX = 9_999_999_999;
const CHAIN_ID_MAX = 2 ** 32 - 1;
const SEARCH_DEFAULT = 30;

type Answer = (query: URLSearchParams, parts: Parts) => Promise<string> | string;

const CALLS: Readonly<Record<string, Answer>> = {
  config: (_query, { executor }) =>
    JSON.stringify({
      supports_search: true,
      supports_group_request: false,
      supports_marks: false,
      supports_timescale_marks: false,
      supports_time: true,
      exchanges: [{ value: "", name: "All chains", desc: "" }],
      symbols_types: [{ name: "All types", value: "" }],
      supported_resolutions: servedResolutions(executor.intervals.names),
    }),
  time: (_query, { nowMs }) => String(Math.floor(nowMs() / 1_000)),
  symbols: async (query, { executor }) =>
    JSON.stringify(symbolInfo(executor, await findSymbol(executor, requiredText(query, "symbol")))),
  symbol_info: (query, { executor }) => listSymbols(executor, query.get("group") ?? ""),
  search: (query, { executor }) =>
    searchSymbols(executor, {
      query: searchText(query),
      exchange: String(integer(query, "exchange", CHAIN_ID_MAX) ?? ""),
      limit: Math.min(integer(query, "limit", SECONDS_MAX) || SEARCH_DEFAULT, requestLimits.searchMax),
    }),
  history: (query, { executor, past }) => historyText(executor, past, historyQuery(query)),
};

export function udfRoutes(parts: Parts): readonly MountRoute[] {
  return Object.entries(CALLS).map(([name, answer]) => ({
    method: "GET",
    path: `/udf/${name}`,
    operation: "udf",
    bodyBytesMax: undefined,
    isWriting: false,
    isStream: false,
    handle: async (_request, response, { url }: MountContext) => {
      try {
        send(response, name, await answer(url.searchParams, parts));
      } catch (error) {
        const problem = problemOf(error);
        // Front ends read no problem documents. A failure of the service keeps its status, so that they ask again.
        if (!REQUEST_PROBLEMS.has(problem.code)) throw error;
        send(response, name, JSON.stringify({ s: "error", errmsg: problem.message }));
      }
    },
  }));
}

const REQUEST_PROBLEMS: ReadonlySet<ProblemError["code"]> = new Set([
  "ambiguous_token",
  "bad_request",
  "invalid_parameters",
  "unknown_token",
]);

function send(response: ServerResponse, call: string, text: string): void {
  response.writeHead(200, {
    "content-type": call === "time" ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  });
  response.end(text);
}

function historyQuery(query: URLSearchParams): HistoryQuery {
  const to = integer(query, "to", SECONDS_MAX);
  if (to === undefined) throw new ProblemError("invalid_parameters", "to is missing; give seconds since 1970.");
  return {
    symbol: requiredText(query, "symbol"),
    resolution: requiredText(query, "resolution"),
    from: integer(query, "from", SECONDS_MAX),
    to,
    countback: integer(query, "countback", COUNTBACK_MAX) || undefined,
  };
}

/** A longer text finds nothing that its beginning does not find. */
const searchText = (query: URLSearchParams): string =>
  (query.get("query") ?? "").trim().slice(0, requestLimits.searchTextMax);

function requiredText(query: URLSearchParams, name: string): string {
  const text = query.get(name) ?? "";
  if (text !== "" && text.length <= SYMBOL_CHARS_MAX) return text;
  throw new ProblemError("invalid_parameters", `${name} must have 1 to ${SYMBOL_CHARS_MAX} characters.`);
}

/** Fractions of seconds, which some front ends send, are cut. */
function integer(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Math.trunc(Number(text));
  if (value >= 0 && value <= max) return value;
  throw new ProblemError("invalid_parameters", `${name} is ${printableCut(text)}; it must be from 0 to ${max}.`);
}
