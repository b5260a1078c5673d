/**
 * The real program reads a producer's table while several writers commit late, out of order and not at all, and it is killed with SIGKILL at
 * random moments. In the end its figures are those of the table.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "../../../scripts/servers/ports.ts";
import { POSTGRES_PASSWORD, type PostgresServer, startPostgres } from "../../../scripts/servers/postgres.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { requires } from "../support/requires.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { killRepeatedly } from "./kill-rounds.ts";
import { ServiceProcess } from "./service-process.ts";

const KILLS = 8;
const WRITERS = 5;
const TOKENS = 12;
const RUN_MS_MAX = 1_200;

const TABLE = `CREATE TABLE trades (id bigserial PRIMARY KEY, chain_id int, tx_hash text, log_index int, token text, side text,
  amount_token numeric, amount_usd numeric, who text, event_time timestamptz)`;
const TOTALS = `SELECT '1:' || token, count(*) FILTER (WHERE side = 'buy'), count(*) FILTER (WHERE side = 'sell'), sum(amount_usd)
  FROM trades GROUP BY token ORDER BY token`;

type Totals = Map<string, readonly [number, number, number]>;
type Item = { id: string; windows: Record<string, { buys: number; sells: number; volume_usd: string }> };

/** Commits transactions of a few rows until it is stopped. Some are held open for a while, and some are rolled back. */
async function write(server: PostgresServer, random: Random, signal: AbortSignal): Promise<void> {
  const { host, port, user, database } = server;
  const client = new Client({ host, port, user, database, password: POSTGRES_PASSWORD });
  await client.connect();
  const sql = `INSERT INTO trades (chain_id, tx_hash, log_index, token, side, amount_token, amount_usd, who, event_time)
    VALUES (1, $1, $2, $3, $4, $5, $6, $7, clock_timestamp())`;
  while (!signal.aborted) {
    await client.query("BEGIN");
    const hash = `0x${random.below(2 ** 32).toString(16)}${random.below(2 ** 32).toString(16)}`;
    const rows = 1 + random.below(4);
    for (let i = 0; i < rows; i++) {
      if (random.chance(0.2)) await client.query("SAVEPOINT part");
      const side = random.chance(0.5) ? "buy" : "sell";
      const amount = `${random.below(1_000)}.${1 + random.below(999_999)}`;
      const usd = `${random.below(1_000)}.${random.below(999_999)}`;
      const values = [hash, i, `t${random.below(TOKENS)}`, side, amount, usd, `w${random.below(50)}`];
      await client.query(sql, values);
    }
    await client.query("NOTIFY trades");
    if (random.chance(0.3)) await pause(random.below(400));
    await client.query(random.chance(0.15) ? "ROLLBACK" : "COMMIT");
    await pause(random.below(20));
  }
  await client.end();
}

function configFor(server: PostgresServer): string {
  return `ingest:
  feeders:
    - type: postgres
      name: trades
      hosts: ${server.host}:${server.port}
      database: postgres
      user: postgres
      password: env:TRADES_PASSWORD
      table: public.trades
      notify: trades
      margin: 20
      margin_time: 300ms
      batch: 25
`;
}

/** Returns the figures of the service in the form of the table's. */
async function servedTotals(service: ServiceProcess): Promise<Totals> {
  const ids = Array.from({ length: TOKENS }, (_, i) => `1:t${i}`);
  const response = await fetch(`${service.url}/api/tokens/stats`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids }),
  });
  const { items } = (await response.json()) as { items: Item[] };
  const rows = items.map(({ id, windows }): [string, readonly [number, number, number]] => {
    const { buys, sells, volume_usd } = windows["24h"]!;
    return [id, [buys, sells, Math.round(Number(volume_usd) * 1e6)]];
  });
  return new Map(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function tableTotals(server: PostgresServer): Promise<Totals> {
  const lines = (await server.sql(TOTALS)).split("\n").map((line) => line.split("|"));
  const rows = lines.map(([id, buys, sells, usd]): [string, readonly [number, number, number]] => [
    id!,
    [Number(buys), Number(sells), Math.round(Number(usd) * 1e6)],
  ]);
  return new Map(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

requires("crashes of the Postgres feeder", { servers: ["postgres"] }, () => {
  test("killed at random moments while writers commit out of order, the service has every row of the table once", async (t) => {
    const random = randomFrom(seedOf(t));
    const server = await startPostgres({ folder: tempDir(t, "postgres") });
    t.after(() => server.stop());
    await server.sql(TABLE);
    const dataDir = tempDir(t, "crash");
    const configFile = join(tempDir(t, "config"), "config.yaml");
    writeFileSync(configFile, configFor(server));
    const port = await freePort();
    const settings = {
      SWAPSTATS_CONFIG: configFile,
      TRADES_PASSWORD: POSTGRES_PASSWORD,
      SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms",
    };
    const stop = new AbortController();
    const writers = Array.from({ length: WRITERS }, () =>
      write(server, randomFrom(random.below(2 ** 31)), stop.signal),
    );
    await killRepeatedly({ random, kills: KILLS, runMsMax: RUN_MS_MAX, port, dataDir, settings });
    stop.abort();
    await Promise.all(writers);

    const rows = Number(await server.sql("SELECT count(*) FROM trades"));
    const service = new ServiceProcess(port, dataDir, settings);
    t.after(async () => {
      await service.kill("SIGKILL");
    });
    await service.caughtUp();
    const counters = async (): Promise<Record<string, unknown>> => (await service.status()).counters;
    await waitFor("all rows are applied", async () => Number((await counters()).applied) >= rows);
    const { applied, duplicates, late, accepted } = await counters();
    t.diagnostic(JSON.stringify({ rows, applied, duplicates, accepted }));
    assert.equal(applied, rows);
    assert.equal(late, 0);
    assert.deepEqual(await servedTotals(service), await tableTotals(server));
    assert.ok(rows > 300, "too few rows to show anything");
  });
});
