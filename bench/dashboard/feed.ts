/**
 * Stands in for the service, in a process of its own: it sends the built page, and answers its query of the screener with 1,000 rows of
 * which a part changes ten times a second. The service itself sends at most 500 rows of a query.
 */
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join } from "node:path";
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import { figures } from "@swapstats/protocol/figures.ts";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { type WebSocket, WebSocketServer } from "ws";

export const ROWS = 1_000;
export const UPDATES_PER_SECOND = 10;
/** Rows whose figures change with an update: half of them among the first rows, which are in sight. */
export const CHANGED_ROWS = 200;
const FIRST_ROWS = 40;

const DIST = join(import.meta.dirname, "../../dashboard/dist");
const TYPES: Readonly<Record<string, string>> = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html" };
const WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
const EPOCH = "1";
/** The service sends a checksum of the data this often, which the page verifies. */
const CHECKSUM_SECONDS = 10;

type Query = {
  readonly windows: readonly string[];
  readonly fields: readonly (keyof typeof figures)[];
  readonly spark?: { readonly points: number };
};

const ids = Array.from({ length: ROWS }, (_, row) => `1:0x${row.toString(16).padStart(40, "0")}`);

function figureOf(name: keyof typeof figures): unknown {
  const { kind } = figures[name];
  if (kind === "count") return Math.floor(Math.random() * 100_000);
  if (kind === "usd") return (Math.random() * 1e7).toFixed(6);
  if (kind === "percent") return (Math.random() * 40 - 20).toFixed(6);
  return (Math.random() * 100).toFixed(8);
}

const windowOf = (fields: Query["fields"]): object =>
  Object.fromEntries(fields.map((name): [string, unknown] => [name, figureOf(name)]));

function rowOf(query: Query, row: number, isWhole: boolean): object {
  const windows = query.windows.map((window): [string, object] => [
    window,
    { ...(isWhole ? { complete: true } : {}), ...windowOf(query.fields) },
  ]);
  const spark = Array.from({ length: query.spark?.points ?? 0 }, () => (Math.random() * 100).toFixed(4));
  return { ...(isWhole ? { symbol: `TOKEN${row}` } : {}), windows: Object.fromEntries(windows), spark };
}

function market(): object {
  const sums = { trades: 1_000, buys: 500, sells: 500, volume_usd: (Math.random() * 1e9).toFixed(2) };
  const more = { buy_volume_usd: "1000", sell_volume_usd: "1000", net_volume_usd: "0" };
  const windows = Object.fromEntries(WINDOWS.map((window) => [window, { complete: true, ...sums, ...more }]));
  return { tokens_active: ROWS, windows, chains: {} };
}

/** Sends snapshot and updates of one query until the connection ends. */
function sendRows(socket: WebSocket, channel: string, query: Query): void {
  const order = [...ids];
  let rev = 1;
  const send = (message: object): void => {
    socket.send(JSON.stringify({ ...message, channel, epoch: EPOCH, as_of: Date.now(), lag_ms: 1 }));
  };
  const rows = new Map(ids.map((id, row) => [id, rowOf(query, row, true)]));
  const data = (): { order: string[]; rows: object } => ({ order, rows: Object.fromEntries(rows) });
  send({ type: "snapshot", rev, data: data() });
  const timer = setInterval(() => {
    const changed: [string, object][] = [];
    for (let i = 0; i < CHANGED_ROWS; i++) {
      const at = Math.floor(Math.random() * (i % 2 === 0 ? FIRST_ROWS : ROWS));
      const id = order[at] as string;
      const patch = rowOf(query, at, false);
      rows.set(id, applyMergePatch(rows.get(id) as JsonObject, patch as JsonObject) as object);
      changed.push([id, patch]);
      // Neighbours change places, as they do in a ranking.
      if (i % 10 === 0 && at > 0) [order[at - 1], order[at]] = [order[at] as string, order[at - 1] as string];
    }
    rev += 1;
    send({ type: "patch", rev, prev_rev: rev - 1, patch: { order, rows: Object.fromEntries(changed) } });
    if (rev % (UPDATES_PER_SECOND * CHECKSUM_SECONDS) === 0) {
      send({ type: "heartbeat", rev, crc32: crc32(canonicalJson(data() as unknown as JsonObject)) });
    }
  }, 1_000 / UPDATES_PER_SECOND);
  socket.on("close", () => clearInterval(timer));
}

type Wanted = string | { readonly channel: string; readonly query?: Query };

function onMessage(socket: WebSocket, text: string): void {
  const request = JSON.parse(text) as { id?: unknown; subscribe?: Wanted | readonly Wanted[] };
  if (request.subscribe === undefined) return;
  const wanted = [request.subscribe].flat() as Wanted[];
  const names = wanted.map((one) => (typeof one === "string" ? one : one.channel));
  const full = names.map((name) => (name === "screener" ? "screener:0000000000000001" : name));
  const named = Object.fromEntries(names.map((name, at) => [name, full[at]]));
  socket.send(JSON.stringify({ type: "subscribed", id: request.id, channels: full, names: named }));
  for (const [at, one] of wanted.entries()) {
    const channel = full[at] as string;
    if (typeof one === "object" && one.query !== undefined) sendRows(socket, channel, one.query);
    else {
      const stand = { channel, epoch: EPOCH, rev: 1, as_of: Date.now(), lag_ms: 1 };
      socket.send(JSON.stringify({ type: "snapshot", ...stand, data: market() }));
    }
  }
}

function sendFile(response: ServerResponse, url: string): void {
  const name = url.startsWith("/assets/") ? join("assets", basename(url)) : "index.html";
  response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
  response.end(readFileSync(join(DIST, name)));
}

if (process.send !== undefined) {
  const server = createServer((request, response) => sendFile(response, request.url ?? "/"));
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  sockets.on("connection", (socket) => socket.on("message", (data) => onMessage(socket, String(data))));
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.on("disconnect", () => process.exit());
}
