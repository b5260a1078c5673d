/** The parts and settings of the HTTP door. */

import type { Logger } from "../../observability/logger.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { Intake } from "../../ports/intake.ts";
import type { HostRule } from "../../shared/host-rules.ts";
import type { Gate } from "../gate.ts";
import type { QueryExecutor } from "../query-executor.ts";
import type { UpgradeHandler } from "./connections.ts";
import type { HttpLimits } from "./http-limits.ts";

export type HttpServerOptions = {
  readonly executor: QueryExecutor;
  readonly gate: Gate;
  /** Without a port `POST /api/swaps` responds with `ingest_disabled`, with the reason. */
  readonly ingest: Intake;
  /** Takes over requests for WebSocket at `/ws`; undefined: there is none. */
  readonly upgrade: UpgradeHandler | undefined;
  readonly instanceId: string;
  readonly version: string;
  /** `app.ready_lag` */
  readonly readyLagMs: number;
  /** `api.http.max_body` */
  readonly maxBodyBytes: number;
  /** `api.cors`; empty: none. */
  readonly corsOrigins: readonly string[];
  /** Which hosts are served; see `api.hosts`. */
  readonly hostRule: HostRule;
  readonly limits: HttpLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic clock of the budgets; the one of the process unless given. */
  readonly steadyMs?: () => number;
  /** Wall clock. */
  readonly nowMs: () => number;
};
