/** Servers that are killed, away, or cut off, and writers that do the same work twice. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { freePort } from "../../../../../scripts/servers/ports.ts";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import type { HistoryBatch, HistoryStore } from "../../../../src/ports/history-store.ts";
import { MemoryHistory } from "../../../support/memory-history.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { TcpProxy } from "../../../support/tcp-proxy.ts";
import { tempDir } from "../../../support/tmp.ts";
import { compareAll, compareStatus } from "../compare-stores.ts";
import { HistoryMaker, type MadeHistory } from "../random-history.ts";
import { openStore } from "./postgres-support.ts";

const TRIES_MAX = 200;
const SHAPE = { streams: 3, rows: 500, stepMs: 15_000 };

/** Repeats the batch until it is acknowledged, as the writer does. */
async function appendUntilDone(store: HistoryStore, batch: HistoryBatch): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      await store.append(batch);
      return tries;
    } catch (error) {
      assert.equal((error as { code?: string }).code, "storage_failed", String(error));
      assert.equal((error as { retryable?: boolean }).retryable, true);
      if (tries === TRIES_MAX) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function begin({ streams }: MadeHistory, ...stores: HistoryStore[]): Promise<void> {
  for (const { key, span } of streams) for (const store of stores) await store.beginStream(key, span);
}

/** Lets some turns of the event loop pass: a moment in the middle of connecting, copying or committing. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

requires("history in PostgreSQL on servers that come and go", { servers: ["postgres"] }, () => {
  suite("history in PostgreSQL on servers that come and go", () => {
    test("a server that is killed in the middle of writes has every row once", async (t) => {
      const random = randomFrom(seedOf(t));
      const maker = new HistoryMaker(random);
      const history = maker.history(SHAPE);
      const folder = tempDir(t, "postgres");
      const port = await freePort();
      let server: PostgresServer = await startPostgres({ folder, port });
      t.after(() => server.stop());
      const store = openStore(server);
      t.after(() => store.close());
      const model = new MemoryHistory();
      await store.migrate();
      await begin(history, store, model);
      let interrupted = 0;
      for (const [i, batch] of maker.batches(history, 800).entries()) {
        const appending = appendUntilDone(store, batch);
        if (i % 3 === 0) {
          // The first kill comes before anything can be written; the others come at any moment.
          await turns(interrupted === 0 ? 0 : random.below(60));
          server.kill();
          await server.exited;
          server = await startPostgres({ folder, port });
        }
        if ((await appending) > 1) interrupted++;
        await model.append(batch);
      }
      assert.ok(interrupted > 0, "no write was interrupted");
      await compareAll({ maker, history, lengthMs: SHAPE.rows * SHAPE.stepMs, rounds: 3 }, store, model);
      await compareStatus(store, model);
      assert.deepEqual(await store.verify(t.signal), []);
    });

    test("connections that are cut at any moment lose nothing, and one that was cut while idle is not noticed", async (t) => {
      const random = randomFrom(seedOf(t));
      const maker = new HistoryMaker(random);
      const history = maker.history(SHAPE);
      const server = await startPostgres({ folder: tempDir(t, "postgres") });
      t.after(() => server.stop());
      const proxy = await TcpProxy.start(server.port);
      t.after(() => proxy.close());
      const store = openStore({ host: "127.0.0.1", port: proxy.port });
      t.after(() => store.close());
      const model = new MemoryHistory();
      await store.migrate();
      await begin(history, store, model);
      for (const batch of maker.batches(history, 400)) {
        const appending = appendUntilDone(store, batch);
        await turns(random.below(40));
        proxy.mode = "cut";
        proxy.mode = "open";
        await appending;
        await model.append(batch);
        proxy.mode = "cut";
        proxy.mode = "open";
        await store.sums(history.tokens[0]!, [{ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }], []);
      }
      await compareAll({ maker, history, lengthMs: SHAPE.rows * SHAPE.stepMs, rounds: 2 }, store, model);
      await compareStatus(store, model);
    });

    test("two writers of the same rows, of which one is a zombie, write each row once", async (t) => {
      const random = randomFrom(seedOf(t));
      const maker = new HistoryMaker(random);
      const history = maker.history(SHAPE);
      const server = await startPostgres({ folder: tempDir(t, "postgres") });
      t.after(() => server.stop());
      const stores = [openStore(server), openStore(server)];
      for (const store of stores) t.after(() => store.close());
      const model = new MemoryHistory();
      await stores[0]!.migrate();
      await begin(history, stores[0]!, model);
      const batches = maker.batches(history, 300);
      for (const batch of batches) await model.append(batch);
      await Promise.all(
        stores.map(async (store, i) => {
          for (const batch of batches) {
            await appendUntilDone(store, batch);
            await turns(random.below(3 + 5 * i));
          }
        }),
      );
      await compareAll({ maker, history, lengthMs: SHAPE.rows * SHAPE.stepMs, rounds: 2 }, stores[1]!, model);
      await compareStatus(stores[0]!, model);
      assert.deepEqual(await stores[0]!.verify(t.signal), []);
    });

    test("a server that is away fails reads and writes with a message that says where and what to do", async (t) => {
      const port = await freePort();
      const store = openStore({ host: "127.0.0.1", port });
      t.after(() => store.close());
      const refused = { code: "storage_failed", retryable: true, message: new RegExp(`127.0.0.1:${port}.*Check that`) };
      await assert.rejects(store.append({ settled: [], raw: [], marks: [] }), refused);
      await assert.rejects(store.status(), refused);
      const server = await startPostgres({ folder: tempDir(t, "postgres"), port });
      t.after(() => server.stop());
      await assert.rejects(store.status(), { code: "storage_failed", message: /Run `swapstats history migrate`/ });
      await store.migrate();
      assert.equal((await store.status()).rows, 0);
    });

    test("a wrong password and a user without rights are said as such, and the password is in no message", async (t) => {
      const server = await startPostgres({ folder: tempDir(t, "postgres") });
      t.after(() => server.stop());
      const wrong = openStore(server, { password: "guess-of-a-password" });
      t.after(() => wrong.close());
      await assert.rejects(wrong.migrate(), (error: Error) => {
        assert.match(error.message, /The password of user postgres is refused. Check stores.postgres.password/);
        assert.doesNotMatch(`${error.message} ${error.stack}`, /guess-of-a-password/);
        return true;
      });
      await server.sql("CREATE USER weak PASSWORD 'weak'");
      const weak = openStore(server, { user: "weak", password: "weak" });
      t.after(() => weak.close());
      await assert.rejects(weak.migrate(), {
        code: "storage_failed",
        message: /User weak needs the right to create the schema/,
      });
    });

    test("a repair whose connection the server ended writes no more", async (t) => {
      const server = await startPostgres({ folder: tempDir(t, "postgres") });
      t.after(() => server.stop());
      const store = openStore(server);
      t.after(() => store.close());
      await store.migrate();
      const repair = store.repairAlone(async (requireAlone) => {
        await requireAlone();
        await server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'");
        await requireAlone();
      });
      await assert.rejects(repair, { code: "unavailable", message: /^The repair was given up: PostgreSQL at / });
      assert.equal(await store.repairAlone(async () => "again"), "again");
    });

    test("tables of a newer version are refused", async (t) => {
      const server = await startPostgres({ folder: tempDir(t, "postgres") });
      t.after(() => server.stop());
      const store = openStore(server);
      t.after(() => store.close());
      await store.migrate();
      await server.sql("INSERT INTO swapstats.history_schema (version) VALUES (99)");
      await assert.rejects(store.migrate(), { code: "checkpoint_incompatible", message: /version 99/ });
    });
  });
});
