/**
 * A server of made-up updates, in one of three ways: the service's WebSocket door; `ws` with one `send` a message; or bare, where each client gets one
 * write of ready frames a tick, the least that any server in Node does. Started by `fork` with the way, the number of channels and the bytes of a
 * patch. Reports its port and, on request, the processor time it used.
 */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { figures, statsFields } from "../../protocol/src/figures.ts";
import type { ChannelUpdate, StatsBus } from "../../server/src/ports/stats-bus.ts";
import { OPEN_GATE } from "../../server/src/serving/gate.ts";
import { Hub } from "../../server/src/serving/live/hub.ts";
import { messageText } from "../../server/src/serving/live/messages.ts";
import { textFrames } from "../../server/src/serving/websocket/frames.ts";
import { Replays } from "../../server/src/serving/websocket/replays.ts";
import { WebSocketDoor } from "../../server/src/serving/websocket/web-socket-door.ts";

type ServerReport =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "cpu"; readonly seconds: number };

const TICK_MS = 100;
const [way = "", topicsText = "", patchBytesText = ""] = process.argv.slice(2);
const topics = Number(topicsText);
const patchBytes = Number(patchBytesText);

type Push = (channel: number, update: ChannelUpdate) => void;

const WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
/** Decimals among the figures: all encodings know them. */
const decimals = statsFields.filter((name) => ["usd", "amount", "price"].includes(figures[name].kind));

/** Figures of about the wanted length, over as many windows as needed. Made once, so that making content costs next to nothing. */
const changes = Array.from({ length: Math.ceil(patchBytes / 32) }, (_, i) => ({
  window: WINDOWS[Math.floor(i / decimals.length)] as string,
  text: `"${decimals[i % decimals.length]}":"98765.${432100 + i}"`,
}));
const windowsText = WINDOWS.slice(0, 1 + Math.floor((changes.length - 1) / decimals.length))
  .map((window, i) => {
    const texts = changes.filter((change) => change.window === window).map(({ text }) => text);
    return `"${window}":{${i === 0 ? '"trades":#,' : ""}${texts.join()}}`;
  })
  .join();
const [beforeTrades, afterTrades] = windowsText.split("#") as [string, string];

const patchOf = (channel: number, rev: number): string => `{"windows":{${beforeTrades}${channel + rev}${afterTrades}}}`;

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
  // The hub asks a second time for the present state of a channel that was quiet, such as on a busy machine.
  const listeners = Array.from({ length: topics }, () => new Set<(update: ChannelUpdate) => void>());
  const bus = {
    subscribe: async (topic, onUpdate) => {
      const channel = Number(topic.kind === "token" ? topic.token.split(":")[1] : -1);
      listeners[channel]?.add(onUpdate);
      onUpdate(updateOf(channel, 0));
      return { kind: "opened", spec: topic, close: () => listeners[channel]?.delete(onUpdate) };
    },
  } as Pick<StatsBus, "subscribe"> as StatsBus;
  const ws = {
    coalesceMs: TICK_MS,
    maxConn: 10_000,
    maxSubscriptions: 500,
    maxMessageBytes: 65_536,
    maxMessagesPerSec: 20,
    messageBurst: 200,
    compression: true,
    maxRows: 10_000,
    maxRowsTotal: 100_000,
    resumeWindowMs: 60_000,
    resumeBytes: 262_144,
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
  server.on("upgrade", door.upgrade);
  tick((channel, update) => {
    for (const listener of listeners[channel] ?? []) listener(update);
  });
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
    const content = { kind: "patch", prevRev: update.rev - 1, patch: update.patch as string } as const;
    const text = messageText(`token:1:${channel}`, update, content);
    for (const ws of subscribers[channel] as WebSocket[]) ws.send(text);
  });
}

/** All clients get the same bytes, as long as those of the others. Nothing that clients send is read after their channels. */
function serveBare(): void {
  const sockets: Socket[] = [];
  let frames = Buffer.alloc(0);
  new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (ws, { socket }) => {
    ws.on("message", (data) => {
      const { subscribe } = JSON.parse(data.toString()) as { subscribe: string[] };
      const content = { kind: "patch", prevRev: 0, patch: patchOf(0, 1) } as const;
      const ready = subscribe.map((channel) =>
        textFrames(messageText(channel, updateOf(0, 1), content), Number.POSITIVE_INFINITY),
      );
      frames = Buffer.concat(ready.flat());
      sockets.push(socket);
    });
  });
  setInterval(() => {
    for (const socket of sockets) socket.write(frames);
  }, TICK_MS);
}

if (way === "door") serveDoor();
else if (way === "bare") serveBare();
else servePlain();
server.listen(0, "127.0.0.1", () => {
  process.send?.({ type: "listening", port: (server.address() as AddressInfo).port } satisfies ServerReport);
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
