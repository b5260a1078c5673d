/** The parts and settings of the HTTP door. */

import type { Logger } from "../../observability/logger.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { FeederStatus } from "../../ports/feeder.ts";
import type { HistoryHealth } from "../../ports/history-stream.ts";
import type { Intake } from "../../ports/intake.ts";
import type { HostRule } from "../../shared/host-rules.ts";
import type { CredentialCalls } from "../credential-calls.ts";
import type { Gate } from "../gate.ts";
import type { PastQueries } from "../history/past-queries.ts";
import type { MountRoute } from "../mounts.ts";
import type { QueryExecutor } from "../query-executor.ts";
import type { ServerTls } from "../server-tls.ts";
import type { UpgradeHandler } from "./connections.ts";
import type { HttpLimits } from "./http-limits.ts";

export type HttpServerOptions = {
  readonly executor: QueryExecutor;
  /** Undefined: the service keeps no history. */
  readonly past?: PastQueries | undefined;
  readonly gate: Gate;
  readonly credentials: CredentialCalls;
  /** Without a port `POST /api/swaps` responds with `ingest_disabled`, with the reason. */
  readonly ingest: Intake;
  /** Takes over requests for WebSocket at `/ws`; undefined: there is none. */
  readonly upgrade: UpgradeHandler | undefined;
  /** Routes of other doors at this address. */
  readonly mounts: readonly MountRoute[];
  readonly instanceId: string;
  /** Returns the status of each configured feeder. */
  readonly feeders: () => readonly FeederStatus[];
  /** How history is written. Undefined without one. */
  readonly history: () => Promise<HistoryHealth | undefined>;
  readonly version: string;
  /** `app.ready_lag` */
  readonly readyLagMs: number;
  /** `api.http.max_body` */
  readonly maxBodyBytes: number;
  /** `api.cors`; empty: none. */
  readonly corsOrigins: readonly string[];
  /** Which hosts are served; see `api.hosts`. */
  readonly hostRule: HostRule;
  /** Folder of the built dashboard. Undefined: no dashboard is served. */
  readonly dashboardDir: string | undefined;
  /** Undefined: no TLS. */
  readonly tls?: ServerTls | undefined;
  readonly limits: HttpLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic clock of the budgets; the one of the process unless given. */
  readonly steadyMs?: () => number;
  /** Wall clock. */
  readonly nowMs: () => number;
};
