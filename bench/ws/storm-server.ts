/**
 * The service's WebSocket door with made-up updates, of which each channel gets one a second. Started by `fork` with the numbers of channels and of
 * connections. Reports its port and, on request, the processor time it used.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ChannelUpdate, StatsBus } from "../../server/src/ports/stats-bus.ts";
import { OPEN_GATE } from "../../server/src/serving/gate.ts";
import { Hub } from "../../server/src/serving/live/hub.ts";
import { Replays } from "../../server/src/serving/websocket/replays.ts";
import { WebSocketDoor } from "../../server/src/serving/websocket/web-socket-door.ts";

export type StormServerReport =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "cpu"; readonly seconds: number };

const TICK_MS = 100;
const TICKS_A_SECOND = 10;
const [channels = 0, connections = 0] = process.argv.slice(2).map(Number);

/** About the length of a token's data with seven windows, of which a patch has a tenth. */
const figuresOf = (count: number): string =>
  Array.from({ length: count }, (_, i) => `"figure_${100 + i}":"98765.${432_100 + i}"`).join(",");
const REST = figuresOf(150);
const CHANGED = figuresOf(10);

const revs = new Map<number, number>();
const listeners = Array.from({ length: channels }, () => new Set<(update: ChannelUpdate) => void>());

function updateOf(channel: number, prevRev: number | undefined): ChannelUpdate {
  const asOf = Date.now();
  const rev = revs.get(channel) ?? 1;
  const changed = `"trades":${rev},${CHANGED}`;
  return {
    ...{ epoch: "1", rev, prevRev, asOf, watermark: asOf, lagMs: 0, stale: false },
    data: `{"windows":{"5m":{${changed}},"1h":{${REST}}}}`,
    patch: prevRev === undefined ? undefined : `{"windows":{"5m":{${changed}}}}`,
  };
}

const bus = {
  subscribe: async (topic, onUpdate) => {
    const channel = Number(topic.kind === "token" ? topic.token.split(":")[1] : -1);
    listeners[channel]?.add(onUpdate);
    onUpdate(updateOf(channel, undefined));
    return { kind: "opened", spec: topic, close: () => listeners[channel]?.delete(onUpdate) };
  },
} as Pick<StatsBus, "subscribe"> as StatsBus;

const ws = {
  ...{ coalesceMs: TICK_MS, maxConn: connections, maxSubscriptions: 500, maxMessageBytes: 65_536 },
  ...{ maxMessagesPerSec: 20, messageBurst: 200, compression: false, maxRows: 10_000, maxRowsTotal: 100_000 },
  ...{ resumeWindowMs: 60_000, resumeBytes: 262_144 },
};
const config = {
  api: { cors: [], ws },
  windows: { clock: "live" as const, list: [{ name: "5m", lengthMs: 300_000, stepMs: 5_000 }] },
};
const none = (): void => {};
const logger = { debug: none, info: none, warn: none, error: none };
const metrics = { clients: none, conflated: none, closed: none, pushLag: none };
const hub = new Hub({ bus, config });
const replays = new Replays({ sessions: undefined, past: undefined, config });
const door = new WebSocketDoor({ hub, replays, gate: OPEN_GATE, config, logger, metrics });
const server = createServer();
server.on("upgrade", door.upgrade);

let tick = 0;
setInterval(() => {
  tick += 1;
  for (let channel = tick % TICKS_A_SECOND; channel < channels; channel += TICKS_A_SECOND) {
    const prevRev = revs.get(channel) ?? 1;
    revs.set(channel, prevRev + 1);
    const update = updateOf(channel, prevRev);
    for (const listener of listeners[channel] ?? []) listener(update);
  }
}, TICK_MS);

server.listen({ port: 0, host: "127.0.0.1", backlog: connections }, () => {
  process.send?.({ type: "listening", port: (server.address() as AddressInfo).port } satisfies StormServerReport);
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies StormServerReport);
});
