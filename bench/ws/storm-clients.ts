/**
 * Many WebSocket clients in one process, which note the position of each channel and resume from it. They read the heads of messages alone, and answer
 * pings. Started by `fork`, and controlled by messages.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

export type StormOrder =
  /** Opens a client for each list of channels, spread over the time. */
  | { readonly type: "open"; readonly port: number; readonly channels: readonly string[][]; readonly withinMs: number }
  /** Cuts all connections. */
  | { readonly type: "cut" }
  | { readonly type: "resume"; readonly withinMs: number }
  /** Reports the lags since the last report. */
  | { readonly type: "lags" };

/** From the as-of of a patch to its arrival, in ms. */
export type Lags = { readonly median: number; readonly p99: number; readonly longest: number };

export type StormReport =
  /** Every channel of every client has sent its first message. `seconds` since the order, `recovered` channels. */
  | { readonly type: "live"; readonly seconds: number; readonly recovered: number }
  | { readonly type: "cut" }
  | { readonly type: "lags"; readonly lags: Lags };

const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;
const MASKED = 0x80;
const HEAD_CHARS = 200;
const HEAD = /^\{"type":"(\w+)","channel":"([^"]+)","epoch":"([^"]+)","rev":(\d+)/;
const AS_OF = /"as_of":(\d+)/;

let port = 0;
let clients: Client[] = [];
let lags: number[] = [];
let recovered = 0;
let waiting = 0;
let orderedMs = 0;

const say = (message: StormReport): void => void process.send?.(message);

class Client {
  readonly #channels: readonly string[];
  readonly #revs = new Map<string, string>();
  #silent = new Set<string>();
  #socket: Socket | undefined;
  #isUpgraded = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(channels: readonly string[]) {
    this.#channels = channels;
  }

  cut(): void {
    this.#socket?.destroy();
  }

  /** Subscribes, or resumes if it has been connected before. */
  connect(): void {
    this.#isUpgraded = false;
    this.#rest = Buffer.alloc(0);
    this.#silent = new Set(this.#channels);
    const socket = connect(port, "127.0.0.1");
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => {});
    const key = randomBytes(16).toString("base64");
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#rest = this.#rest.subarray(end + 4);
      const resume = [...this.#revs].map(([channel, rev]) => ({ channel, epoch: "1", rev: Number(rev) }));
      const request = resume.length > 0 ? { resume } : { subscribe: this.#channels };
      this.#send(TEXT, Buffer.from(JSON.stringify(request)));
    }
    this.#walk();
  }

  #walk(): void {
    const data = this.#rest;
    let at = 0;
    let pong: Buffer | undefined;
    while (at + 2 <= data.length) {
      const short = data[at + 1] as number;
      const header = short < 126 ? 2 : 4;
      if (at + header > data.length) break;
      const length = short < 126 ? short : data.readUInt16BE(at + 2);
      const end = at + header + length;
      if (end > data.length) break;
      if (data[at] === PING) pong = data.subarray(at + header, end);
      else if (data[at] === TEXT)
        this.#read(data.toString("latin1", at + header, Math.min(end, at + header + HEAD_CHARS)));
      at = end;
    }
    if (pong !== undefined) this.#send(PONG, pong);
    this.#rest = at < data.length ? data.subarray(at) : Buffer.alloc(0);
  }

  #read(head: string): void {
    const [, type, channel = "", , rev = ""] = HEAD.exec(head) ?? [];
    if (type === undefined) {
      recovered += head.split("true").length - 1;
      return;
    }
    this.#revs.set(channel, rev);
    if (type === "patch" && !this.#silent.has(channel)) lags.push(Date.now() - Number(AS_OF.exec(head)?.[1]));
    if (!this.#silent.delete(channel) || this.#silent.size > 0) return;
    waiting -= 1;
    if (waiting === 0) say({ type: "live", seconds: (performance.now() - orderedMs) / 1_000, recovered });
  }

  /** A mask of zeros is allowed by RFC 6455 and saves the clients' core the work. */
  #send(first: number, payload: Buffer): void {
    const header = Buffer.alloc(payload.length < 126 ? 6 : 8);
    header[0] = first;
    header[1] = MASKED | Math.min(payload.length, 126);
    if (payload.length >= 126) header.writeUInt16BE(payload.length, 2);
    this.#socket?.write(Buffer.concat([header, payload]));
  }
}

/** Connects all clients, evenly over the time. */
function connectAll(withinMs: number): void {
  orderedMs = performance.now();
  recovered = 0;
  waiting = clients.length;
  let begun = 0;
  const step = (): void => {
    const due = Math.min(clients.length, Math.ceil(((performance.now() - orderedMs) / withinMs) * clients.length));
    for (; begun < due; begun++) clients[begun]?.connect();
    if (begun < clients.length) setTimeout(step, 2);
  };
  step();
}

function lagsSince(): Lags {
  const sorted = lags.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  lags = [];
  return { median: at(0.5), p99: at(0.99), longest: at(1) };
}

process.on("message", (order: StormOrder) => {
  if (order.type === "open") {
    port = order.port;
    clients = order.channels.map((channels) => new Client(channels));
    connectAll(order.withinMs);
  } else if (order.type === "cut") {
    for (const client of clients) client.cut();
    say({ type: "cut" });
  } else if (order.type === "resume") {
    connectAll(order.withinMs);
  } else {
    say({ type: "lags", lags: lagsSince() });
  }
});
