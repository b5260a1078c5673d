/** Lists of symbols: those that a text finds, and those of a chain with the most volume. */
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { servedResolutions } from "./resolutions.ts";
import { chainOf, priceScale } from "./symbols.ts";

type Item = { readonly id: string; readonly symbol?: string; readonly stats?: { readonly close?: string } };
type Listed = { readonly items: readonly Item[] };

/** `1:we` is the beginning of a symbol on chain 1, as front ends write it. */
const CHAIN_AND_TEXT = /^(0|[1-9][0-9]{0,9}):(?!0x)(.*)$/s;

/** Resolves to the JSON text of the symbols that a text finds, the most volume first. Without a text these are those with the most volume. */
export async function searchSymbols(
  executor: QueryExecutor,
  { query, exchange, limit }: { readonly query: string; readonly exchange: string; readonly limit: number },
): Promise<string> {
  const [, chain = exchange, text = query] = CHAIN_AND_TEXT.exec(query) ?? [];
  const chainId = chain === "" ? undefined : Number(chain);
  const found =
    text === ""
      ? (await largest(executor)).filter(({ id }) => chainId === undefined || chainOf(id) === chainId)
      : (JSON.parse(await executor.search({ query: text, chainId, limit })) as Listed).items;
  return JSON.stringify(
    found.slice(0, limit).map(({ id, symbol }) => {
      const ofChain = String(chainOf(id));
      const name = symbol === undefined ? id : `${ofChain}:${symbol}`;
      return { symbol: name, full_name: name, description: id, exchange: ofChain, ticker: id, type: "crypto" };
    }),
  );
}

/** Resolves to the JSON text of a table of symbols: those with the most volume, of one chain or of all. A column that is equal for all is a single value. */
export async function listSymbols(executor: QueryExecutor, chain: string): Promise<string> {
  const items = await largest(executor);
  const listed = items.filter(({ id }) => chain === "" || String(chainOf(id)) === chain);
  const resolutions = servedResolutions(executor.intervals.names);
  return JSON.stringify({
    symbol: listed.map(({ id, symbol }) => (symbol === undefined ? id : `${chainOf(id)}:${symbol}`)),
    ticker: listed.map(({ id }) => id),
    description: listed.map(({ id }) => id),
    "exchange-listed": listed.map(({ id }) => String(chainOf(id))),
    "exchange-traded": listed.map(({ id }) => String(chainOf(id))),
    pricescale: listed.map(({ stats }) => priceScale(stats?.close)),
    minmovement: 1,
    type: "crypto",
    "session-regular": "24x7",
    timezone: "Etc/UTC",
    "has-intraday": resolutions.some((name) => name !== "1D"),
    "has-seconds": resolutions.some((name) => name.endsWith("S")),
    "supported-resolutions": resolutions,
  });
}

async function largest(executor: QueryExecutor): Promise<readonly Item[]> {
  const window = executor.windows.at(-1) as string;
  const rows = executor.selections.ofRows(window, undefined, "close");
  const { text } = await executor.overview({
    ...{ window, rows, sort: "volume_usd", order: "desc", limit: requestLimits.overviewMax, cursor: undefined },
  });
  return (JSON.parse(text) as Listed).items;
}
