/**
 * Many clients of one door in one process. They do not parse: they count messages in what they get. Started by `fork` with the door, controlled by
 * messages, and answered with the counts.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { encode } from "../../server/src/serving/protobuf/encode.ts";

type ClientsOrder =
  | { readonly type: "open"; readonly port: number; readonly channels: readonly (readonly string[])[] }
  | { readonly type: "count" };
type ClientsReport =
  | { readonly type: "opened" }
  | { readonly type: "counted"; readonly messages: number; readonly bytes: number; readonly closed: number };

const [way = ""] = process.argv.slice(2);
/** Calls of one connection; the service allows 100. */
const CALLS_PER_SESSION = 50;
const ENVELOPE_BYTES = 5;

let messages = 0;
let bytes = 0;
let closed = 0;

function openEvents(port: number, channels: readonly string[], onOpen: () => void): void {
  const socket = connect(port, "127.0.0.1");
  socket.once("data", onOpen);
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf("\nid: "); at >= 0; at = chunk.indexOf("\nid: ", at + 5)) messages += 1;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed += 1;
  });
  socket.write(`GET /api/stream?channels=${channels.join(",")} HTTP/1.1\r\nHost: bench\r\n\r\n`);
}

function openCall(session: ClientHttp2Session, channels: readonly string[], onOpen: () => void): void {
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/swapstats.v1.StatsService/Subscribe" },
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  const request = encode("SubscribeRequest", { channels: channels.map((channel) => ({ channel })) });
  const head = Buffer.alloc(ENVELOPE_BYTES);
  head.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([head, request]));
  stream.once("data", onOpen);
  let rest: Buffer = Buffer.alloc(0);
  let skip = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    let at = Math.min(skip, chunk.length);
    skip -= at;
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (at + ENVELOPE_BYTES <= data.length) {
      messages += 1;
      at += ENVELOPE_BYTES + data.readUInt32BE(at + 1);
    }
    skip += Math.max(0, at - data.length);
    rest = at < data.length ? data.subarray(at) : Buffer.alloc(0);
  });
  stream.on("error", () => {});
  stream.on("close", () => {
    closed += 1;
  });
}

function open(port: number, all: readonly (readonly string[])[]): void {
  let opened = 0;
  const onOpen = (): void => {
    opened += 1;
    if (opened === all.length) process.send?.({ type: "opened" } satisfies ClientsReport);
  };
  if (way === "sse") {
    for (const channels of all) openEvents(port, channels, onOpen);
    return;
  }
  for (let at = 0; at < all.length; at += CALLS_PER_SESSION) {
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 << 20 } });
    session.once("connect", () => session.setLocalWindowSize(1 << 26));
    for (const channels of all.slice(at, at + CALLS_PER_SESSION)) openCall(session, channels, onOpen);
  }
}

process.on("message", (order: ClientsOrder) => {
  if (order.type === "open") open(order.port, order.channels);
  else process.send?.({ type: "counted", messages, bytes, closed } satisfies ClientsReport);
});
