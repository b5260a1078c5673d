/**
 * Symbols of charting front ends: `<chain>:<symbol or address>`, where the chain is what they call the exchange. The ticker of a symbol is the id of its
 * token, so that later calls mean the same token whatever its symbol comes to stand for.
 */
import type { TokenCandidate } from "@swapstats/protocol/schemas/problems.ts";
import { ProblemError } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { servedResolutions } from "./resolutions.ts";

type FoundSymbol = { readonly id: string; readonly symbol: string | undefined; readonly close: string | undefined };

type TokenBody = {
  readonly id: string;
  readonly symbol?: string;
  readonly windows: Readonly<Record<string, { readonly close?: string }>>;
};

const CHAIN_AND_NAME = /^(0|[1-9][0-9]{0,9}):(.+)$/s;

/** Finds the token of a symbol. Rejects as `QueryExecutor.tokenStats` does; a name of several tokens of one chain means the one with the most volume. */
export async function findSymbol(executor: QueryExecutor, text: string): Promise<FoundSymbol> {
  const parts = CHAIN_AND_NAME.exec(text);
  if (parts === null) return lookUp(executor, text, "largest");
  try {
    return await lookUp(executor, text);
  } catch (error) {
    if (!isProblem(error, "unknown_token")) throw error;
  }
  const [, chain = "", name = ""] = parts;
  const id = await idOnChain(executor, name, Number(chain));
  if (id === undefined)
    throw new ProblemError("unknown_token", `Chain ${chain} has no token with the name ${JSON.stringify(name)}.`);
  return lookUp(executor, id);
}

async function lookUp(executor: QueryExecutor, text: string, prefer?: "largest"): Promise<FoundSymbol> {
  const window = executor.windows.at(-1) as string;
  const { body } = await executor.tokenStats(text, executor.selections.of([window], ["close"]), prefer);
  const { id, symbol, windows } = JSON.parse(`{${body}}`) as TokenBody;
  return { id, symbol, close: windows[window]?.close };
}

async function idOnChain(executor: QueryExecutor, name: string, chainId: number): Promise<string | undefined> {
  try {
    const { id } = await lookUp(executor, name);
    return chainOf(id) === chainId ? id : undefined;
  } catch (error) {
    if (isProblem(error, "unknown_token")) return undefined;
    if (!isProblem(error, "ambiguous_token")) throw error;
    const candidates: readonly TokenCandidate[] = error.extras.candidates ?? [];
    return candidates.find((candidate) => candidate.chain_id === chainId)?.id;
  }
}

const isProblem = (error: unknown, code: ProblemError["code"]): error is ProblemError =>
  error instanceof ProblemError && error.code === code;

export const chainOf = (id: string): number => Number(id.slice(0, id.indexOf(":")));

/** Digits behind the decimal point that a price of this size is shown with. */
const SIGNIFICANT_DIGITS = 6;
const DECIMALS_MIN = 2;
const DECIMALS_MAX = 16;

/** Returns the number of price steps in a dollar, a power of ten, so that six significant digits of the price are shown. */
export function priceScale(close: string | undefined): number {
  const price = Number(close ?? 1);
  const magnitude = price > 0 ? Math.floor(Math.log10(price)) : 0;
  return 10 ** Math.min(DECIMALS_MAX, Math.max(DECIMALS_MIN, SIGNIFICANT_DIGITS - 1 - magnitude));
}

/** The description of a symbol, as `/symbols` responds with it. */
export function symbolInfo(executor: QueryExecutor, { id, symbol, close }: FoundSymbol): Record<string, unknown> {
  const chain = String(chainOf(id));
  const resolutions = servedResolutions(executor.intervals.names);
  return {
    name: symbol === undefined ? id : `${chain}:${symbol}`,
    ticker: id,
    description: symbol === undefined ? id : `${symbol} (${id}) in US dollars`,
    type: "crypto",
    exchange: chain,
    listed_exchange: chain,
    session: "24x7",
    timezone: "Etc/UTC",
    minmov: 1,
    pricescale: priceScale(close),
    has_intraday: resolutions.some((name) => name !== "1D"),
    intraday_multipliers: resolutions.filter((name) => /^\d+$/.test(name)),
    has_seconds: resolutions.some((name) => name.endsWith("S")),
    seconds_multipliers: resolutions.filter((name) => name.endsWith("S")).map((name) => name.slice(0, -1)),
    has_daily: resolutions.includes("1D"),
    supported_resolutions: resolutions,
    volume_precision: 2,
    currency_code: "USD",
    data_status: "streaming",
    format: "price",
  };
}
