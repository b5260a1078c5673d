/**
 * A server of made-up updates on one of the doors of live data: WebSocket, server-sent events, or gRPC. Started by `fork` with the door, the
 * number of channels and the bytes of a patch. Reports its port and, on request, the processor time it used.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createLogger } from "../../server/src/observability/logger.ts";
import type { ChannelUpdate, StatsBus } from "../../server/src/ports/stats-bus.ts";
import { OPEN_GATE } from "../../server/src/serving/gate.ts";
import { createGrpcDoor } from "../../server/src/serving/grpc/grpc-door.ts";
import { Hub } from "../../server/src/serving/live/hub.ts";
import type { MountContext } from "../../server/src/serving/mounts.ts";
import { QueryExecutor } from "../../server/src/serving/query-executor.ts";
import { SseDoor } from "../../server/src/serving/sse/sse-door.ts";
import { WebSocketDoor } from "../../server/src/serving/websocket/web-socket-door.ts";

type ServerReport =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "cpu"; readonly seconds: number };

const TICK_MS = 100;
const WINDOWS = [{ name: "5m", lengthMs: 300_000, stepMs: 5_000 }];
const [way = "", topicsText = "", patchBytesText = ""] = process.argv.slice(2);
const topics = Number(topicsText);
const patchBytes = Number(patchBytesText);

/** Figures of about the wanted length in JSON, of which protobuf has the same. */
const NAMES = [
  "volume_usd",
  "buy_volume_usd",
  "sell_volume_usd",
  "net_volume_usd",
  "volume_token",
  "open",
  "high",
  "low",
  "close",
];
const windowOf = (i: number): string => `"w${i}":{${NAMES.map((name) => `"${name}":"98765.${432100 + i}"`).join(",")}}`;
const windows = Array.from({ length: Math.max(1, Math.round(patchBytes / windowOf(0).length)) }, (_, i) => windowOf(i));

function updateOf(channel: number, rev: number): ChannelUpdate {
  const patch = `{"late":${channel + rev},"windows":{${windows.join(",")}}}`;
  const asOf = Date.now();
  return {
    ...{ epoch: "1760000000000", rev, prevRev: rev === 0 ? undefined : rev - 1, asOf, watermark: asOf, lagMs: 0 },
    ...{ stale: false, data: patch, patch },
  };
}

const listeners = new Map<number, (update: ChannelUpdate) => void>();
const bus = {
  subscribe: async (topic, onUpdate) => {
    const channel = Number(topic.kind === "token" ? topic.token.split(":")[1] : -1);
    listeners.set(channel, onUpdate);
    onUpdate(updateOf(channel, 0));
    return { kind: "opened", spec: topic, close: () => listeners.delete(channel) };
  },
} as Pick<StatsBus, "subscribe"> as StatsBus;
let rev = 0;
setInterval(() => {
  rev += 1;
  for (const [channel, listener] of listeners) if (channel < topics) listener(updateOf(channel, rev));
}, TICK_MS);

const ws = {
  ...{ coalesceMs: TICK_MS, maxConn: 10_000, maxSubscriptions: 500, maxMessageBytes: 65_536, maxMessagesPerSec: 20 },
  ...{ messageBurst: 200, maxRows: 10_000, maxRowsTotal: 100_000, resumeWindowMs: 60_000, resumeBytes: 262_144 },
};
const config = { api: { cors: [], ws }, windows: { clock: "live" as const, list: WINDOWS } };
const none = (): void => {};
const metrics = { clients: none, conflated: none, closed: none, pushLag: none };
const hub = new Hub({ bus, config });
const gate = OPEN_GATE;

function serveWebSocket(): Server {
  const logger = { debug: none, info: none, warn: none, error: none };
  const door = new WebSocketDoor({ hub, gate, config, logger, metrics } as never);
  return createServer().on("upgrade", door.upgrade).listen(0, "127.0.0.1");
}

function serveEvents(): Server {
  const [mount] = new SseDoor({ hub, gate, config, metrics }).mounts;
  const server = createServer(async (request, response) => {
    const identity = await gate.identify(request, "stream");
    const url = new URL(request.url as string, "http://bench");
    request.socket.setTimeout(0);
    await mount?.handle(request, response, { identity, url, body: undefined } as MountContext);
  });
  return server.listen(0, "127.0.0.1");
}

async function serveGrpc(): Promise<number> {
  const door = createGrpcDoor({
    executor: new QueryExecutor({ bus, windows: WINDOWS, pendingMax: 1, timeoutMs: 1_000 }),
    ...{ hub, gate, config, metrics, tls: undefined, rejected: none },
    ingest: { port: undefined, reason: "none" },
    logger: createLogger({ level: "error", format: "json" }),
    limits: { callsPerClientMax: 10_000, callsMax: 10_000 },
  });
  return (await door.listen({ host: "127.0.0.1", port: 0 })).port;
}

const listening = (port: number): void => {
  process.send?.({ type: "listening", port } satisfies ServerReport);
};
if (way === "grpc") listening(await serveGrpc());
else {
  const server = way === "ws" ? serveWebSocket() : serveEvents();
  server.on("listening", () => listening((server.address() as AddressInfo).port));
}
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
