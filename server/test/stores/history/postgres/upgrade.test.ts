/** A database that an earlier version of the service made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { compareFirstVersion } from "../first-version.ts";
import { openStore } from "./postgres-support.ts";

const FIRST_VERSION = join(import.meta.dirname, "../../../fixtures/history-schema-1/postgres.sql");

requires("upgrades of the tables in PostgreSQL", { servers: ["postgres"] }, () => {
  test("a PostgreSQL schema of version 1 answers as before, and goes on", async (t) => {
    const server = await startPostgres({ folder: tempDir(t, "postgres") });
    t.after(() => server.stop());
    await server.sql(readFileSync(FIRST_VERSION, "utf8"));
    const store = openStore(server, { schema: "first" });
    t.after(() => store.close());
    await compareFirstVersion(t, store, /^version 2: added the sequences of gaps$/);
  });
});
