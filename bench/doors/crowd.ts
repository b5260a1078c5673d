/**
 * Clients of the doors that are not WebSocket, in one process: they read and count bytes, and do nothing else. Started by `fork`, controlled
 * by messages, and answered with the counts.
 */
import { Agent, get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { encode } from "../../server/src/serving/protobuf/encode.ts";

type CrowdOrder =
  | {
      readonly type: "open";
      readonly door: "sse" | "grpc" | "polling";
      readonly port: number;
      readonly clients: number;
      readonly tokens: readonly string[];
    }
  | { readonly type: "count" };
export type CrowdReport =
  | { readonly type: "opened" }
  | { readonly type: "counted"; readonly bytes: number; readonly messages: number; readonly closed: number };

const POLL_MS = 1_000;
/** A byte for compression, and the length. */
const GRPC_HEAD_BYTES = 5;
let bytes = 0;
let messages = 0;
let closed = 0;

/** Resolves with the first bytes. Counts events by the empty line behind each. */
function openSse(port: number, channels: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const query = channels.map(encodeURIComponent).join(",");
    socket.write(
      `GET /api/stream?channels=${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      for (let at = chunk.indexOf("\n\n"); at >= 0; at = chunk.indexOf("\n\n", at + 2)) messages += 1;
      resolve();
    });
    socket.on("close", () => {
      closed += 1;
    });
  });
}

function openGrpc(port: number, channels: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const message = encode("SubscribeRequest", { channels: channels.map((channel) => ({ channel })) });
    const head = Buffer.alloc(GRPC_HEAD_BYTES);
    head.writeUInt32BE(message.length, 1);
    const stream = session.request({
      ":method": "POST",
      ":path": "/swapstats.v1.StatsService/Subscribe",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.concat([head, message]));
    let before = 0;
    /** Bytes until the next message, and what is read of its head. */
    let skip = 0;
    let rest = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= skip + GRPC_HEAD_BYTES; messages += 1) {
        rest = rest.subarray(skip);
        skip = GRPC_HEAD_BYTES + rest.readUInt32BE(1);
      }
      const read = session.socket.bytesRead;
      bytes += read - before;
      before = read;
      resolve();
    });
    session.on("close", () => {
      closed += 1;
    });
  });
}

/** Asks for each token once a second, and says what it has. */
async function openPolling(port: number, tokens: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const tags = new Map<string, string>();
  const ask = (token: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const tag = tags.get(token);
      const headers = tag === undefined ? {} : { "if-none-match": tag };
      const path = `/api/tokens/${encodeURIComponent(token)}/stats`;
      get({ host: "127.0.0.1", port, path, agent, headers }, (response) => {
        const { socket } = response;
        const before = (socket as { countedBytes?: number }).countedBytes ?? 0;
        if (response.headers.etag !== undefined) tags.set(token, response.headers.etag);
        response.resume().on("end", () => {
          bytes += socket.bytesRead - before;
          (socket as { countedBytes?: number }).countedBytes = socket.bytesRead;
          messages += 1;
          resolve();
        });
      }).on("error", reject);
    });
  const round = async (): Promise<void> => {
    for (const token of tokens) await ask(token);
  };
  await round();
  setInterval(() => void round(), POLL_MS);
}

async function open({ door, port, clients, tokens }: Extract<CrowdOrder, { type: "open" }>): Promise<void> {
  const channels = tokens.map((token) => `token:${token}`);
  for (let i = 0; i < clients; i++) {
    if (door === "sse") await openSse(port, channels);
    else if (door === "grpc") await openGrpc(port, channels);
    else await openPolling(port, tokens);
  }
  process.send?.({ type: "opened" } satisfies CrowdReport);
}

process.on("message", (order: CrowdOrder) => {
  if (order.type === "open") void open(order);
  else process.send?.({ type: "counted", bytes, messages, closed } satisfies CrowdReport);
});
process.on("disconnect", () => process.exit(0));
