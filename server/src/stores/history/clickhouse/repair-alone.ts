/**
 * One repair at a time. ClickHouse has no locks, but runs one statement of an id at a time: a statement that sleeps, until its connection ends, is the lock.
 * Each server of a cluster has its own ids, so this holds for repairs through the same server.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { RepairRun } from "../../../ports/history-store.ts";
import { lockLost, otherRepairs } from "../repairing-alone.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { literal } from "./sql.ts";

const LOOK_MS = 50;
/** The server notices after about a second that the connection has ended. */
const LOOKS_MAX = 100;

/** Rejects as `HistoryStore.repairAlone` does. */
export async function repairAlone<T>(
  connection: ClickHouseConnection,
  { database }: ClickHouseTables,
  repair: RepairRun<T>,
): Promise<T> {
  const where = `ClickHouse, database ${database}`;
  const ending = new AbortController();
  const mark = randomUUID();
  const id = `swapstats repair of ${database}`;
  let ended: { readonly cause: unknown } | undefined;
  const holding = connection.occupy("keep other repairs away", id, mark, ending.signal).then(
    (isOther) => {
      ended = { cause: isOther ? otherRepairs(where) : lockLost(where, undefined) };
    },
    (cause: unknown) => {
      ended = { cause };
    },
  );
  const running = `SELECT count() FROM system.processes WHERE query_id = ${literal(id)} AND query LIKE ${literal(`%${mark}%`)}`;
  const isRunning = async (): Promise<boolean> => {
    const [[count]] = (await connection.rows("see the lock of the repair", running)) as unknown as [[number]];
    return count > 0;
  };
  try {
    while (!(await isRunning())) {
      if (ended !== undefined) throw ended.cause;
      await pause(LOOK_MS);
    }
    return await repair(async () => {
      if (ended !== undefined) throw lockLost(where, ended.cause);
    });
  } finally {
    ending.abort();
    await holding;
    // The next repair of this process finds the lock released.
    for (let i = 0; i < LOOKS_MAX && (await isRunning().catch(() => false)); i++) await pause(LOOK_MS);
  }
}
