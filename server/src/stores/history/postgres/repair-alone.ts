/** One repair at a time: a lock of the server, which releases it with the connection. */
import type { PostgresSettings } from "../../../clients/postgres/connection.ts";
import { PostgresPool } from "../../../clients/postgres/pool.ts";
import type { RepairRun } from "../../../ports/history-store.ts";
import { lockLost, otherRepairs } from "../repairing-alone.ts";
import { type HistoryTarget, storageFailure } from "./failures.ts";

/**
 * The lock is that of a transaction, so that it also holds behind a pooler. Between its statements the transaction keeps no snapshot, so the server can clean
 * up meanwhile. Rejects as `HistoryStore.repairAlone` does.
 */
export async function repairAlone<T>(
  settings: PostgresSettings,
  schema: string,
  target: HistoryTarget,
  repair: RepairRun<T>,
): Promise<T> {
  // A new pool, because work on a connection that was kept may be repeated on another one.
  const pool = new PostgresPool(settings, 1, "stores.postgres");
  let repaired: Promise<T> | undefined;
  try {
    await pool.use((connection, signal) =>
      connection.write(signal, async ({ query }) => {
        const lock = "SELECT pg_try_advisory_xact_lock(hashtext($1), 1) AS held";
        const { rows } = await query(lock, [`swapstats history ${schema}`]);
        if (rows[0]?.held !== true) return;
        await query("SET LOCAL idle_in_transaction_session_timeout = 0", []);
        repaired = repair(async () => {
          await query("SELECT 1", []).catch((error: unknown) => {
            throw lockLost(target.where, error);
          });
        });
        await repaired.catch(() => {});
      }),
    );
  } catch (error) {
    // A lock that is lost after the last write does no harm.
    if (repaired === undefined) throw storageFailure(error, target);
  } finally {
    await pool.close();
  }
  if (repaired === undefined) throw otherRepairs(target.where);
  return repaired;
}
