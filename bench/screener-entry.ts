/**
 * The delay of a live query over 10,000 tokens under 1,000 swaps/s, with one worker and with two, on the whole service: `node
 * bench/screener-entry.ts`. The service is a process of its own. Tokens that the query matches are posted, and the time until they enter is measured. SWAPSTATS_BENCH_SECONDS tries another length.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { report } from "./report.ts";
import { Market, quantile, SECONDS, SWAPS_PER_SECOND } from "./screener/market.ts";
import { Probe } from "./screener/probe.ts";

const TOKENS = 10_000;
const WARM_UP_MS = 5_000;
const GOAL_MS = 100;

for (const workers of [1, 2]) {
  const settings = { "app.workers": String(workers), "ingest.embedded.partitions": String(workers) };
  const market = new Market(TOKENS, settings);
  try {
    await market.start();
    const trading = market.trade();
    await sleep(WARM_UP_MS);
    const probe = new Probe(market);
    const probing = probe.run();
    await sleep(SECONDS * 1_000);
    probe.stop();
    await probing;
    const [medianMs, p99Ms] = [quantile(probe.delaysMs, 0.5), quantile(probe.delaysMs, 0.99)];
    report({
      what: `a live query of the screener over ${TOKENS.toLocaleString("en")} tokens, under ${SWAPS_PER_SECOND.toLocaleString("en")} swaps/s, with ${workers} ${workers === 1 ? "worker" : "workers"}: time from before the POST of a swap until its token has entered at a client`,
      goal: `at most ${GOAL_MS} ms`,
      figure: `median ${medianMs.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`,
      met: p99Ms <= GOAL_MS,
      note: `${probe.delaysMs.length} tokens. The durable POST, and the coalescing of updates over 100 ms, are part of it.`,
    });
    market.stop();
    await trading.catch(() => {});
  } finally {
    market.stop();
  }
}
process.exit();
