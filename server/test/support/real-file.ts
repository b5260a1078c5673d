/** The file of real swaps: its rows, its mapping, and the totals of its whole day, which were computed from it by a separate program. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const REAL_MAPPING = join(import.meta.dirname, "../../../docs/mappings/eth-dex/mapping.yaml");
/** Each row makes two. */
export const REAL_EVENTS = 9_936;
export const REAL_TOKENS = 142;
/** buys, sells, volume_usd and traders. */
const TOTALS: Readonly<Record<string, readonly [number, number, string, number]>> = {
  "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": [1808, 1875, "167610361.891595", 207],
  "1:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": [374, 555, "104670584.183698", 111],
  "1:0xdac17f958d2ee523a2206206994597c13d831ec7": [253, 856, "36590014.970151", 99],
  "1:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599": [373, 134, "17790029.542958", 76],
  "1:0x6982508145454ce325ddbe47a25d4ec3d2311933": [144, 211, "11301754.752427", 57],
  "1:0x6b175474e89094c44da98b954eedeac495271d0f": [103, 139, "6703066.533257", 36],
};

export type RealRow = Readonly<Record<string, string>>;

/** Every token with all its windows, as a service serves it. */
export type TokenRow = { id: string; symbol?: string; windows: Record<string, Record<string, unknown>> };

/** The rows in the order of time. Each has the texts of its cells by the names of the columns. */
export function realRows(path: string): RealRow[] {
  const text = readFileSync(path, "utf8");
  assert.ok(!text.includes('"'), "the file has no quotes, so a comma always ends a cell");
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const names = header.trim().split(",");
  const rows = lines.map((line) => {
    const cells = line.trimEnd().split(",");
    return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ""]));
  });
  return rows.sort((a, b) => ((a.block_time as string) < (b.block_time as string) ? -1 : 1));
}

/** Returns every token of a service by its volume of a day. */
export async function allTokens(url: string): Promise<TokenRow[]> {
  const ranking = await fetch(`${url}/api/overview?window=24h&sort=volume_usd&limit=500`);
  const { items } = (await ranking.json()) as { items: { id: string }[] };
  const answer = await fetch(`${url}/api/tokens/stats`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: items.map(({ id }) => id) }),
  });
  return ((await answer.json()) as { items: TokenRow[] }).items;
}

/** Asserts that a service that took the whole file, and whose clock is that of events, serves the totals of its day. */
export async function assertRealTotals(url: string): Promise<void> {
  const rows = await allTokens(url);
  assertTotals(rows);
}

/** Asserts the totals of the day on all tokens, by their volume of a day. */
export function assertTotals(rows: readonly TokenRow[]): void {
  assert.equal(rows.length, REAL_TOKENS);
  const totals = rows.slice(0, 6).map(({ id, windows }) => {
    const { buys, sells, volume_usd, traders } = windows["24h"] ?? {};
    return [id, [buys, sells, volume_usd, traders]];
  });
  assert.deepEqual(totals, Object.entries(TOTALS));
}
