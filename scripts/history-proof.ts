/**
 * `npm run history-proof -- [--stores embedded,clickhouse,postgres] [--seed N] [--events N] [--instants N] [--report FILE]` audits every window of every token of the
 * file of real swaps and of a generated day with reorganisations on each history store, and writes a report. It ends with 1 at a difference.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { GENERATOR_DEFAULTS } from "../server/src/generator/options.ts";
import type { HistoryStore } from "../server/src/ports/history-store.ts";
import { auditWindow } from "../server/src/serving/history/audit.ts";
import { ClickHouseHistory } from "../server/src/stores/history/clickhouse/clickhouse-history.ts";
import { openEmbeddedHistory } from "../server/src/stores/history/embedded/open-embedded-history.ts";
import {
  generatedEvents,
  type ProofEvent,
  type ProofResult,
  proveHistory,
  realEvents,
} from "../server/test/stores/history/audit-proof.ts";
import { setupOn } from "../server/test/stores/history/clickhouse/fixture.ts";
import { embeddedSetup } from "../server/test/stores/history/embedded-support.ts";
import { openStore } from "../server/test/stores/history/postgres/postgres-support.ts";
import { REPOSITORY } from "./house/repository.ts";
import { readOptions } from "./options.ts";
import { startClickHouse } from "./servers/clickhouse.ts";
import { startPostgres } from "./servers/postgres.ts";

const USAGE = `usage: npm run history-proof -- [options]
  --stores NAMES  separated by commas; the default is embedded,clickhouse,postgres
  --seed N        of the generated day; the default is 14
  --events N      of the generated day; the default is 200000
  --instants N    at which all windows are audited; the default is 4
  --report FILE   the default is docs/reports/history-audit.md`;
const values = readOptions(USAGE, {
  stores: { type: "string", default: "embedded,clickhouse,postgres" },
  seed: { type: "string", default: "14" },
  events: { type: "string", default: "200000" },
  instants: { type: "string", default: "4" },
  report: { type: "string", default: join(REPOSITORY, "docs/reports/history-audit.md") },
});
const [seed, count] = [Number(values.seed), Number(values.events)];
/** Instants at which all windows are audited. */
const instants = Number(values.instants);
const DAY_SECONDS = 86_400;

type Opened = { readonly open: (space: string) => Promise<HistoryStore>; readonly stop: () => Promise<void> };

const folder = mkdtempSync(join(tmpdir(), "swapstats-proof-"));
const KINDS: Readonly<Record<string, () => Promise<Opened>>> = {
  embedded: async () => ({
    open: (space) => openEmbeddedHistory(embeddedSetup(join(folder, space))),
    stop: async () => {},
  }),
  clickhouse: async () => {
    const server = await startClickHouse({ folder: join(folder, "clickhouse") });
    return { open: async (space) => new ClickHouseHistory(setupOn(server, space)), stop: () => server.stop() };
  },
  postgres: async () => {
    const server = await startPostgres({ folder: join(folder, "postgres") });
    return { open: async (space) => openStore(server, { schema: space }), stop: () => server.stop() };
  },
};

const options = {
  ...GENERATOR_DEFAULTS,
  ...{ ratePerSecond: count / DAY_SECONDS, tokens: 100, traders: 3_000, seed },
  ...{ duplicates: 0.01, late: 0.002, future: 0.0005, removed: 0.02 },
};
const dataFile = join(process.env.SWAPSTATS_DATA ?? join(REPOSITORY, "../shared/data"), "eth_dex_20230808.csv");
const datasets: Readonly<Record<string, () => Iterable<ProofEvent>>> = {
  ...(existsSync(dataFile) ? { "real swaps of 2023-08-08": () => realEvents(dataFile) } : {}),
  "generated day": () => generatedEvents(options, count),
};
const eventsOf: Readonly<Record<string, number>> = { "real swaps of 2023-08-08": 9_936, "generated day": count };

type Row = { readonly store: string; readonly dataset: string; readonly seconds: number; readonly result: ProofResult };

async function proveOn(name: string): Promise<Row[]> {
  const begin = KINDS[name];
  if (begin === undefined) throw new Error(`--stores: ${name} is none of ${Object.keys(KINDS).join(", ")}`);
  const { open, stop } = await begin();
  const rows: Row[] = [];
  try {
    for (const [i, [dataset, events]] of Object.entries(datasets).entries()) {
      const store = await open(`proof_${i}`);
      const startMs = performance.now();
      const every = Math.ceil(eventsOf[dataset]! / instants);
      const result = await proveHistory(store, events(), every, auditWindow).finally(() => store.close());
      const seconds = Math.round((performance.now() - startMs) / 1_000);
      console.log(
        `${name}, ${dataset}: ${result.audits} windows in ${seconds} s, ${result.differences.length} differences`,
      );
      for (const line of [...result.differences, ...result.findings].slice(0, 20)) console.log(`  ${line}`);
      rows.push({ store: name, dataset, seconds, result });
    }
  } finally {
    await stop();
  }
  return rows;
}

function reportText(rows: readonly Row[]): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: REPOSITORY, encoding: "utf8" }).trim();
  const lines = rows.map(({ store, dataset, result }) => {
    const { events, removed, rows: settled, tokens, audits, swapsRead, differences, findings } = result;
    const cells = [
      store,
      dataset,
      events,
      removed,
      settled,
      tokens,
      audits,
      swapsRead,
      differences.length,
      findings.length,
    ];
    return `| ${cells.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)).join(" | ")} |`;
  });
  return `# Audit of the history

An engine applies every event, and its settled swaps go into a history store. At ${instants} instants, the figures of every token in every window are recomputed from
swaps and compared with those of the engine: from the rows of the store before an edge, and from the swaps behind it that the engine and the tail hold. The
recomputation (\`server/src/serving/history/audit-fold.ts\`) shares no code with the engine or the stores, and uses exact fractions. At the end the store is compacted, and
\`history verify\` compares the sums of its minutes, hours and days with its rows.

\`npm run history-proof -- --seed ${seed} --events ${count} --instants ${instants}\`, ${new Date().toISOString().slice(0, 10)}, commit ${git("rev-parse", "--short", "HEAD")}, ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, Node ${process.version}

| store | data | events | removals | settled rows | tokens | windows audited | swaps read | differences | findings of verify |
|---|---|---|---|---|---|---|---|---|---|
${lines.join("\n")}
`;
}

// Servers do not keep the process alive while their end is awaited.
const alive = setInterval(() => {}, 1_000);
try {
  const rows: Row[] = [];
  for (const name of values.stores.split(",")) rows.push(...(await proveOn(name)));
  const file = resolve(values.report);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, reportText(rows));
  console.log(`written to ${file}`);
  const isFine = rows.every(({ result }) => result.differences.length + result.findings.length === 0);
  process.exitCode = isFine ? 0 : 1;
} finally {
  clearInterval(alive);
  rmSync(folder, { recursive: true, force: true });
}
