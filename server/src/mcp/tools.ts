/**
 * The tools that agents get: each is a call of the HTTP API that reads, with the parameters of the same schemas. Calls are made over the API, so that checks,
 * scopes and limits are those of every other client.
 */
import {
  candlesQuery,
  marketQuery,
  overviewQuery,
  searchQuery,
  statsQuery,
  swapsQuery,
  tokenPath,
  tokensStatsBody,
} from "@swapstats/protocol/schemas/requests.ts";
import { ScreenerFilter, screenerBody } from "@swapstats/protocol/screener/schema.ts";
import type { TProperties, TSchema } from "typebox";

/** A request to the HTTP API. */
export type ApiRequest = { readonly method: "GET" | "POST"; readonly path: string; readonly body: string | undefined };
/** Sends a request to the HTTP API. Resolves to the status and the body of its response, whatever the status. */
export type ApiCall = (request: ApiRequest) => Promise<{ readonly status: number; readonly text: string }>;

type Schema = { readonly type: "object"; readonly properties: object; readonly required?: string[] };
export type Tool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: Schema;
  /** Returns the request for these arguments, which the API checks. */
  request(args: Readonly<Record<string, unknown>>): ApiRequest;
};

type GetTool = Pick<Tool, "name" | "title" | "description"> & {
  /** Parameters stand as `{name}`. */
  readonly path: string;
  readonly params?: TProperties;
  readonly query?: TProperties;
};

/** Returns the tools of a service with these windows. */
export function toolsOf(windows: readonly string[]): readonly Tool[] {
  return [
    getTool({
      name: "token_stats",
      title: "Statistics of a token",
      description: `Volume, trades, prices, traders and more of one token over ${windows.join(", ")}, now. Figures are exact unless they say that they are estimated; complete says whether the service saw the whole window.`,
      path: "/api/tokens/{id}/stats",
      params: tokenPath(),
      query: statsQuery(windows),
    }),
    postTool({
      name: "tokens_stats",
      title: "Statistics of several tokens",
      description: "The same as token_stats for up to 500 tokens in one call.",
      path: "/api/tokens/stats",
      body: standingAlone(tokensStatsBody(windows), {}),
    }),
    getTool({
      name: "overview",
      title: "Ranking of tokens",
      description:
        "All tokens, ranked by a figure of a window. Ask for few fields and a small limit; next_cursor leads to the next page.",
      path: "/api/overview",
      query: overviewQuery(windows),
    }),
    postTool({
      name: "screener",
      title: "Tokens that match a filter",
      description:
        "Tokens whose figures match a filter of and, or and not, in the order of up to four sorts. Example: " +
        '{"filter":{"field":"volume_usd","window":"1h","gte":"10000"},"sort":[{"field":"price_change_pct","window":"1h"}],"limit":10,"windows":["1h"],"fields":["volume_usd","close"]}.',
      path: "/api/screener",
      body: standingAlone(screenerBody(windows), { ScreenerFilter }),
    }),
    getTool({
      name: "candles",
      title: "Candles of a token",
      description: "Open, high, low, close and volume of one token for each interval that had a trade.",
      path: "/api/tokens/{id}/candles",
      params: tokenPath(),
      query: candlesQuery(),
    }),
    getTool({
      name: "swaps",
      title: "Newest swaps of a token",
      description: "The newest swaps of one token that count in its figures, newest first.",
      path: "/api/tokens/{id}/swaps",
      params: tokenPath(),
      query: swapsQuery(),
    }),
    getTool({
      name: "search_tokens",
      title: "Find tokens",
      description:
        "Tokens whose id, address or symbol begins with a text, or whose symbol contains it, the most volume first. Use it when a symbol is ambiguous or not known.",
      path: "/api/tokens",
      query: searchQuery(),
    }),
    getTool({
      name: "market",
      title: "Sums over all tokens",
      description: "Trades and volumes of all tokens together, in all and for each chain.",
      path: "/api/market",
      query: marketQuery(windows),
    }),
    getTool({
      name: "status",
      title: "Status of the service",
      description:
        "How far ingestion is: lag, watermarks, counters and problems. Where the service requires credentials it needs the scope admin; without it, as_of and complete of the figures say what they stand on.",
      path: "/api/status",
    }),
  ];
}

function getTool({ path, params = {}, query = {}, ...named }: GetTool): Tool {
  return {
    ...named,
    inputSchema: { type: "object", properties: { ...params, ...query }, required: Object.keys(params) },
    request: (args) => {
      const rest = new URLSearchParams();
      let filled = path;
      for (const [name, value] of Object.entries(args)) {
        if (Object.hasOwn(params, name)) filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
        else if (value !== undefined && value !== null) rest.set(name, textOf(value));
      }
      return { method: "GET", path: rest.size === 0 ? filled : `${filled}?${rest}`, body: undefined };
    },
  };
}

function postTool({
  path,
  body,
  ...named
}: Pick<Tool, "name" | "title" | "description"> & { path: string; body: Schema }): Tool {
  return { ...named, inputSchema: body, request: (args) => ({ method: "POST", path, body: JSON.stringify(args) }) };
}

/** Returns the schema with the schemas that it refers to, which stand among the components of the OpenAPI document otherwise. */
function standingAlone(schema: TSchema, referred: Readonly<Record<string, TSchema>>): Schema {
  const text = JSON.stringify(Object.keys(referred).length === 0 ? schema : { ...schema, $defs: referred });
  return JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")) as Schema;
}

/** Agents often send lists where a text with commas is meant. */
const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(",") : String(value));
