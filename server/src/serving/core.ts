/** The parts that every door is made of. Doors know these, and not each other. */
import type { Config } from "../config/config.ts";
import type { StatsBus } from "../ports/stats-bus.ts";
import { type Gate, OPEN_GATE } from "./gate.ts";
import { Hub } from "./live/hub.ts";
import { PENDING_QUERIES_MAX, QUERY_TIMEOUT_MS, QueryExecutor } from "./query-executor.ts";

export type ServingCore = {
  /** Executes queries. */
  readonly executor: QueryExecutor;
  /** Live data. */
  readonly hub: Hub;
  readonly gate: Gate;
};

export function createServingCore(bus: StatsBus, config: Config): ServingCore {
  return {
    executor: new QueryExecutor({
      bus,
      windows: config.windows.list.map((window) => window.name),
      stepsMs: config.windows.list.map((window) => window.stepMs),
      pendingMax: PENDING_QUERIES_MAX,
      timeoutMs: QUERY_TIMEOUT_MS,
    }),
    hub: new Hub({ bus, config }),
    gate: OPEN_GATE,
  };
}
