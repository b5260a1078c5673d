/** The parts that every door is made of. Doors know these, and not each other. */
import type { Identities } from "../access/identity/identities.ts";
import type { Config } from "../config/config.ts";
import type { HistoryReader } from "../ports/history-store.ts";
import type { StatsBus } from "../ports/stats-bus.ts";
import { NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import { type CredentialCalls, createCredentialCalls } from "./credential-calls.ts";
import type { Gate } from "./gate.ts";
import { HistoryLane } from "./history/history-lane.ts";
import { PastWindows } from "./history/instants.ts";
import { PastQueries } from "./history/past-queries.ts";
import { PastTokens } from "./history/past-tokens.ts";
import { WholeHistory } from "./history/whole-history.ts";
import { Hub } from "./live/hub.ts";
import { PENDING_QUERIES_MAX, QUERY_TIMEOUT_MS, QueryExecutor } from "./query-executor.ts";

export type ServingCore = {
  /** Executes queries. */
  readonly executor: QueryExecutor;
  /** Requests to the history. Undefined: the service keeps none. */
  readonly past: PastQueries | undefined;
  /** Live data. */
  readonly hub: Hub;
  readonly gate: Gate;
  readonly credentials: CredentialCalls;
};

/** `history` undefined: the service keeps none. */
export function createServingCore(
  bus: StatsBus,
  config: Config,
  identities: Identities,
  gate: Gate,
  history?: HistoryReader,
): ServingCore {
  const executor = new QueryExecutor({
    bus,
    windows: config.windows.list,
    chains: config.app?.chains,
    pendingMax: PENDING_QUERIES_MAX,
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  return {
    executor,
    past: history === undefined ? undefined : createPastQueries(executor, history, bus, config),
    hub: new Hub({ bus, config }),
    gate,
    credentials: createCredentialCalls(config.security, identities),
  };
}

function createPastQueries(
  executor: QueryExecutor,
  reader: HistoryReader,
  bus: StatsBus,
  {
    windows: { list: windows, bucketStepMs },
    history: { windowMaxMs },
    app,
  }: Pick<Config, "windows" | "history" | "app">,
): PastQueries {
  return new PastQueries({
    executor,
    history: new WholeHistory(reader, bus),
    tokens: new PastTokens(executor, reader, app?.chains ?? NO_CHAIN_ADDRESSES),
    windows: new PastWindows({ windows, bucketStepMs, windowMaxMs }),
    lane: new HistoryLane(),
    nowMs: Date.now,
  });
}
