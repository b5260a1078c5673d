/** The list of doors: opens them on the same core, and closes them together. */
import type { Config } from "../config/config.ts";
import type { ListenAddress } from "../config/units.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Intake } from "../ports/intake.ts";
import { hostRuleOf } from "../shared/host-rules.ts";
import type { ServingCore } from "./core.ts";
import { DEFAULT_HTTP_LIMITS } from "./http/http-limits.ts";
import { createHttpServer } from "./http/http-server.ts";
import type { WebSocketMetrics } from "./websocket/observers.ts";
import { WebSocketDoor } from "./websocket/web-socket-door.ts";

type DoorsOptions = {
  readonly core: ServingCore;
  /** Without a port `POST /api/swaps` is refused before its body is read. */
  readonly ingest: Intake;
  readonly config: Config;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
};

export type Doors = {
  /** Resolves to the HTTP address with the port that was taken; undefined: the listener is off. Rejects with SwapstatsError `bad_config`. */
  listen(): Promise<ListenAddress | undefined>;
  /** Refuses swaps and new WebSockets from now on, and reports "not ready"; queries still get responses. */
  startDraining(): void;
  /** Takes no more connections, lets running requests end, and after `limitMs` destroys the connections that are left. */
  close(limitMs: number): Promise<void>;
};

export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { core, config, logger, metrics } = options;
  const webSocket = new WebSocketDoor({ ...core, config, logger, metrics: webSocketMetrics(metrics) });
  metrics.wsHeld = () => ({ ...core.hub.held, begunBytes: webSocket.begunBytes });
  const http = await createHttpServer({
    ...core,
    ingest: options.ingest,
    hostRule: hostRuleOf(config.api.http.addr?.host, config.api.hosts),
    upgrade: webSocket.upgrade,
    instanceId: config.app.instanceId,
    version: options.version,
    readyLagMs: config.app.readyLagMs,
    maxBodyBytes: config.api.http.maxBodyBytes,
    corsOrigins: config.api.cors,
    limits: DEFAULT_HTTP_LIMITS,
    logger,
    metrics,
    nowMs: Date.now,
  });
  return {
    listen: async () => (config.api.http.addr === undefined ? undefined : http.listen(config.api.http.addr)),
    startDraining: http.startDraining,
    close: async (limitMs) => {
      // Clients that reply to nothing, not even a close frame, delay both doors, so both wait at the same time.
      await Promise.all([webSocket.close(), http.close(limitMs)]);
      core.hub.close();
    },
  };
}

function webSocketMetrics(metrics: Metrics): WebSocketMetrics {
  return {
    clients: (count) => {
      metrics.wsClients = count;
    },
    conflated: (count) => {
      metrics.wsConflated += count;
    },
    closed: (reason) => metrics.addWsClosed(reason),
    pushLag: (seconds) => metrics.wsPushLagSeconds.observe(seconds),
  };
}
