/** Somebody's feed: it sends its records from a cursor on to whoever subscribes, or only new ones. It can break off at any moment. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

export class FeedServer {
  readonly records: string[] = [];
  readonly #server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => false });
  readonly #subscribed = new Set<WebSocket>();
  /** All texts that clients sent. */
  readonly received: string[] = [];
  readonly headers: Record<string, unknown>[] = [];
  /** Called before each record is sent: true breaks the connection off instead. */
  breaks: () => boolean = () => false;
  answersPings = true;
  connections = 0;

  constructor() {
    this.#server.on("connection", (socket, request) => {
      this.connections++;
      this.headers.push(request.headers);
      const { answersPings } = this;
      if (!answersPings) (socket as WebSocket & { _autoPong: boolean })._autoPong = false;
      socket.on("message", (data) => this.#receive(socket, String(data)));
      socket.on("close", () => this.#subscribed.delete(socket));
    });
  }

  async start(): Promise<void> {
    if (this.#server.address() === null) await new Promise((resolve) => this.#server.once("listening", resolve));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/feed`;
  }

  push(record: string): void {
    this.records.push(record);
    for (const socket of this.#subscribed) this.#send(socket, record);
  }

  disconnectAll(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  /** Resolves when the clients have received everything that was sent to them: they answer a ping behind it. */
  async delivered(): Promise<void> {
    const answers = [...this.#server.clients].map((socket) => {
      socket.ping();
      return once(socket, "pong");
    });
    await Promise.all(answers);
  }

  /** Half of a frame, and then the end. */
  breakWithinMessage(): void {
    for (const socket of this.#server.clients) {
      const { _socket: raw } = socket as WebSocket & { _socket: { write(data: Buffer): void; destroy(): void } };
      raw.write(Buffer.from([0x81, 0x7d, 0x7b]));
      raw.destroy();
    }
  }

  async close(): Promise<void> {
    this.disconnectAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #receive(socket: WebSocket, text: string): void {
    this.received.push(text);
    if (text === "ping") {
      socket.send('"pong"');
      return;
    }
    const { op, after } = JSON.parse(text) as { op: string; after?: string | null };
    if (op !== "subscribe") return;
    this.#subscribed.add(socket);
    if (after === undefined) return;
    const from = after === null ? 0 : this.records.findIndex((record) => JSON.parse(record).id === after) + 1;
    for (const record of this.records.slice(from)) this.#send(socket, record);
  }

  #send(socket: WebSocket, record: string): void {
    if (this.breaks()) socket.terminate();
    else socket.send(record);
  }
}
