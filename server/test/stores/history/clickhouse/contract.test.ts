import * as test from "node:test";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { historyContract } from "../contract.ts";
import { rawRowsOf, setupOn } from "./fixture.ts";

requires("the history in ClickHouse", { servers: ["clickhouse"] }, () => {
  let server: ClickHouseServer;
  test.before(async () => {
    server = await startClickHouse({ folder: tempDir(test, "clickhouse") });
  });
  test.after(() => server.stop());

  historyContract(() => ({
    open: async (space) => new ClickHouseHistory(setupOn(server, space)),
    rawRows: (space) => rawRowsOf(server, `swapstats ${space}`),
  }));
});
