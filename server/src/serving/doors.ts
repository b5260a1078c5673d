/** The list of doors: opens them on the same core, and closes them together. */
import type { Config } from "../config/config.ts";
import type { ListenAddress } from "../config/units.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { FeederStatus } from "../ports/feeder.ts";
import type { HistoryHealth } from "../ports/history-stream.ts";
import type { Intake } from "../ports/intake.ts";
import type { ReplaySessions } from "../ports/replay-sessions.ts";
import { hostRuleOf } from "../shared/host-rules.ts";
import type { ServingCore } from "./core.ts";
import { createGrpcDoor } from "./grpc/grpc-door.ts";
import { DASHBOARD_DIR } from "./http/dashboard.ts";
import { DEFAULT_HTTP_LIMITS } from "./http/http-limits.ts";
import { createHttpServer } from "./http/http-server.ts";
import { mcpRoutes } from "./mcp/mcp-door.ts";
import { ServerTls } from "./server-tls.ts";
import { SseDoor } from "./sse/sse-door.ts";
import { udfRoutes } from "./udf/udf-door.ts";
import type { WebSocketMetrics } from "./websocket/observers.ts";
import { Replays } from "./websocket/replays.ts";
import { WebSocketDoor } from "./websocket/web-socket-door.ts";

type DoorsOptions = {
  readonly core: ServingCore;
  /** Without a port `POST /api/swaps` is refused before its body is read. */
  readonly ingest: Intake;
  readonly feeders: () => readonly FeederStatus[];
  readonly history: () => Promise<HistoryHealth | undefined>;
  /** Undefined: there are none. */
  readonly replays: ReplaySessions | undefined;
  readonly config: Config;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
};

export type DoorAddresses = { readonly http: ListenAddress | undefined; readonly grpc: ListenAddress | undefined };

export type Doors = {
  /** Resolves to the addresses with the ports that were taken; undefined: the listener is off. Rejects with SwapstatsError `bad_config`. */
  listen(): Promise<DoorAddresses>;
  /** Refuses swaps and new WebSockets from now on, and reports "not ready"; queries still get responses. */
  startDraining(): void;
  /** Takes no more connections, lets running requests end, and after `limitMs` destroys the connections that are left. */
  close(limitMs: number): Promise<void>;
};

export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { core, config, logger, metrics } = options;
  const replays = new Replays({ sessions: options.replays, past: core.past, config });
  const webSocket = new WebSocketDoor({ ...core, replays, config, logger, metrics: webSocketMetrics(metrics) });
  const sse = new SseDoor({ ...core, config, metrics: metrics.streamsOf("sse") });
  metrics.wsResumed = () => core.hub.resumed;
  const tls = openTls(config, logger);
  const grpc = createGrpcDoor({
    ...{ ...core, tls, config, logger, ingest: options.ingest, metrics: metrics.streamsOf("grpc") },
    rejected: (code) => metrics.addRejected(code, 1),
  });
  metrics.watchBudget(grpc.budget);
  metrics.wsHeld = () => ({ ...core.hub.held, begunBytes: webSocket.begunBytes });
  const http = await createHttpServer({
    ...core,
    tls,
    ingest: options.ingest,
    hostRule: hostRuleOf(config.api.http.addr?.host, config.api.hosts),
    upgrade: webSocket.upgrade,
    mounts: [
      ...sse.mounts,
      ...grpc.mounts,
      ...(config.api.udf ? udfRoutes({ executor: core.executor, past: core.past, nowMs: Date.now }) : []),
      ...(config.api.mcp ? mcpRoutes({ version: options.version, windows: core.executor.windows }) : []),
    ],
    instanceId: config.app.instanceId,
    feeders: options.feeders,
    history: options.history,
    version: options.version,
    readyLagMs: config.app.readyLagMs,
    maxBodyBytes: config.api.http.maxBodyBytes,
    corsOrigins: config.api.cors,
    dashboardDir: config.api.dashboard ? DASHBOARD_DIR : undefined,
    limits: DEFAULT_HTTP_LIMITS,
    logger,
    metrics,
    nowMs: Date.now,
  });
  return {
    listen: async () => ({
      http: config.api.http.addr === undefined ? undefined : await http.listen(config.api.http.addr),
      grpc: config.api.grpc.addr === undefined ? undefined : await grpc.listen(config.api.grpc.addr),
    }),
    startDraining: () => {
      http.startDraining();
      grpc.startDraining();
    },
    close: async (limitMs) => {
      sse.close();
      // Clients that reply to nothing, not even a close frame, delay both doors, so both wait at the same time.
      await Promise.all([webSocket.close(), grpc.close(limitMs), http.close(limitMs)]);
      core.hub.close();
      tls?.close();
    },
  };
}

function openTls({ api }: Config, logger: Logger): ServerTls | undefined {
  if (api.http.tls === undefined) return undefined;
  return new ServerTls(
    api.http.tls,
    (err) => logger.error({ err }, "the certificate of the API was not replaced"),
    () => logger.info({ cert: api.http.tls?.certPath }, "the API has a new certificate"),
  );
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
