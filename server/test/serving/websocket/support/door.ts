/** A real HTTP server, which passes upgrades on as the program's does, with the WebSocket door on a stand-in bus and recorded metrics. */
import { EventEmitter, once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Gate, OPEN_GATE } from "../../../../src/serving/gate.ts";
import { asksForWebSocket, onUpgrade } from "../../../../src/serving/http/connections.ts";
import { DEFAULT_HTTP_LIMITS } from "../../../../src/serving/http/http-limits.ts";
import { Hub } from "../../../../src/serving/live/hub.ts";
import type { LiveConfig, LiveLimits } from "../../../../src/serving/live/live-limits.ts";
import type { WebSocketConfig, WebSocketLimits } from "../../../../src/serving/websocket/limits.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "../../../../src/serving/websocket/observers.ts";
import { Replays } from "../../../../src/serving/websocket/replays.ts";
import { WebSocketDoor } from "../../../../src/serving/websocket/web-socket-door.ts";
import { ConnectionGuard } from "../../../../src/shared/connection-guard.ts";
import { StandInBus } from "./stand-in-bus.ts";

type Ws = WebSocketConfig["api"]["ws"] & LiveConfig["api"]["ws"];
type DoorOptions = {
  readonly ws?: Partial<Ws>;
  readonly cors?: readonly string[];
  readonly limits?: Partial<WebSocketLimits & LiveLimits>;
  readonly gate?: Gate;
  readonly logger?: WebSocketLogger;
  /** Monotonic milliseconds; the clock of the process unless given. */
  readonly nowMs?: () => number;
};

const TEST_WINDOWS = [
  { name: "1m", lengthMs: 60_000, stepMs: 1_000 },
  { name: "5m", lengthMs: 300_000, stepMs: 5_000 },
  { name: "1h", lengthMs: 3_600_000, stepMs: 15_000 },
];

/** Records the metrics, and lets a test wait for them. */
class RecordedMetrics implements WebSocketMetrics {
  count = 0;
  conflatedTotal = 0;
  readonly closedReasons: CloseReason[] = [];
  readonly lags: number[] = [];
  readonly #events = new EventEmitter();

  clients(count: number): void {
    this.count = count;
    this.#events.emit("change");
  }
  conflated(count: number): void {
    this.conflatedTotal += count;
    this.#events.emit("change");
  }
  closed(reason: CloseReason): void {
    this.closedReasons.push(reason);
    this.#events.emit("change");
  }
  pushLag(seconds: number): void {
    this.lags.push(seconds);
    this.#events.emit("change");
  }

  /** Resolves once `condition` holds; it is checked after every change. */
  async until(condition: (metrics: this) => boolean): Promise<void> {
    while (!condition(this)) await once(this.#events, "change");
  }
}

export type TestDoor = {
  readonly bus: StandInBus;
  readonly door: WebSocketDoor;
  readonly hub: Hub;
  readonly metrics: RecordedMetrics;
  readonly server: Server;
  readonly port: number;
  readonly url: string;
};

const silent: WebSocketLogger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Opens a door that ends with the test. */
export async function openDoor(
  t: { after(run: () => Promise<void>): void },
  options: DoorOptions = {},
  handler: RequestListener = (_, response) => response.end("plain answer"),
): Promise<TestDoor> {
  const ws: Ws = {
    coalesceMs: 5,
    maxConn: 100,
    maxSubscriptions: 50,
    maxMessageBytes: 65_536,
    maxMessagesPerSec: 1_000,
    messageBurst: 1_000,
    compression: false,
    maxRows: 100_000,
    maxRowsTotal: 100_000,
    resumeWindowMs: 0,
    resumeBytes: 262_144,
    ...options.ws,
  };
  const config = { api: { cors: options.cors ?? [], ws }, windows: { clock: "live" as const, list: TEST_WINDOWS } };
  const bus = new StandInBus();
  const metrics = new RecordedMetrics();
  const server = createServer({ shouldUpgradeCallback: asksForWebSocket });
  const guard = new ConnectionGuard(server, DEFAULT_HTTP_LIMITS, handler, { dropped: () => {}, reading: () => {} });
  server.on("request", guard.request);
  // Clients of these tests that do not reply to a close are cut soon.
  const limits = { closeTimeoutMs: 100, ...options.limits };
  const { gate = OPEN_GATE, logger = silent, nowMs } = options;
  const hub = new Hub({ bus, config, limits, ...(nowMs === undefined ? {} : { nowMs }) });
  const replays = new Replays({ sessions: undefined, past: undefined, config });
  const door = new WebSocketDoor({ hub, replays, gate, config, logger, metrics, limits });
  onUpgrade(
    { server, guard },
    door.upgrade,
    () => false,
    () => undefined,
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    await door.close();
    hub.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { bus, door, hub, metrics, server, port, url: `ws://127.0.0.1:${port}/ws` };
}

/** Returns the data of a token as a bus sends it. */
export function tokenData(id: string, trades: number, more: Record<string, string> = {}) {
  return {
    id,
    symbol: "TKN",
    late: 0,
    removed: 0,
    unresolved: 0,
    replaced: 0,
    removals_unmatched: 0,
    windows: { "5m": { complete: true, trades, volume_usd: `${trades * 10}`, ...more } },
  };
}
