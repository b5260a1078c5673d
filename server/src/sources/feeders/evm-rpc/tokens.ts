/** Completes the configured pools from the chain: tokens, decimals and symbols that are not given. What is given is checked. */
import type { PoolSettings, TokenSettings } from "../../../config/keys/feeders/pools.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { printableCut } from "../../../shared/printable-text.ts";
import type { ChainReader } from "./chain-reader.ts";
import type { Pool, Token } from "./pools.ts";

/** First four bytes of the hashes of `token0()`, `token1()`, `decimals()` and `symbol()`. */
const TOKEN_SELECTORS = ["0x0dfe1681", "0xd21220a7"] as const;
const DECIMALS_SELECTOR = "0x313ce567";
const SYMBOL_SELECTOR = "0x95d89b41";
/** 10^77 is the largest power of ten below 2^256. */
const DECIMALS_MAX = 77;
const WORD_DIGITS = 64;

/** Rejects with `bad_config` for a pool that the chain does not have or that has other tokens, and as the reader does. */
export async function readPools(
  reader: ChainReader,
  settings: readonly PoolSettings[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Pool>> {
  const addresses = await tokenAddresses(reader, settings, signal);
  const given = new Map<string, TokenSettings>();
  for (const [index, { tokens }] of settings.entries()) {
    for (const [place, token] of tokens.entries()) {
      const address = addresses[2 * index + place] as string;
      given.set(address, { ...given.get(address), ...token });
    }
  }
  const tokens = await readTokens(reader, given, signal);
  const pools = new Map<string, Pool>();
  const tokensOf = (index: number): [Token, Token] => [
    tokens.get(addresses[2 * index] as string) as Token,
    tokens.get(addresses[2 * index + 1] as string) as Token,
  ];
  // Pools with a dollar token first: the others go through them.
  for (const [index, { address, version, dollar, report }] of settings.entries()) {
    if (typeof dollar !== "number") continue;
    const reported = reportedOf(report, dollar);
    pools.set(address, { address, version, tokens: tokensOf(index), leg: dollar, through: undefined, reported });
  }
  for (const [index, { address, version, dollar, report }] of settings.entries()) {
    if (typeof dollar === "number") continue;
    const own = tokensOf(index);
    const through = pools.get(dollar.through) as Pool;
    const shared = through.tokens[through.leg === 0 ? 1 : 0].address;
    const leg = own.findIndex((token) => token.address === shared);
    if (leg !== 0 && leg !== 1) {
      throw badPool(address, `goes through the pool ${dollar.through}, and has no token of that pool but the dollar`);
    }
    pools.set(address, { address, version, tokens: own, leg, through, reported: reportedOf(report, leg) });
  }
  return pools;
}

/** Both tokens, or by default the one that does not give the dollars. */
function reportedOf(report: PoolSettings["report"], leg: 0 | 1): readonly (0 | 1)[] {
  if (report === "both") return [0, 1];
  if (report === undefined) return [leg === 0 ? 1 : 0];
  return [report];
}

/** Two addresses for each pool. */
async function tokenAddresses(reader: ChainReader, settings: readonly PoolSettings[], signal: AbortSignal) {
  const calls = settings.flatMap(({ address }) => TOKEN_SELECTORS.map((data) => ({ to: address, data })));
  const results = await reader.read(calls, signal);
  return settings.flatMap(({ address, tokens }, index) =>
    tokens.map((token, place) => {
      const result = results[2 * index + place];
      if (result === undefined || result.length !== 2 + WORD_DIGITS) {
        throw badPool(address, "is no pool of this chain: it has no token0 and token1; check address and chain_id");
      }
      const found = `0x${result.slice(-40).toLowerCase()}`;
      if (token.address !== undefined && token.address !== found) {
        throw badPool(address, `has the token${place} ${found}, and the configuration names ${token.address}`);
      }
      return found;
    }),
  );
}

async function readTokens(reader: ChainReader, given: ReadonlyMap<string, TokenSettings>, signal: AbortSignal) {
  const addresses = [...given.keys()];
  const calls = addresses.flatMap((to) => [DECIMALS_SELECTOR, SYMBOL_SELECTOR].map((data) => ({ to, data })));
  const results = await reader.read(calls, signal);
  const tokens = new Map<string, Token>();
  for (const [index, address] of addresses.entries()) {
    const own = given.get(address);
    const decimals = own?.decimals ?? decimalsOf(results[2 * index]);
    if (decimals === undefined) {
      throw badPool(address, "is a token that does not tell its decimals; give them in `pools`");
    }
    tokens.set(address, { address, decimals, symbol: own?.symbol ?? textOf(results[2 * index + 1]) });
  }
  return tokens;
}

function decimalsOf(result: string | undefined): number | undefined {
  if (result === undefined || result.length < 2 + WORD_DIGITS) return undefined;
  const value = BigInt(result.slice(0, 2 + WORD_DIGITS));
  return value <= BigInt(DECIMALS_MAX) ? Number(value) : undefined;
}

/** Reads a `string`, or a `bytes32` as old tokens have it. */
function textOf(result: string | undefined): string | undefined {
  const bytes = Buffer.from(result?.slice(2) ?? "", "hex");
  if (bytes.length === 32) return shown(bytes.subarray(0, bytes.indexOf(0) === -1 ? 32 : bytes.indexOf(0)));
  if (bytes.length < 64) return undefined;
  const length = Number(BigInt(`0x${bytes.subarray(32, 64).toString("hex")}`));
  return length > bytes.length - 64 ? undefined : shown(bytes.subarray(64, 64 + length));
}

function shown(bytes: Buffer): string | undefined {
  const text = printableCut(bytes.toString("utf8"), 32).trim();
  return text === "" ? undefined : text;
}

function badPool(address: string, what: string): SwapstatsError {
  return new SwapstatsError("bad_config", `${address} ${what}`);
}
