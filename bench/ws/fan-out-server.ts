/**
 * A server of made-up updates, in one of two ways: the service's WebSocket door, or `ws` with one `send` a message. Started by `fork` with
 * the way, the number of channels and the bytes of a patch. Reports its port and, on request, the processor time it used.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { ChannelUpdate, StatsBus } from "../../server/src/ports/stats-bus.ts";
import { OPEN_GATE } from "../../server/src/serving/gate.ts";
import { Hub } from "../../server/src/serving/live/hub.ts";
import { patchText } from "../../server/src/serving/live/messages.ts";
import { WebSocketDoor } from "../../server/src/serving/websocket/web-socket-door.ts";

export type ServerReport =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "cpu"; readonly seconds: number };

const TICK_MS = 100;
const [way = "", topicsText = "", patchBytesText = ""] = process.argv.slice(2);
const topics = Number(topicsText);
const patchBytes = Number(patchBytesText);

type Push = (channel: number, update: ChannelUpdate) => void;

/** Figures of about the wanted length. Made once, so that making content costs next to nothing. */
const figures = Array.from(
  { length: Math.ceil(patchBytes / 32) },
  (_, i) => `"figure_${100 + i}":"98765.${432100 + i}"`,
).join(",");

const patchOf = (channel: number, rev: number): string => `{"windows":{"5m":{"trades":${channel + rev},${figures}}}}`;

function updateOf(channel: number, rev: number): ChannelUpdate {
  const patch = patchOf(channel, rev);
  const asOf = Date.now();
  return {
    epoch: "1",
    rev,
    prevRev: rev === 0 ? undefined : rev - 1,
    asOf,
    watermark: asOf,
    lagMs: 0,
    stale: false,
    data: patch,
    patch,
  };
}

function tick(push: Push): void {
  let rev = 0;
  setInterval(() => {
    rev += 1;
    for (let channel = 0; channel < topics; channel++) push(channel, updateOf(channel, rev));
  }, TICK_MS);
}

const server = createServer();

function serveDoor(): void {
  const listeners = new Map<number, (update: ChannelUpdate) => void>();
  const bus = {
    subscribe: async (topic, onUpdate) => {
      const channel = Number(topic.kind === "token" ? topic.token.split(":")[1] : -1);
      listeners.set(channel, onUpdate);
      onUpdate(updateOf(channel, 0));
      return { kind: "opened", spec: topic, close: () => listeners.delete(channel) };
    },
  } as Pick<StatsBus, "subscribe"> as StatsBus;
  const ws = {
    coalesceMs: TICK_MS,
    maxConn: 10_000,
    maxSubscriptions: 500,
    maxMessageBytes: 65_536,
    maxMessagesPerSec: 20,
    messageBurst: 200,
    maxRows: 10_000,
    maxRowsTotal: 100_000,
  };
  const config = {
    api: { cors: [], ws },
    windows: { clock: "live" as const, list: [{ name: "5m", lengthMs: 300_000, stepMs: 5_000 }] },
  };
  const none = (): void => {};
  const logger = { debug: none, info: none, warn: none, error: none };
  const metrics = { clients: none, conflated: none, closed: none, pushLag: none };
  const hub = new Hub({ bus, config });
  const door = new WebSocketDoor({ hub, gate: OPEN_GATE, config, logger, metrics });
  server.on("upgrade", door.upgrade);
  tick((channel, update) => listeners.get(channel)?.(update));
}

function servePlain(): void {
  const subscribers = Array.from({ length: topics }, () => [] as WebSocket[]);
  new WebSocketServer({ server }).on("connection", (ws) => {
    ws.on("message", (data) => {
      const { subscribe } = JSON.parse(data.toString()) as { subscribe: string[] };
      for (const name of subscribe) subscribers[Number(name.split(":")[2])]?.push(ws);
    });
  });
  tick((channel, update) => {
    const text = patchText(`token:1:${channel}`, update, update.rev - 1, update.patch as string);
    for (const ws of subscribers[channel] as WebSocket[]) ws.send(text);
  });
}

if (way === "door") serveDoor();
else servePlain();
server.listen(0, "127.0.0.1", () => {
  process.send?.({ type: "listening", port: (server.address() as AddressInfo).port } satisfies ServerReport);
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
