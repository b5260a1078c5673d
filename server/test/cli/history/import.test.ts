/** Swaps travel from files into a history, out of it in every form, into a history of another kind, and through a replay. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as nodeTest from "node:test";
import { after, before, suite, test } from "node:test";
import { POSTGRES_PASSWORD, type PostgresServer, startPostgres } from "../../../../scripts/servers/postgres.ts";
import { runCli } from "../../../src/cli/run.ts";
import type { HistoryStore, SettledRow } from "../../../src/ports/history-store.ts";
import { openHistoryStore } from "../../../src/stores/history/open-history-store.ts";
import { rowsOf, sorted } from "../../stores/history/compare-stores.ts";
import { openStore } from "../../stores/history/postgres/postgres-support.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const COUNT = 4_000;
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
const never = new AbortController().signal;

type Ran = { readonly code: number; readonly out: string; readonly err: string };

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const output = memoryOutput(env);
  const code = await runCli(args, output, never);
  return { code, out: output.outText(), err: output.errText() };
}

async function fine(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const ran = await run(args, env);
  assert.equal(ran.code, 0, ran.err);
  return ran;
}

const EMBEDDED = { SWAPSTATS_STORES_HISTORY: "embedded" };

function embedded(dataDir: string): Promise<HistoryStore> {
  return openHistoryStore({
    kind: "embedded",
    dataDir,
    memoryBytes: 512 * 2 ** 20,
    threads: 1,
    retentionMs: 0,
    cold: undefined,
  });
}

async function allRows(store: HistoryStore): Promise<SettledRow[]> {
  return sorted(await rowsOf(store.rows(ALL, undefined, [], never)));
}

const itemsOf = (json: string): unknown => (JSON.parse(json) as { items: unknown }).items;

requires("swaps of files in a history, and out of it", { servers: ["postgres"] }, () => {
  suite("swaps of files in a history, and out of it", () => {
    const folder = tempDir(nodeTest, "transfer");
    const dataDir = join(folder, "data");
    const swaps = join(folder, "swaps.ndjson");
    const at = (name: string): string => join(folder, name);
    const own = ["--data-dir", dataDir];
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder: join(folder, "postgres") });
      const options = ["--count", String(COUNT), "--rate", "2", "--tokens", "20", "--seed", "11"];
      const more = ["--removed", "2%", "--duplicates", "2%", "--future", "0", "--late", "0"];
      writeFileSync(swaps, (await fine(["generate", "--to", "ndjson", ...options, ...more])).out);
      assert.match(
        (await fine(["history", "import", swaps, ...own], EMBEDDED)).out,
        /swaps of 202.* are in the history as import:swaps.ndjson:/,
      );
    });
    after(() => server.stop());

    const postgresEnv = (schema: string) => ({
      SWAPSTATS_STORES_HISTORY: "postgres",
      SWAPSTATS_STORES_POSTGRES_URL: `postgres://postgres:${POSTGRES_PASSWORD}@127.0.0.1:${server.port}/postgres`,
      SWAPSTATS_STORES_POSTGRES_SCHEMA: schema,
    });

    for (const format of ["ndjson", "csv", "parquet"]) {
      test(`a history that is exported as ${format} and imported into PostgreSQL has equal rows and sums`, async (t) => {
        const file = at(`all.${format}`);
        await fine(["history", "export", "--format", format, "--out", file, ...own], EMBEDDED);
        assert.deepEqual(
          readdirSync(folder).filter((name) => name.endsWith(".part")),
          [],
        );
        await fine(["history", "import", file], postgresEnv(`from_${format}`));
        const [source, target] = [await embedded(dataDir), openStore(server, { schema: `from_${format}` })];
        t.after(() => Promise.all([source.close(), target.close()]));
        const rows = await allRows(source);
        assert.ok(rows.length > COUNT / 2, `${rows.length} rows`);
        assert.deepEqual(await allRows(target), rows);
        const [sums, expected] = [await target.tokens(ALL, [], undefined), await source.tokens(ALL, [], undefined)];
        assert.deepEqual(sorted(sums), sorted(expected));
        assert.deepEqual(await target.verify(never), []);
      });
    }

    test("a replay of the history gives the figures of the files, and so does a replay of an export", async () => {
      const json = ["--format", "json", "--arrival", "2027-01-01"];
      const expected = itemsOf((await fine(["replay", swaps, ...json])).out);
      assert.deepEqual(
        itemsOf((await fine(["replay", "--history", ...json], { ...EMBEDDED, SWAPSTATS_DATA_DIR: dataDir })).out),
        expected,
      );
      const file = at("replayed.csv");
      await fine(["history", "export", "--format", "csv", "--out", file, ...own], EMBEDDED);
      assert.deepEqual(itemsOf((await fine(["replay", file, ...json])).out), expected);
    });

    test("the same import again changes nothing, and one that was cut off goes on", async (t) => {
      const env = postgresEnv("again");
      const first = await fine(["history", "import", swaps], env);
      const store = openStore(server, { schema: "again" });
      t.after(() => store.close());
      const rows = await allRows(store);
      assert.match((await fine(["history", "import", swaps], env)).out, /were there already/);
      assert.equal((await store.status()).rows, rows.length);
      // As an import that was killed: the last rows and the sums are missing.
      await server.sql(
        `DELETE FROM again.swaps WHERE sequence >= 1000; DELETE FROM again.history_marks; TRUNCATE again.swap_minutes, again.swap_hours, again.swap_days;
         UPDATE again.history_streams SET next_sequence = 1000, rows = 1000, final_ms = 0, settled_ms = 0`,
      );
      assert.match((await fine(["history", "import", swaps], env)).out, /of which 1,000 were there already/);
      assert.deepEqual(await allRows(store), rows);
      assert.deepEqual(await store.verify(never), []);
      assert.match(first.out, new RegExp(`^${rows.length.toLocaleString("en")} swaps`));
    });

    test("times that the history covers are refused, unless the user says that the swaps are others", async () => {
      const env = postgresEnv("overlap");
      await fine(["history", "import", swaps], env);
      const part = at("part.ndjson");
      const lines = readFileSync(swaps, "utf8").split("\n");
      writeFileSync(part, lines.slice(0, 500).join("\n"));
      const refused = await run(["history", "import", part], env);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /The history has swaps between .* already, .*--overlap/);
      await fine(["history", "import", part, "--overlap"], env);
    });

    test("a part is exported by time and token, also to standard output", async (t) => {
      const store = await embedded(dataDir);
      t.after(() => store.close());
      const rows = await rowsOf(store.rows(ALL, undefined, [], never));
      const { chainId, token } = rows[0]!;
      const to = rows[Math.floor(rows.length / 2)]!.eventTimeMs;
      const args = ["history", "export", "--token", `${chainId}:${token}`, "--to", String(to), ...own];
      const lines = (await fine(args, EMBEDDED)).out.trimEnd().split("\n");
      const expected = rows.filter((row) => row.token === token && row.chainId === chainId && row.eventTimeMs < to);
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id),
        expected.map(({ eventId }) => eventId),
      );
    });

    test("wrong options are refused before anything is written", async () => {
      const usage = async (...args: string[]): Promise<string> => {
        const { code, err } = await run(args, { ...EMBEDDED, SWAPSTATS_DATA_DIR: dataDir });
        assert.equal(code, 2, err);
        return err;
      };
      assert.match(await usage("history", "export", "--format", "parquet"), /needs --out FILE/);
      assert.match(
        await usage("history", "export", "--from", "2026-01-02", "--to", "2026-01-01"),
        /--from is not before --to/,
      );
      assert.match(await usage("replay"), /give files of swaps, - for standard input, or --history/);
      assert.match(await usage("replay", "--history", swaps), /takes the place of files/);
      assert.match(await usage("replay", swaps, "--from", "2026-01-01"), /give --history/);
      const unknown = await run(["history", "export", "--token", "NOSUCH", "--out", at("none"), ...own], EMBEDDED);
      assert.match(unknown.err, /no token with the address or symbol NOSUCH/);
      assert.equal(existsSync(at("none")), false);
    });
  });
});
