/** The settings of history stores, as the configuration gives them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../src/config/load.ts";
import { historyStoreSetup } from "../../../src/stores/history/open-history-store.ts";

const DAY_MS = 86_400_000;

function setupOf(overrides: Record<string, string>) {
  const { config } = loadConfig({ env: {}, overrides: { "metrics.prometheus": "", ...overrides } });
  return historyStoreSetup(config, "/data");
}

test("without a history there is no store", () => {
  assert.equal(setupOf({}), undefined);
  assert.equal(setupOf({ "stores.history": "none", "history.retention": "1d" }), undefined);
});

test("the embedded store has the data folder, its retention, and limits", () => {
  const { memoryBytes, threads, ...setup } = setupOf({ "stores.history": "embedded" }) as Record<string, unknown>;
  assert.deepEqual(setup, { kind: "embedded", dataDir: "/data", retentionMs: 0, cold: undefined });
  assert.deepEqual([memoryBytes, threads], [512 * 2 ** 20, 1]);
  const kept = setupOf({ "stores.history": "embedded", "history.retention": "30d" });
  assert.equal(kept?.kind === "embedded" && kept.retentionMs, 30 * DAY_MS);
});

test("old files of the embedded store need a bucket", () => {
  const cold = { "stores.history": "embedded", "history.cold_after": "90d" };
  assert.throws(() => setupOf(cold), {
    code: "bad_config",
    message: /history\.cold_after is set, and stores\.s3\.bucket is not/,
  });
  const setup = setupOf({
    ...cold,
    "stores.s3.bucket": "old",
    "stores.s3.prefix": "a/",
    "stores.s3.region": "eu-west-1",
  });
  assert.ok(setup?.kind === "embedded" && setup.cold !== undefined);
  const { s3, afterMs, cacheBytes } = setup.cold;
  assert.deepEqual([s3.bucket, s3.prefix, afterMs, cacheBytes], ["old", "a/", 90 * DAY_MS, 4 * 2 ** 30]);
});

test("rows in ClickHouse are deleted at the lesser of both ages", () => {
  const ageOf = (overrides: Record<string, string>): number | undefined => {
    const setup = setupOf({ "stores.history": "clickhouse", "stores.clickhouse.url": "http://db:8123", ...overrides });
    assert.ok(setup?.kind === "clickhouse");
    assert.equal(setup.connection.url, "http://db:8123");
    return setup.tables.deleteAfterMs;
  };
  assert.equal(ageOf({}), 365 * DAY_MS);
  assert.equal(ageOf({ "history.retention": "30d" }), 30 * DAY_MS);
  assert.equal(ageOf({ "history.retention": "400d" }), 365 * DAY_MS);
  assert.equal(ageOf({ "stores.clickhouse.delete_after": "0s", "history.retention": "400d" }), 400 * DAY_MS);
  assert.equal(ageOf({ "stores.clickhouse.delete_after": "0s" }), undefined);
});

test("PostgreSQL is named by a URL or by parts, and its password is in no message", () => {
  const parts = {
    ...{
      "stores.history": "postgres",
      "stores.postgres.hosts": "one:5432,two:5433",
      "stores.postgres.database": "swaps",
    },
    ...{ "stores.postgres.user": "writer", "stores.postgres.password": "secret", "history.retention": "7d" },
  };
  const setup = setupOf(parts);
  assert.ok(setup?.kind === "postgres");
  const { hosts, database, user, password, tls, sessions } = setup.server;
  const two = [
    { host: "one", port: 5432 },
    { host: "two", port: 5433 },
  ];
  assert.deepEqual(
    { hosts, database, user, password, tls, sessions },
    {
      ...{ hosts: two, database: "swaps", user: "writer", password: "secret", tls: undefined, sessions: "read-write" },
    },
  );
  assert.equal(setup.retentionMs, 7 * DAY_MS);
  const url = "postgres://writer:secret@db:6000/swaps?sslmode=verify-full";
  const named = setupOf({ "stores.history": "postgres", "stores.postgres.url": url });
  assert.ok(named?.kind === "postgres" && named.server.tls !== undefined);
  assert.deepEqual(named.server.hosts, [{ host: "db", port: 6000 }]);
  const wrong = () => setupOf({ "stores.history": "postgres", "stores.postgres.url": "http://writer:secret@db" });
  assert.throws(
    wrong,
    (error: Error & { code?: string }) => error.code === "bad_config" && !error.message.includes("secret"),
  );
});
