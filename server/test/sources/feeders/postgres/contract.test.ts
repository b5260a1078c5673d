import * as nodeTest from "node:test";
import { after, before, suite } from "node:test";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { openOrigin } from "../../../../src/sources/feeders/postgres/origin.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { originContract } from "../origin-contract.ts";
import { entryFor } from "./postgres-support.ts";

requires("the contract of an origin on PostgreSQL", { servers: ["postgres"] }, () => {
  suite("the contract of an origin on PostgreSQL", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());

    originContract("a table of PostgreSQL", async () => {
      await server.sql("DROP TABLE IF EXISTS swaps; CREATE TABLE swaps (id bigserial PRIMARY KEY)");
      return {
        open: (endsAtEnd) => openOrigin(entryFor(server), { mapper: undefined, endsAtEnd }),
        append: async (count) => {
          const sql = `INSERT INTO swaps SELECT FROM generate_series(1, ${count}) RETURNING id`;
          return (await server.sql(sql)).split("\n").map((id) => `{"id":${id}}`);
        },
        idOf: ({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString(),
      };
    });
  });
});
