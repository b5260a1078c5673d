import * as nodeTest from "node:test";
import { after, before, suite } from "node:test";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { historyContract } from "../contract.ts";
import { backendOf } from "./postgres-support.ts";

requires("the contract of a history store on PostgreSQL", { servers: ["postgres"] }, () => {
  suite("the contract of a history store on PostgreSQL", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());

    historyContract(() => backendOf(server));
  });
});
