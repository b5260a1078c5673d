/** A day of real swaps in a table of its producer, two swaps a row, read by the Postgres feeder: to the totals of the file. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../../scripts/servers/ports.ts";
import { POSTGRES_PASSWORD, type PostgresServer, startPostgres } from "../../../scripts/servers/postgres.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import { ServiceProcess } from "../crash/service-process.ts";
import { TestApps } from "../support/app-harness.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { assertRealTotals, REAL_EVENTS, REAL_MAPPING } from "../support/real-file.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

/** The columns of the file, with the types that a producer would give them. */
const COLUMNS: readonly (readonly [string, string])[] = [
  ["block_number", "bigint"],
  ["block_time", "timestamptz"],
  ["tx_hash", "text"],
  ["tx_index", "int"],
  ["from_addr", "text"],
  ["to_addr", "text"],
  ["mev_bot_label", "text"],
  ["base_fees", "numeric"],
  ["priority_fees", "numeric"],
  ["cb_transfer", "numeric"],
  ["mev_value", "numeric"],
  ["volume", "numeric"],
  ["token_bought_amount", "numeric"],
  ["token_sold_amount", "numeric"],
  ["token_bought_contract", "text"],
  ["token_sold_contract", "text"],
  ["token_bought_symbol", "text"],
  ["token_sold_symbol", "text"],
  ["pair", "text"],
  ["multi_trade", "text"],
  ["builder_label", "text"],
];

/** Starts a server whose table `dex.trades` holds the rows of the file. */
async function startWithTable(
  t: { after(run: () => Promise<void>): void },
  realDataFile: string,
): Promise<PostgresServer> {
  const server = await startPostgres({ folder: tempDir(t, "postgres") });
  t.after(() => server.stop());
  const columns = COLUMNS.map(([name, type]) => `${name} ${type}`).join(", ");
  const id = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
  await server.sql(`CREATE SCHEMA dex; CREATE TABLE dex.trades (${id}, ${columns})`);
  const names = COLUMNS.map(([name]) => name).join(", ");
  await server.sql(`\\copy dex.trades (${names}) FROM '${realDataFile}' WITH (FORMAT csv, HEADER)`);
  return server;
}

const urlOf = ({ host, port, user, database }: PostgresServer): string =>
  `postgres://${user}:${POSTGRES_PASSWORD}@${host}:${port}/${database}?sslmode=disable`;

requires("the real file in a table", { realData: true, servers: ["postgres"] }, ({ realDataFile }) => {
  test("the real file in a table of PostgreSQL, with a kill in the middle, gives its totals", async (t) => {
    const server = await startWithTable(t, realDataFile);
    const configFile = join(tempDir(t, "config"), "config.yaml");
    writeFileSync(
      configFile,
      `windows: { clock: event }
app: { grace: 24h, snapshot_interval: 100ms }
ingest:
  feeders:
    - type: postgres
      name: trades
      url: env:TRADES_URL
      table: dex.trades
      mapping: ${REAL_MAPPING}
      batch: 100
      margin_time: 100ms
`,
    );
    const dataDir = tempDir(t, "table-data");
    const port = await freePort();
    const start = (): ServiceProcess => {
      const service = new ServiceProcess(port, dataDir, { SWAPSTATS_CONFIG: configFile, TRADES_URL: urlOf(server) });
      t.after(() => void service.kill("SIGKILL"));
      return service;
    };
    const applied = async (service: ServiceProcess): Promise<number> => {
      const status = await service.status().catch(() => undefined);
      return Number(status?.counters.applied ?? 0);
    };
    const first = start();
    await waitFor("a third of the table", async () => (await applied(first)) > REAL_EVENTS / 3);
    await first.kill("SIGKILL");
    const second = start();
    await waitFor("the whole table", async () => (await applied(second)) === REAL_EVENTS);
    const { counters } = await second.caughtUp();
    assert.deepEqual([counters.applied, counters.late, counters.conflicts], [REAL_EVENTS, 0, 0]);
    await assertRealTotals(second.url);
  });

  test("the command feed brings the table into the log of a stopped service", async (t) => {
    const apps = new TestApps(t);
    const server = await startWithTable(t, realDataFile);
    const output = memoryOutput({ TRADES_URL: urlOf(server) });
    const args = ["feed", "--from", "postgres", "--set", "url=env:TRADES_URL", "--set", "table=dex.trades"];
    const rest = ["--map", REAL_MAPPING, "--once", "--to", apps.dataDir];
    const code = await runCli([...args, ...rest], output, new AbortController().signal);
    assert.equal(code, 0, output.errText());
    const app = await apps.start({ "windows.clock": "event", "app.grace": "24h" });
    const { counters } = await app.caughtUp();
    assert.deepEqual([counters.accepted, counters.applied], [REAL_EVENTS, REAL_EVENTS]);
    await assertRealTotals(app.base);
  });
});
