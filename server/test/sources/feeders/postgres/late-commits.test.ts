/** Rows of transactions that commit late and out of order, on a real PostgreSQL. */
import assert from "node:assert/strict";
import * as nodeTest from "node:test";
import { after, before, suite, test } from "node:test";
import type { Client } from "pg";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { entryFor, Reader, session } from "./postgres-support.ts";

const insert = (client: Client): Promise<unknown> => client.query("INSERT INTO swaps DEFAULT VALUES");

requires("rows that commit late", { servers: ["postgres"] }, () => {
  suite("rows that commit late", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());
    const makeTable = (): Promise<string> =>
      server.sql("DROP TABLE IF EXISTS swaps CASCADE; CREATE TABLE swaps (id bigserial PRIMARY KEY, note text)");

    test("a row of an open transaction is read when it commits, after rows with later ids", async (t) => {
      await makeTable();
      const [slow, fast] = [await session(t, server), await session(t, server)];
      const reader = new Reader(t, entryFor(server));
      await slow.query("BEGIN");
      await insert(slow);
      await insert(fast);
      await insert(fast);
      assert.deepEqual(await reader.rowsUntil(2), ["2", "3"]);
      assert.ok(reader.after < 1n, "the final id stays behind the open row");
      await slow.query("COMMIT");
      assert.deepEqual(await reader.rowsUntil(3), ["2", "3", "1"]);
      await reader.finalUntil(3n);
      assert.equal(reader.ids.length, 3);
    });

    test("a user with SELECT on the table and nothing else sees what is open as well", async (t) => {
      await makeTable();
      await server.sql(
        `DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON swaps TO reader`,
      );
      const [slow, fast] = [await session(t, server), await session(t, server)];
      const reader = new Reader(t, entryFor(server, { user: "reader", password: "reader" }));
      await slow.query("BEGIN");
      await insert(slow);
      await insert(fast);
      await reader.rowsUntil(1);
      assert.ok(reader.after < 1n, "the final id stays behind the open row");
      await slow.query("COMMIT");
      await reader.finalUntil(2n);
      assert.deepEqual(reader.ids, ["2", "1"]);
    });

    test("a restart while the transaction is open loses nothing, and reads nothing twice", async (t) => {
      await makeTable();
      const [slow, fast] = [await session(t, server), await session(t, server)];
      const reader = new Reader(t, entryFor(server));
      await insert(fast);
      await reader.finalUntil(1n);
      await slow.query("BEGIN");
      await insert(slow);
      await insert(fast);
      await reader.rowsUntil(2);
      await reader.restart();
      await slow.query("COMMIT");
      await reader.finalUntil(3n);
      assert.deepEqual(reader.ids, ["1", "3", "2"]);
    });

    test("rows of savepoints and of prepared transactions are read", async (t) => {
      await makeTable();
      const [slow, fast] = [await session(t, server), await session(t, server)];
      const reader = new Reader(t, entryFor(server));
      await slow.query("BEGIN");
      await insert(slow);
      await slow.query("SAVEPOINT one");
      await insert(slow);
      await slow.query("SAVEPOINT two");
      await insert(slow);
      await slow.query("ROLLBACK TO two");
      await insert(fast);
      await reader.rowsUntil(1);
      await slow.query("PREPARE TRANSACTION 'late'");
      await insert(fast);
      await reader.rowsUntil(2);
      await insert(fast);
      await reader.rowsUntil(3);
      assert.deepEqual(reader.ids, ["4", "5", "6"]);
      assert.ok(reader.after < 1n);
      await fast.query("COMMIT PREPARED 'late'");
      await reader.finalUntil(6n);
      assert.deepEqual(reader.ids, ["4", "5", "6", "1", "2"]);
    });

    test("ids that were rolled back do not hold anything up", async (t) => {
      await makeTable();
      const client = await session(t, server);
      const reader = new Reader(t, entryFor(server));
      for (const end of ["ROLLBACK", "COMMIT", "ROLLBACK", "COMMIT"]) {
        await client.query("BEGIN");
        await insert(client);
        await client.query(end);
      }
      await reader.finalUntil(4n);
      assert.deepEqual(reader.ids, ["2", "4"]);
    });

    test("a long transaction on another table does not hold the final id back", async (t) => {
      await makeTable();
      await server.sql("CREATE TABLE IF NOT EXISTS others (n int)");
      const [other, client] = [await session(t, server), await session(t, server)];
      await other.query("BEGIN; INSERT INTO others VALUES (1)");
      const reader = new Reader(t, entryFor(server));
      await insert(client);
      await reader.finalUntil(1n);
      assert.deepEqual(reader.ids, ["1"]);
    });

    test("late rows of a partition, inserted into the partition itself, are read", async (t) => {
      await server.sql(`DROP TABLE IF EXISTS swaps CASCADE;
        CREATE TABLE swaps (id bigserial, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
        CREATE TABLE swaps_1 PARTITION OF swaps FOR VALUES IN (1); CREATE TABLE swaps_2 PARTITION OF swaps FOR VALUES IN (2)`);
      const [slow, fast] = [await session(t, server), await session(t, server)];
      const reader = new Reader(t, entryFor(server));
      await slow.query("BEGIN; INSERT INTO swaps_1 (id, day) VALUES (nextval('swaps_id_seq'), 1)");
      await fast.query("INSERT INTO swaps (day) VALUES (2)");
      await reader.rowsUntil(1);
      assert.ok(reader.after < 1n);
      await slow.query("COMMIT");
      await reader.finalUntil(2n);
      assert.deepEqual(reader.ids, ["2", "1"]);
    });

    for (const source of ["a view", "a query"]) {
      test(`late rows of ${source} are read`, async (t) => {
        await makeTable();
        await server.sql("CREATE VIEW seen AS SELECT id, note FROM swaps");
        const query = "SELECT * FROM swaps";
        const entry = entryFor(server, source === "a view" ? { table: "seen" } : { table: undefined, query });
        const [slow, fast] = [await session(t, server), await session(t, server)];
        const reader = new Reader(t, entry);
        await slow.query("BEGIN");
        await insert(slow);
        await insert(fast);
        await reader.rowsUntil(1);
        assert.ok(reader.after < 1n, "the final id stays behind the open row");
        await slow.query("COMMIT");
        await reader.finalUntil(2n);
        assert.deepEqual(reader.ids, ["2", "1"]);
      });
    }

    test("an id that was drawn in advance is read within the margin", async (t) => {
      await makeTable();
      const client = await session(t, server);
      const reader = new Reader(t, entryFor(server, { marginIds: 10 }));
      const { rows } = await client.query<{ id: string }>("SELECT nextval('swaps_id_seq') AS id");
      await insert(client);
      await reader.rowsUntil(1);
      await client.query("INSERT INTO swaps (id) VALUES ($1)", [rows[0]!.id]);
      assert.deepEqual(await reader.rowsUntil(2), ["2", "1"]);
    });

    test("many writers that commit out of order and roll back, with restarts of the reader: every row is read once", async (t) => {
      await makeTable();
      const random = randomFrom(seedOf(t));
      const reader = new Reader(t, entryFor(server, { rowsMax: 7 }));
      const clients = await Promise.all(Array.from({ length: 6 }, () => session(t, server)));
      const write = async (client: Client): Promise<void> => {
        for (let n = 0; n < 40; n++) {
          await client.query("BEGIN");
          for (let i = 0; i <= random.below(5); i++) {
            if (random.below(4) === 0) await client.query("SAVEPOINT s");
            await insert(client);
          }
          await client.query(random.below(5) === 0 ? "ROLLBACK" : "COMMIT");
        }
      };
      const writing = Promise.all(clients.map(write));
      let isWriting = true;
      writing.finally(() => {
        isWriting = false;
      });
      while (isWriting) {
        await reader.batch();
        if (random.below(20) === 0) await reader.restart();
      }
      await writing;
      await insert(clients[0]!);
      const newest = await server.sql("SELECT max(id) FROM swaps");
      await reader.finalUntil(BigInt(newest));
      const all = (await server.sql("SELECT id FROM swaps ORDER BY id")).split("\n");
      assert.deepEqual(
        [...new Set(reader.ids)].toSorted((a, b) => Number(a) - Number(b)),
        all,
      );
    });
  });
});
