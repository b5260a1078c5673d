/**
 * `POST /api/screener` over 100,000 tokens under 1,000 swaps/s, on the whole service: `node bench/screener-ask.ts`. A client sends different
 * queries one after the other, ten a second, and reads a second page of every fifth.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { report } from "./report.ts";
import { Market, presetQuery, quantile, SECONDS, SWAPS_PER_SECOND, TOKENS } from "./screener/market.ts";

const QUERIES_PER_SECOND = 10;
const WARM_UP_QUERIES = 30;
const P99_GOAL_MS = 100;

type Page = { readonly ms: number; readonly cursor: string | undefined };

async function ask(market: Market, query: object): Promise<Page> {
  const startedMs = performance.now();
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`http://127.0.0.1:${market.port}/api/screener`, {
    ...{ method: "POST", headers, body: JSON.stringify(query) },
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`POST /api/screener: ${answer.status} ${text}`);
  const { next_cursor: cursor } = JSON.parse(text) as { next_cursor?: string };
  return { ms: performance.now() - startedMs, cursor };
}

const market = new Market();
try {
  await market.start();
  const trading = market.trade();
  const firstMs = (await ask(market, presetQuery(0))).ms;
  for (let i = 1; i < WARM_UP_QUERIES; i++) await ask(market, presetQuery(i));
  const [first, further]: [number[], number[]] = [[], []];
  const [cpu, startMs] = [market.cpu(), performance.now()];
  for (let i = 0; i < SECONDS * QUERIES_PER_SECOND; i++) {
    const query = presetQuery(WARM_UP_QUERIES + i);
    const { ms, cursor } = await ask(market, query);
    first.push(ms);
    if (i % 5 === 0 && cursor !== undefined) further.push((await ask(market, { ...query, cursor })).ms);
    await sleep(Math.max(0, startMs + ((i + 1) * 1_000) / QUERIES_PER_SECOND - performance.now()));
  }
  const [cpuAfter, seconds] = [market.cpu(), (performance.now() - startMs) / 1_000];
  const p99Ms = quantile(first, 0.99);
  report({
    what: `queries of the screener over ${TOKENS.toLocaleString("en")} tokens, each different, under ${SWAPS_PER_SECOND.toLocaleString("en")} swaps/s: p99 of the first page`,
    goal: `at most ${P99_GOAL_MS} ms`,
    figure: `${p99Ms.toFixed(0)} ms (median ${quantile(first, 0.5).toFixed(0)} ms); further pages ${quantile(further, 0.5).toFixed(0)} ms (median)`,
    met: p99Ms <= P99_GOAL_MS,
    note: `${first.length} queries of five forms, ${QUERIES_PER_SECOND} a second, 50 rows of one window with four figures. The first query of all read its columns of all tokens and took ${firstMs.toFixed(0)} ms. The process used ${((cpuAfter.whole - cpu.whole) / seconds).toFixed(2)} core, with applying.`,
  });
  market.stop();
  await trading.catch(() => {});
} finally {
  market.stop();
}
process.exit();
