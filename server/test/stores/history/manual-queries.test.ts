/** The queries of the manual, on stores with swaps of yesterday, of this hour, and of finished days. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as nodeTest from "node:test";
import { after, before, suite, type TestContext, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { type PostgresServer, startPostgres } from "../../../../scripts/servers/postgres.ts";
import type { HistoryStore, StreamKey } from "../../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { requires } from "../../support/requires.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { openStore } from "./postgres/postgres-support.ts";
import { ALWAYS, DAY_MS, HistoryMaker, MINUTE_MS } from "./random-history.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../../..");
const TOKEN = { chainId: 1, token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2" };
const KEY: StreamKey = { logId: "log", partition: 0, epoch: 1 };
const SWAPS_A_DAY = 20;

/** The SQL of a page, or of one of its parts. */
function queriesOf(page: string, heading?: string): string[] {
  const text = readFileSync(join(REPOSITORY, "docs", page), "utf8");
  const part = heading === undefined ? text : text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`))!;
  return [...part.matchAll(/```sql\n([^`]*?)\n?```/g)].map((match) => match[1]!);
}

/** Writes swaps around noon of four finished days, and of the last minutes. */
async function fill(t: TestContext, store: HistoryStore): Promise<void> {
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const now = Date.now();
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const times = [4, 3, 2, 1].flatMap((days) =>
    Array.from({ length: SWAPS_A_DAY }, (_, i) => today - (days - 0.5) * DAY_MS + i * MINUTE_MS),
  );
  const settled = times.length;
  for (let i = 0; i < SWAPS_A_DAY; i++) times.push(now - (SWAPS_A_DAY - i) * 1_000);
  const rows = times.map((timeMs, i) => ({ ...maker.row(TOKEN, timeMs), who: `0x${i % 7}` }));
  await store.beginStream(KEY, ALWAYS);
  const gap = { ...KEY, fromMs: today - 9 * DAY_MS, toMs: today - 8 * DAY_MS, cause: "The buffer was full." };
  await store.noteGap({ ...gap, isRepairable: true });
  const mark = { ...KEY, sequence: settled, beforeMs: today };
  await store.append({ settled: [{ ...KEY, fromSequence: 0, rows }], raw: [], marks: [mark] });
}

requires("the queries of the manual on PostgreSQL", { servers: ["postgres"] }, () => {
  suite("the queries of the manual on PostgreSQL", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());

    test("each runs, and has rows", async (t) => {
      const store = openStore(server);
      t.after(() => store.close());
      await store.migrate();
      await fill(t, store);
      const queries = [...queriesOf("history-sql.md", "PostgreSQL"), ...queriesOf("postgres-history.md")];
      assert.ok(queries.length >= 7, `${queries.length} queries`);
      for (const query of queries) assert.notEqual(await server.sql(query), "", query);
    });
  });
});

test("the queries of the manual run on the Parquet files, and have rows", async (t) => {
  const dataDir = tempDir(t, "manual");
  const store = await openEmbeddedHistory(embeddedSetup(dataDir));
  await store.migrate();
  await fill(t, store);
  await store.close();
  const queries = queriesOf("history-sql.md", "Parquet files");
  assert.equal(queries.length, 1);
  const duck = await DuckDBInstance.create(":memory:");
  t.after(() => duck.closeSync());
  const connection = await duck.connect();
  // As in a shell that was started in that folder.
  await connection.run(`SET file_search_path = '${join(dataDir, "history")}'`);
  const result = await connection.runAndReadAll(queries[0]!);
  const [row] = result.getRowObjects();
  assert.equal(row?.token, TOKEN.token);
  assert.equal(row?.trades, BigInt(SWAPS_A_DAY));
});
