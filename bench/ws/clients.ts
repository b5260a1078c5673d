/**
 * Many WebSocket clients in one process. They do not parse: they step over frames, count messages and writes, and answer pings. Started by `fork`,
 * controlled by messages, and answered with the counts.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

type ClientsOrder =
  | {
      readonly type: "open";
      readonly port: number;
      /** First message of each client. */
      readonly requests: readonly string[];
      /** Further lines of the handshake, such as a sub-protocol. */
      readonly headers?: readonly string[];
      /** Frames are lists in JSON. Their messages are counted by their beginnings. */
      readonly hasLists?: boolean;
    }
  | { readonly type: "count" };
export type ClientsReport =
  | { readonly type: "opened" }
  | {
      readonly type: "counted";
      readonly messages: number;
      readonly writes: number;
      readonly bytes: number;
      readonly closed: number;
    };

const TEXT = 0x81;
const PING = 0x89;
const MASKED = 0x80;
const MESSAGE_START = Buffer.from('{"type":"');
/** Connections that are being opened at a time. The system's queue for a listening socket is short. */
const OPENING_MAX = 200;

let messages = 0;
let writes = 0;
let bytes = 0;
let closed = 0;
let hasLists = false;

class Client {
  readonly #socket: Socket;
  readonly #request: string;
  readonly #onOpen: () => void;
  #isUpgraded = false;
  /** Bytes of a frame that belong to the next chunk. */
  #skip = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number, request: string, headers: readonly string[], onOpen: () => void) {
    this.#request = request;
    this.#onOpen = onOpen;
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      closed += 1;
    });
    const key = randomBytes(16).toString("base64");
    this.#socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`,
    );
  }

  #take(chunk: Buffer): void {
    bytes += chunk.length;
    if (this.#isUpgraded) {
      this.#walk(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]));
      return;
    }
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return;
    this.#isUpgraded = true;
    this.#socket.write(maskedFrame(TEXT, Buffer.from(this.#request)));
    this.#onOpen();
    this.#walk(this.#rest.subarray(end + 4));
  }

  #walk(data: Buffer): void {
    let at = Math.min(this.#skip, data.length);
    this.#skip -= at;
    // A chunk that begins with a frame begins a write, as long as the client keeps up.
    if (at === 0) writes += 1;
    // A beginning that two chunks share is not counted.
    if (hasLists) messages += countOf(data, MESSAGE_START);
    let lastPing = -1;
    while (at + 2 <= data.length) {
      const short = data[at + 1] as number;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      const isPing = data[at] === PING;
      if (at + header > data.length || (isPing && at + header + short > data.length)) break;
      const length =
        short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
      if (isPing) {
        lastPing = at + header;
      } else if (!hasLists) {
        messages += 1;
      }
      at += header + length;
    }
    // Pings are small and end a write, so the last one is complete within the data.
    if (lastPing >= 0)
      this.#socket.write(maskedFrame(0x8a, data.subarray(lastPing, lastPing + (data[lastPing - 1] as number))));
    this.#skip += Math.max(0, at - data.length);
    this.#rest = at < data.length ? data.subarray(at) : Buffer.alloc(0);
  }
}

function countOf(data: Buffer, part: Buffer): number {
  let count = 0;
  for (let at = data.indexOf(part); at >= 0; at = data.indexOf(part, at + part.length)) count += 1;
  return count;
}

/** A mask of zeros is allowed by RFC 6455 and saves the clients' core the work. */
function maskedFrame(first: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(payload.length < 126 ? 6 : 8);
  header[0] = first;
  header[1] = MASKED | Math.min(payload.length, 126);
  if (payload.length >= 126) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

function open(port: number, requests: readonly string[], headers: readonly string[]): void {
  let begun = 0;
  let opened = 0;
  const openNext = (): void => {
    const request = requests[begun++];
    if (request === undefined) return;
    new Client(port, request, headers, () => {
      opened += 1;
      if (opened === requests.length) process.send?.({ type: "opened" } satisfies ClientsReport);
      openNext();
    });
  };
  for (let i = 0; i < OPENING_MAX; i++) openNext();
}

process.on("message", (order: ClientsOrder) => {
  if (order.type === "open") {
    hasLists = order.hasLists ?? false;
    open(order.port, order.requests, order.headers ?? []);
  } else process.send?.({ type: "counted", messages, writes, bytes, closed } satisfies ClientsReport);
});
