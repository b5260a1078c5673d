/** Servers that end, fail over, answer nothing or are cut off, while the origin reads them. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { freePort } from "../../../../../scripts/servers/ports.ts";
import { startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { TcpProxy } from "../../../support/tcp-proxy.ts";
import { tempDir } from "../../../support/tmp.ts";
import { entryFor, Reader, session, startServer } from "./postgres-support.ts";

requires("the Postgres feeder on servers that come and go", { servers: ["postgres"] }, () => {
  suite("servers that come and go", () => {
    test("a restart of the server in the middle loses nothing", async (t) => {
      const folder = tempDir(t, "postgres");
      const port = await freePort();
      const first = await startPostgres({ folder, port });
      await first.sql(
        "CREATE TABLE swaps (id bigserial PRIMARY KEY); INSERT INTO swaps SELECT FROM generate_series(1, 100)",
      );
      const reader = new Reader(t, entryFor(first, { rowsMax: 30 }));
      await reader.batch();
      first.kill();
      await first.exited;
      await assert.rejects(reader.batch(), { code: "unavailable", retryable: true });
      const second = await startPostgres({ folder, port });
      t.after(() => second.stop());
      await second.sql("INSERT INTO swaps DEFAULT VALUES");
      await reader.finalUntil(BigInt(await second.sql("SELECT max(id) FROM swaps")));
      assert.equal(new Set(reader.ids).size, 101);
    });

    test("a server that answers nothing is given up, and read again when it answers", async (t) => {
      const server = await startServer(t);
      await server.sql(
        "CREATE TABLE swaps (id bigserial PRIMARY KEY); INSERT INTO swaps SELECT FROM generate_series(1, 3)",
      );
      const proxy = await TcpProxy.start(server.port);
      t.after(() => proxy.close());
      const reader = new Reader(t, entryFor({ host: "127.0.0.1", port: proxy.port }, { rowsMax: 2, statementMs: 100 }));
      await reader.batch();
      proxy.mode = "no_answers";
      await assert.rejects(reader.batch(), { code: "unavailable", retryable: true });
      proxy.mode = "open";
      assert.deepEqual(await reader.rowsUntil(3), ["1", "2", "3"]);
    });

    test("connections that are cut at random moments, while rows are written, lose nothing", async (t) => {
      const random = randomFrom(seedOf(t));
      const server = await startServer(t);
      await server.sql("CREATE TABLE swaps (id bigserial PRIMARY KEY)");
      const proxy = await TcpProxy.start(server.port);
      t.after(() => proxy.close());
      const writer = await session(t, server);
      const reader = new Reader(t, entryFor({ host: "127.0.0.1", port: proxy.port }, { rowsMax: 3 }));
      for (let step = 0; step < 60; step++) {
        await writer.query(`INSERT INTO swaps SELECT FROM generate_series(1, ${random.below(8)})`);
        const reading = reader.batch().catch((error: { retryable?: boolean }) => assert.equal(error.retryable, true));
        if (random.chance(0.5)) {
          // The cut hits the connecting, one of the statements, or nothing.
          for (let turns = random.below(40); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
          proxy.mode = "cut";
          proxy.mode = "open";
        }
        await writer.query("INSERT INTO swaps DEFAULT VALUES");
        await reading;
      }
      await reader.finalUntil(BigInt(await server.sql("SELECT max(id) FROM swaps")));
      const all = (await server.sql("SELECT id FROM swaps ORDER BY id")).split("\n");
      assert.deepEqual(
        [...new Set(reader.ids)].toSorted((a, b) => Number(a) - Number(b)),
        all,
      );
    });

    test("a server that was restarted may have other rows with the same ids: above the final id they are read", async (t) => {
      const folder = tempDir(t, "postgres");
      const port = await freePort();
      const first = await startPostgres({ folder, port });
      await first.sql(
        "CREATE TABLE swaps (id bigserial PRIMARY KEY, note text); INSERT INTO swaps SELECT FROM generate_series(1, 3)",
      );
      const reader = new Reader(t, entryFor(first, { marginIds: 2 }));
      await reader.rowsUntil(3);
      await reader.restart();
      await first.sql("INSERT INTO swaps DEFAULT VALUES");
      assert.deepEqual(await reader.rowsUntil(4), ["1", "2", "3", "4"], "the same server: nothing comes twice");
      await first.stop();
      await reader.restart();
      const second = await startPostgres({ folder, port });
      t.after(() => second.stop());
      await second.sql("DELETE FROM swaps WHERE id > 2; INSERT INTO swaps VALUES (4, 'another row')");
      await reader.rowsUntil(5);
      assert.deepEqual(reader.rows.at(-1), { id: 4, note: "another row" });
    });

    test("after a failover the promoted standby is read", async (t) => {
      const primary = await startServer(t);
      await primary.sql(
        "CREATE TABLE swaps (id bigserial PRIMARY KEY); INSERT INTO swaps SELECT FROM generate_series(1, 20)",
      );
      const standby = await startServer(t, { standbyOf: primary });
      const hosts = [primary, standby].map(({ host, port }) => ({ host, port }));
      const reader = new Reader(t, entryFor(primary, { hosts, rowsMax: 7 }));
      await reader.batch();
      primary.kill();
      await primary.exited;
      // The loss of the connection is reported first, unless it was noticed already.
      const error = await reader.batch().catch((reason: unknown) => reason);
      if (!/standby/.test(String(error))) await assert.rejects(reader.batch(), /is a standby, and no primary answers/);
      await standby.promote();
      await standby.sql("INSERT INTO swaps (id) VALUES (1000)");
      await reader.finalUntil(1000n);
      assert.equal(new Set(reader.ids).size, 21);
    });

    test("with target_session_attrs any a standby is read, and waits for late rows of its primary", async (t) => {
      const primary = await startServer(t);
      await primary.sql("CREATE TABLE swaps (id bigserial PRIMARY KEY)");
      const standby = await startServer(t, { standbyOf: primary });
      const [slow, fast] = [await session(t, primary), await session(t, primary)];
      await slow.query("BEGIN; INSERT INTO swaps DEFAULT VALUES");
      await fast.query("INSERT INTO swaps DEFAULT VALUES");
      const reader = new Reader(t, entryFor(standby, { sessions: "any", channel: "swaps" }));
      assert.deepEqual(await reader.rowsUntil(1), ["2"]);
      assert.ok(reader.after < 1n);
      await slow.query("COMMIT");
      await reader.finalUntil(2n);
      assert.deepEqual(reader.ids, ["2", "1"]);
    });
  });
});
