/** What the HTTP door is made of and configured with. */

import type { Logger } from "../../observability/logger.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { IngestPort } from "../../ports/ingest.ts";
import type { StatsBus } from "../../ports/stats-bus.ts";
import type { HostRule } from "../../shared/host-rules.ts";
import type { UpgradeHandler } from "./connections.ts";
import type { HttpLimits } from "./http-limits.ts";

export type HttpServerOptions = {
  readonly bus: StatsBus;
  /** Undefined: `POST /api/swaps` answers `ingest_disabled`. */
  readonly ingest: IngestPort | undefined;
  /** Takes requests for WebSocket at `/ws`; undefined: there is none. */
  readonly upgrade: UpgradeHandler | undefined;
  /** Names of the configured windows, in their order. */
  readonly windows: readonly string[];
  /** Bucket steps of those windows. */
  readonly stepsMs: readonly number[];
  readonly instanceId: string;
  readonly version: string;
  /** `app.ready_lag` */
  readonly readyLagMs: number;
  /** `api.http.max_body` */
  readonly maxBodyBytes: number;
  /** `api.cors`; empty: none. */
  readonly corsOrigins: readonly string[];
  /** Which hosts are answered; see `api.hosts`. */
  readonly hostRule: HostRule;
  readonly limits: HttpLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A clock that never goes back, for budgets; that of the process unless given. */
  readonly steadyMs?: () => number;
  /** Wall clock. */
  readonly nowMs: () => number;
};
