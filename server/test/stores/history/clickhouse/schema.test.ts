/** The tables: upgrades, versions, ages, the statements of a cluster, TLS, and the queries of the manual. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import test from "node:test";
import { createServer } from "node:tls";
import { makeCertificates } from "../../../../../scripts/servers/certificates.ts";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { createStatements, ttlStatements } from "../../../../src/stores/history/clickhouse/schema.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { setupOn } from "./fixture.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../../../..");
const DAY_MS = 86_400_000;

requires("the tables in ClickHouse", { servers: ["clickhouse"] }, () => {
  let server: ClickHouseServer;
  test.before(async () => {
    server = await startClickHouse({ folder: tempDir(test, "clickhouse") });
  });
  test.after(() => server.stop());

  test("a newer schema is refused, and an interrupted migration is completed", async (t) => {
    const store = new ClickHouseHistory(setupOn(server, "newer"));
    t.after(() => store.close());
    await store.migrate();
    await server.sql("INSERT INTO `swapstats newer`.history_schema (version, ttl, made) VALUES (3, '', now64(3))");
    await assert.rejects(
      () => store.migrate(),
      (error: unknown) => error instanceof SwapstatsError && error.code === "checkpoint_incompatible",
    );
    const half = setupOn(server, "half");
    for (const { sql } of createStatements(half.tables).slice(0, 5)) await server.sql(sql);
    const other = new ClickHouseHistory(half);
    t.after(() => other.close());
    assert.notEqual((await other.migrate()).length, 0);
    assert.deepEqual(await other.migrate(), []);
    assert.equal((await other.status()).rows, 0);
  });

  test("changed ages change the tables, also back to none", async (t) => {
    const ttlOf = async (): Promise<string> =>
      server.sql(
        "SELECT extract(create_table_query, 'TTL (.*) SETTINGS') FROM system.tables WHERE database = 'swapstats ages' AND name = 'swaps'",
      );
    for (const deleteAfterMs of [undefined, 30 * DAY_MS, 60 * DAY_MS, undefined]) {
      const store = new ClickHouseHistory(setupOn(server, "ages", { deleteAfterMs }));
      t.after(() => store.close());
      assert.notEqual((await store.migrate()).length, 0);
      assert.deepEqual(await store.migrate(), []);
      const seconds = deleteAfterMs === undefined ? "" : String(deleteAfterMs / 1_000);
      assert.ok(seconds === "" ? (await ttlOf()) === "" : (await ttlOf()).includes(seconds), await ttlOf());
    }
  });

  // There are no replicas here. The server is `clickhouse local`: it has no Keeper, answers "Replicated DDL queries are disabled" to ON CLUSTER, and has
  // no listener between servers, so with a ZooKeeper its replicated tables are made and stay read-only. Its parser says that the statements are statements.
  test("the statements for a cluster are understood by the server, and every table is replicated", async () => {
    const tables = {
      ...setupOn(server, "x").tables,
      cluster: "all",
      storagePolicy: "tiered",
      coldAfterMs: DAY_MS,
      deleteAfterMs: 2 * DAY_MS,
    };
    for (const { sql } of [...createStatements(tables), ...ttlStatements(tables).statements]) {
      const formatted = await server.sql(`SELECT formatQuerySingleLine($text$${sql}$text$)`);
      assert.match(formatted, /ON CLUSTER `all`/);
      if (formatted.includes("ENGINE")) assert.match(formatted, /ENGINE = Replicated/);
    }
  });

  // The server of the tests has no TLS, so a proxy ends it, as one often does.
  test("the certificate of the server is verified", async (t) => {
    const certificates = makeCertificates(tempDir(t, "certificates"));
    const proxy = createServer(
      { cert: readFileSync(certificates.cert), key: readFileSync(certificates.key) },
      (socket) => {
        const inner = connect(server.port, "127.0.0.1");
        socket.pipe(inner).pipe(socket);
        for (const one of [socket, inner]) one.on("error", () => {});
        socket.on("close", () => inner.destroy());
      },
    );
    await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
    t.after(() => void proxy.close());
    const { port } = proxy.address() as { port: number };
    const setup = setupOn({ url: `https://127.0.0.1:${port}`, user: server.user }, "tls");
    const storeWith = (caPath: string | undefined): ClickHouseHistory => {
      const tls = { caPath, certPath: undefined, keyPath: undefined };
      const store = new ClickHouseHistory({ ...setup, connection: { ...setup.connection, tls } });
      t.after(() => store.close());
      return store;
    };
    await assert.rejects(() => storeWith(undefined).migrate(), /certificate/);
    assert.notEqual((await storeWith(certificates.ca).migrate()).length, 0);
    assert.throws(() => storeWith("/nowhere.pem"), /nowhere\.pem cannot be read/);
  });

  test("the queries of the manual run on the tables", async (t) => {
    const store = new ClickHouseHistory(setupOn(server, "manual"));
    t.after(() => store.close());
    await store.migrate();
    const cookbook = readFileSync(join(REPOSITORY, "docs/history-sql.md"), "utf8");
    const own = cookbook.split(/^## /m).find((part) => part.startsWith("ClickHouse\n"))!;
    const page = `${readFileSync(join(REPOSITORY, "docs/clickhouse.md"), "utf8")}${own}`;
    const queries = [...page.matchAll(/```sql\n([^`]*);\n```/g)].map((match) => match[1]!);
    assert.ok(queries.length >= 8, `${queries.length} queries`);
    for (const query of queries) await server.sql(query.replaceAll("swapstats.", "`swapstats manual`."));
  });
});
