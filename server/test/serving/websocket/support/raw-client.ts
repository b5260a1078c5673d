/** A WebSocket client on a bare TCP socket, which reads, sends pongs and stops only when the test says so. */
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";

type Frame = {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  readonly bytes: number;
};

export const TEXT = 1;
const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Bytes of all received frames. */
  bytesReceived = 0;
  answersPings = false;
  readonly closed: Promise<void>;
  readonly #events = new EventEmitter();
  #buffered: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  /** `protocol`: the sub-protocol to offer; none unless given. */
  constructor(port: number, protocol?: string) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (data) => this.#onData(data));
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()));
    const key = randomBytes(16).toString("base64");
    this.socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n` +
        `${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
    );
  }

  sendText(message: unknown): void {
    this.send(TEXT, Buffer.from(JSON.stringify(message)));
  }

  send(opcode: number, payload: Buffer): void {
    const mask = randomBytes(4);
    const header = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | Math.min(payload.length, 126);
    if (payload.length >= 126) header.writeUInt16BE(payload.length, 2);
    const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] as number)));
    this.socket.write(Buffer.concat([header, mask, masked]));
  }

  pings(): Frame[] {
    return this.frames.filter((frame) => frame.opcode === PING);
  }

  /** Texts of whole messages, joined from their fragments. */
  texts(): string[] {
    const texts: string[] = [];
    let parts: Buffer[] = [];
    for (const frame of this.frames) {
      if (frame.opcode !== TEXT && frame.opcode !== CONTINUATION) continue;
      parts.push(frame.payload);
      if (frame.fin) {
        texts.push(Buffer.concat(parts).toString());
        parts = [];
      }
    }
    return texts;
  }

  async until(condition: (client: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#events.once("frame", () => resolve()));
  }

  #onData(data: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? data : Buffer.concat([this.#buffered, data]);
    if (!this.#isUpgraded) {
      const end = this.#buffered.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#buffered = this.#buffered.subarray(end + 4);
    }
    for (let frame = this.#parse(); frame !== undefined; frame = this.#parse()) {
      this.#buffered = this.#buffered.subarray(frame.bytes);
      this.bytesReceived += frame.bytes;
      this.frames.push(frame);
      if (frame.opcode === PING && this.answersPings) this.send(PONG, frame.payload);
    }
    this.#events.emit("frame");
  }

  #parse(): Frame | undefined {
    const data = this.#buffered;
    if (data.length < 2) return undefined;
    const short = (data[1] as number) & 0x7f;
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (data.length < headerBytes) return undefined;
    const length = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (data.length < headerBytes + length) return undefined;
    const first = data[0] as number;
    return {
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: Buffer.from(data.subarray(headerBytes, headerBytes + length)),
      bytes: headerBytes + length,
    };
  }
}
