/** The pools of a feeder of type `evm_rpc`, as they are configured. */
import type { StructureRead } from "../../key.ts";

/** Members that are not given are read from the chain. */
export type TokenSettings = {
  readonly address?: string | undefined;
  readonly symbol?: string | undefined;
  readonly decimals?: number | undefined;
};

export type PoolSettings = {
  /** In lower case, as every address. */
  readonly address: string;
  readonly version: "v2" | "v3";
  readonly tokens: readonly [TokenSettings, TokenSettings];
  /** Index of the token that is a dollar, or a pool with a dollar whose other token this pool has. */
  readonly dollar: 0 | 1 | { readonly through: string };
  /** Undefined: the token that does not give the dollars. */
  readonly report: 0 | 1 | "both" | undefined;
};

const POOLS_MAX = 200;
const SYMBOL_CHARS_MAX = 64;
/** 10^77 is the largest power of ten below 2^256. */
const DECIMALS_MAX = 77;
const ADDRESS = /^0x[0-9a-f]{40}$/i;
const POOL_MEMBERS = ["address", "version", "token0", "token1", "dollar", "report"];
const TOKEN_MEMBERS = ["address", "symbol", "decimals"];
const TOKENS = ["token0", "token1"];

export const POOLS = {
  type: "structure",
  read: readPools,
  show: (pools: readonly PoolSettings[]): unknown => pools.map(shownPool),
} as const;

function readPools(raw: unknown): StructureRead<readonly PoolSettings[]> {
  if (!Array.isArray(raw) || raw.length === 0)
    return { problem: "is no list of pools; write `- address: 0x...` for each" };
  if (raw.length > POOLS_MAX) return { problem: `has ${raw.length} pools; give at most ${POOLS_MAX}` };
  const pools: PoolSettings[] = [];
  for (const [index, item] of raw.entries()) {
    const pool = readPool(item);
    if (typeof pool === "string") return { problem: `has as pool ${index + 1} one that ${pool}` };
    if (pools.some(({ address }) => address === pool.address)) return { problem: `has the pool ${pool.address} twice` };
    pools.push(pool);
  }
  for (const { address, dollar } of pools) {
    if (typeof dollar === "number") continue;
    const through = pools.find((pool) => pool.address === dollar.through);
    if (typeof through?.dollar === "number") continue;
    const problem = `has the pool ${address}, which goes through ${dollar.through}; add that pool, with token0 or token1 as its dollar`;
    return { problem };
  }
  return { value: pools };
}

/** Returns what is wrong as a phrase. */
function readPool(raw: unknown): PoolSettings | string {
  if (!isSection(raw)) return "is no section with `address`, `version` and `dollar`";
  const unknown = Object.keys(raw).find((name) => !POOL_MEMBERS.includes(name));
  if (unknown !== undefined) return `has \`${unknown}\`; a pool has ${POOL_MEMBERS.join(", ")}`;
  const address = readAddress(raw.address);
  if (address === undefined) return "has no `address` of 0x and 40 hex digits";
  const { version, report } = raw;
  if (version !== "v2" && version !== "v3") return "has no `version`; write v2 or v3";
  const token0 = readToken(raw.token0);
  const token1 = readToken(raw.token1);
  if (typeof token0 === "string") return `has a token0 that ${token0}`;
  if (typeof token1 === "string") return `has a token1 that ${token1}`;
  const dollar = readDollar(raw.dollar);
  if (dollar === undefined) return "has no `dollar`; write token0, token1, or { through: POOL }";
  const reported = report === undefined || report === "both" ? report : TOKENS.indexOf(String(report));
  if (reported === -1) return "has another `report` than token0, token1 or both";
  return { address, version, tokens: [token0, token1], dollar, report: reported as PoolSettings["report"] };
}

function readToken(raw: unknown): TokenSettings | string {
  if (raw === undefined || raw === null) return {};
  if (!isSection(raw)) return "is no section with `address`, `symbol` and `decimals`";
  const unknown = Object.keys(raw).find((name) => !TOKEN_MEMBERS.includes(name));
  if (unknown !== undefined) return `has \`${unknown}\`; a token has ${TOKEN_MEMBERS.join(", ")}`;
  const { symbol, decimals } = raw;
  const address = readAddress(raw.address);
  if (raw.address !== undefined && address === undefined) return "has an `address` that is not 0x and 40 hex digits";
  if (symbol !== undefined && (typeof symbol !== "string" || symbol === "" || symbol.length > SYMBOL_CHARS_MAX)) {
    return `has a \`symbol\` that is no text of 1 to ${SYMBOL_CHARS_MAX} characters`;
  }
  const isCount = Number.isInteger(decimals) && Number(decimals) >= 0 && Number(decimals) <= DECIMALS_MAX;
  if (decimals !== undefined && !isCount) return `has \`decimals\` that are not 0 to ${DECIMALS_MAX}`;
  return { address, symbol, decimals: decimals as number | undefined };
}

function readDollar(raw: unknown): PoolSettings["dollar"] | undefined {
  if (raw === "token0" || raw === "token1") return raw === "token0" ? 0 : 1;
  const through = isSection(raw) ? readAddress(raw.through) : undefined;
  return through === undefined ? undefined : { through };
}

function readAddress(raw: unknown): string | undefined {
  return typeof raw === "string" && ADDRESS.test(raw) ? raw.toLowerCase() : undefined;
}

function isSection(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}

function shownPool({ address, version, tokens, dollar, report }: PoolSettings): object {
  const given = Object.fromEntries(
    tokens.flatMap((token, index) => (Object.keys(token).length === 0 ? [] : [[`token${index}`, token]])),
  );
  const reported = report === undefined || report === "both" ? report : TOKENS[report];
  return { address, version, ...given, dollar: typeof dollar === "number" ? TOKENS[dollar] : dollar, report: reported };
}
