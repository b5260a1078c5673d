/** The origin on a real PostgreSQL: what it reads, how it waits, and what it survives. */
import assert from "node:assert/strict";
import * as nodeTest from "node:test";
import { after, before, suite, test } from "node:test";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { RECORD_BYTES_MAX } from "../../../../src/codecs/limits.ts";
import { ORIGIN_BATCH_BYTES_MAX } from "../../../../src/sources/feeders/origin.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { entryFor, Reader } from "./postgres-support.ts";

const HOUR_MS = 3_600_000;

requires("the Postgres feeder", { servers: ["postgres"] }, () => {
  suite("rows of a table", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());
    const makeTable = (columns = ""): Promise<string> =>
      server.sql(`DROP TABLE IF EXISTS swaps CASCADE; CREATE TABLE swaps (id bigserial PRIMARY KEY${columns})`);

    test("numbers keep all digits, and times are in UTC", async (t) => {
      await makeTable(
        ", amount numeric, small float8, at timestamptz, plain timestamp, raw bytea, big bigint, extra jsonb",
      );
      await server.sql(`ALTER ROLE postgres SET extra_float_digits = 0; ALTER ROLE postgres SET TimeZone = 'Asia/Kolkata'; INSERT INTO swaps VALUES (1, 123456789012345678901234567890.0123456789000, 0.30000000000000004,
        '2026-01-02 03:04:05.678901+02', '2026-01-02 03:04:05.678901', '\\x00ff', 9223372036854775807, '{"a": 1.0000000000000000001}')`);
      const reader = new Reader(t, entryFor(server));
      await reader.rowsUntil(1);
      assert.equal(
        reader.texts[0],
        '{"id":1,"amount":123456789012345678901234567890.0123456789000,"small":0.30000000000000004,"at":"2026-01-02T01:04:05.678901+00:00",' +
          '"plain":"2026-01-02T03:04:05.678901","raw":"\\\\x00ff","big":9223372036854775807,"extra":{"a": 1.0000000000000000001}}',
      );
    });

    test("ids above 2^53, the largest one, and negative ones are read exactly", async (t) => {
      await makeTable();
      await server.sql(
        "INSERT INTO swaps VALUES (-5), (0), (9007199254740993), (9223372036854775806), (9223372036854775807)",
      );
      const reader = new Reader(t, entryFor(server, { rowsMax: 2 }));
      await reader.finalUntil(2n ** 63n - 1n);
      const ids = ["-5", "0", "9007199254740993", "9223372036854775806", "9223372036854775807"];
      assert.deepEqual(reader.ids, ids);
    });

    test("100,000 rows with holes are read in order, in bounded batches, each once", async (t) => {
      await makeTable(", note text");
      await server.sql(
        "INSERT INTO swaps SELECT i, repeat('x', 100) FROM generate_series(1, 110000) i WHERE i % 11 <> 0",
      );
      const reader = new Reader(t, entryFor(server, { rowsMax: 5_000 }), true);
      const sizes: number[] = [];
      for (let batch = await reader.batch(); batch !== undefined; batch = await reader.batch())
        sizes.push(batch.records.length);
      assert.ok(sizes.every((size) => size <= 5_000));
      assert.deepEqual(
        reader.ids,
        Array.from({ length: 110_000 }, (_, i) => i + 1)
          .filter((i) => i % 11 !== 0)
          .map(String),
      );
    });

    test("a batch is bounded in bytes, and a row larger than a record is cut", async (t) => {
      await makeTable(", note text");
      await server.sql(`INSERT INTO swaps SELECT i, repeat('x', 700000) FROM generate_series(1, 12) i;
        INSERT INTO swaps VALUES (13, repeat('y', 3000000)), (14, 'z')`);
      const reader = new Reader(
        t,
        { ...entryFor(server), query: "SELECT * FROM swaps WHERE id < 13", table: undefined },
        true,
      );
      for (let batch = await reader.batch(); batch !== undefined; batch = await reader.batch()) {
        assert.ok(batch.records.length < 12);
        assert.ok(batch.records.reduce((sum, { end }) => sum + end, 0) <= ORIGIN_BATCH_BYTES_MAX);
      }
      assert.equal(reader.ids.length, 12);
      const { openOrigin } = await import("../../../../src/sources/feeders/postgres/origin.ts");
      const origin = openOrigin(entryFor(server, { rowsMax: 1 }), { mapper: undefined, endsAtEnd: true });
      const { signal } = new AbortController();
      const cut = await origin.read({ after: "12", pass: 1 }, signal);
      assert.equal(cut!.records[0]!.end, RECORD_BYTES_MAX + 1);
      const last = await origin.read(cut!.position, signal);
      assert.equal(Buffer.from(last!.records[0]!.bytes).toString(), '{"id":14,"note":"z"}');
      await origin.close();
    });

    test("a table, a column and a channel with hostile names are only names", async (t) => {
      const table = `sw"aps'; DROP TABLE keep; --.x`;
      await server.sql(`DROP SCHEMA IF EXISTS "Odd.Schema" CASCADE; CREATE SCHEMA "Odd.Schema"; CREATE TABLE IF NOT EXISTS keep (n int);
        CREATE TABLE "Odd.Schema"."sw""aps'; DROP TABLE keep; --.x" ("Id ""x" int PRIMARY KEY, item text, "row" text);
        INSERT INTO "Odd.Schema"."sw""aps'; DROP TABLE keep; --.x" VALUES (7, 'a', 'b')`);
      const written = `"Odd.Schema"."${table.replaceAll('"', '""')}"`;
      const entry = entryFor(server, { table: written, id: 'Id "x', channel: `c"; DROP TABLE keep; --` });
      const reader = new Reader(t, entry);
      await reader.rowsUntil(1);
      assert.deepEqual(reader.rows, [{ 'Id "x': 7, item: "a", row: "b" }]);
      assert.equal(await server.sql("SELECT count(*) FROM keep"), "0");
    });

    test("a query gives the rows, also with a comment at its end, and cannot write", async (t) => {
      await makeTable(", who text");
      await server.sql("INSERT INTO swaps (who) VALUES ('a'), ('b'), ('a')");
      const query = "SELECT id, upper(who) AS who FROM swaps WHERE who = 'a' -- of one trader";
      const reader = new Reader(t, entryFor(server, { table: undefined, query }), true);
      await reader.untilEnd();
      assert.deepEqual(reader.rows, [
        { id: 1, who: "A" },
        { id: 3, who: "A" },
      ]);
      await server.sql(
        "CREATE OR REPLACE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM swaps RETURNING 1'",
      );
      const writing = new Reader(t, entryFor(server, { table: undefined, query: "SELECT id, writes() FROM swaps" }));
      await assert.rejects(writing.batch(), /read-only transaction/);
      assert.equal(await server.sql("SELECT count(*) FROM swaps"), "3");
    });

    test("a revision that grows with each change, as the id, brings changed rows again; deleted rows are not seen", async (t) => {
      await server.sql(
        `DROP TABLE IF EXISTS swaps CASCADE; CREATE TABLE swaps (id serial PRIMARY KEY, note text, revision bigserial UNIQUE)`,
      );
      await server.sql("INSERT INTO swaps (note) VALUES ('a'), ('b'), ('c')");
      const reader = new Reader(t, entryFor(server, { id: "revision" }));
      await reader.rowsUntil(3);
      await server.sql("UPDATE swaps SET note = 'B', revision = DEFAULT WHERE id = 2; DELETE FROM swaps WHERE id = 1");
      await reader.rowsUntil(4);
      assert.deepEqual(
        reader.rows.map(({ note }) => note),
        ["a", "b", "c", "B"],
      );
    });

    test("with from: end only later rows are read", async (t) => {
      await makeTable();
      await server.sql("INSERT INTO swaps SELECT FROM generate_series(1, 5)");
      const reader = new Reader(t, entryFor(server, { from: "end" }));
      await reader.batch();
      await server.sql("INSERT INTO swaps DEFAULT VALUES");
      assert.deepEqual(await reader.rowsUntil(1), ["6"]);
    });

    test("a notification ends the pause, long before the next poll", async (t) => {
      await makeTable();
      await server.sql("INSERT INTO swaps DEFAULT VALUES");
      const reader = new Reader(t, entryFor(server, { pollMs: HOUR_MS, channel: "New swaps" }));
      await reader.rowsUntil(1);
      const waiting = reader.rowsUntil(2);
      await server.sql(`INSERT INTO swaps DEFAULT VALUES; NOTIFY "New swaps"`);
      assert.deepEqual(await waiting, ["1", "2"]);
    });

    test("a terminated connection is made again, while reading and while waiting", async (t) => {
      await makeTable();
      await server.sql("INSERT INTO swaps SELECT FROM generate_series(1, 10)");
      const reader = new Reader(t, entryFor(server, { rowsMax: 4, pollMs: HOUR_MS }));
      const terminate =
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'swapstats'";
      await reader.batch();
      assert.equal(await server.sql(terminate), "1");
      await reader.rowsUntil(10);
      const waiting = reader.rowsUntil(11);
      await server.sql("INSERT INTO swaps DEFAULT VALUES");
      // The lost connection is noticed, and its successor reads at once.
      await server.sql(terminate);
      assert.equal((await waiting).at(-1), "11");
      assert.equal(new Set(reader.ids).size, 11);
    });

    test("a stop ends a wait and a running statement", async () => {
      await makeTable();
      const { openOrigin } = await import("../../../../src/sources/feeders/postgres/origin.ts");
      const slow = { table: undefined, query: "SELECT id, pg_sleep(60) FROM generate_series(1, 2) AS id" };
      for (const changes of [{ pollMs: HOUR_MS }, slow]) {
        const origin = openOrigin(entryFor(server, changes), { mapper: undefined, endsAtEnd: false });
        const stopping = new AbortController();
        const reading = origin.read({ after: "0", pass: 1 }, stopping.signal);
        stopping.abort(new Error("stopped"));
        await assert.rejects(reading, /^Error: stopped$/);
        await origin.close();
      }
    });
  });

  suite("what is wrong is said", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
      await server.sql(`CREATE TABLE swaps (id bigserial PRIMARY KEY, name text, twice int, noindex bigint);
        CREATE INDEX ON swaps (twice); INSERT INTO swaps (twice, noindex) VALUES (1, 1), (2, 2), (2, 3);
        CREATE ROLE reader LOGIN PASSWORD 'reader'`);
    });
    after(() => server.stop());
    const cases: readonly [string, Parameters<typeof entryFor>[1], RegExp][] = [
      ["a wrong password", { password: "wrong" }, /password authentication failed.* Check password\./],
      ["no password", { password: undefined }, /Check|password/],
      [
        "a user without the right",
        { user: "reader", password: "reader" },
        /permission denied.* GRANT SELECT ON "swaps" TO reader/,
      ],
      ["no such database", { database: "nowhere" }, /database "nowhere" does not exist.* Check database\./],
      ["no such table", { table: "public.Swaps" }, /There is no table public\.Swaps\. There are public\.swaps\./],
      [
        "no such column",
        { id: "key" },
        /The table "swaps" has no column "key"\. Its columns are id, name, twice, noindex\./,
      ],
      ["a column that is no integer", { id: "name" }, /the column "name" is of type text/],
      ["a column without an index", { id: "noindex" }, /CREATE INDEX CONCURRENTLY ON "swaps" \("noindex"\)/],
      ["a column that is not unique", { id: "twice" }, /Two rows of "swaps" have the value 2 in "twice"/],
      ["a query that fails", { table: undefined, query: "SELECT ids FROM swaps" }, /column "ids" does not exist/],
      [
        "two statements as a query",
        { table: undefined, query: "SELECT 1 AS id) AS x; DROP TABLE swaps; SELECT (1" },
        /Check query/,
      ],
      [
        "a statement that takes too long",
        { table: undefined, query: "SELECT id, pg_sleep(60) FROM swaps", statementMs: 100 },
        /statement timeout.* took longer than statement_timeout \(100 ms\)/,
      ],
      ["nobody who listens", { hosts: [{ host: "127.0.0.1", port: 1 }] }, /ECONNREFUSED/],
    ];
    for (const [what, changes, message] of cases) {
      test(what, async (t) => {
        const reader = new Reader(t, entryFor(server, changes));
        const error: unknown = await reader.batch().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        assert.match(String(error), message);
        assert.equal((error as { retryable?: boolean }).retryable, true);
        assert.doesNotMatch(String(error), /wrong$/);
      });
    }
  });
});
