/** A proxy between a client and a server that a test can cut. It passes bytes on, or some of them, or none. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

type ProxyMode =
  /** Everything passes. */
  | "open"
  /** Connections are accepted and requests passed on; responses are dropped. */
  | "no_answers"
  /** As `open` until a client sends these bytes, and as `no_answers` afterwards. */
  | { readonly noAnswersFrom: string }
  /** Connections are accepted; nothing passes in either direction. */
  | "silent"
  /** Everything passes, each piece with this delay. */
  | { readonly delayMs: number }
  /** Everything passes, in pieces of this length. */
  | { readonly pieceBytes: number }
  /** Connections are refused, and open ones are ended. */
  | "cut";

export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: () => number;
  readonly #sockets = new Set<Socket>();
  #mode: ProxyMode = "open";
  /** Bytes that came from the server. */
  answeredBytes = 0;
  readonly port: number;

  private constructor(server: Server, targetPort: () => number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as { port: number }).port;
    server.on("connection", (socket) => this.#join(socket));
  }

  /** `target`: the port of the server, or a function that gives one for each connection. */
  static async start(target: number | (() => number)): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, typeof target === "number" ? () => target : target);
  }

  /** Open sockets, of both sides. */
  get sockets(): number {
    return this.#sockets.size;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  set mode(mode: ProxyMode) {
    // Dropped bytes cannot be restored.
    if (mode === "cut" || this.#mode === "silent") this.#endAll();
    this.#mode = mode;
  }

  /** Ends the open connections, and accepts further ones. */
  cut(): void {
    this.#endAll();
  }

  close(): void {
    this.#server.close();
    this.#endAll();
  }

  #endAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket): void {
    if (this.#mode === "cut") {
      client.destroy();
      return;
    }
    const server = connect(this.#targetPort(), "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    const toServer = new DelayedWriter(server);
    const toClient = new DelayedWriter(client);
    client.on("data", (bytes) => {
      if (this.#mode === "silent") return;
      const mode = this.#mode;
      if (typeof mode === "object" && "noAnswersFrom" in mode && bytes.includes(mode.noAnswersFrom)) {
        this.#mode = "no_answers";
      }
      for (const piece of piecesOf(bytes, mode)) toServer.send(piece, delayOf(mode));
    });
    server.on("data", (bytes) => {
      this.answeredBytes += bytes.length;
      if (this.#mode !== "open" && typeof this.#mode !== "object") return;
      for (const piece of piecesOf(bytes, this.#mode)) toClient.send(piece, delayOf(this.#mode));
    });
  }
}

/** Pieces leave one after the other, so that the other side reads them one by one. */
const PIECE_DELAY_MS = 1;

function delayOf(mode: ProxyMode): number {
  if (typeof mode !== "object") return 0;
  return "delayMs" in mode ? mode.delayMs : "pieceBytes" in mode ? PIECE_DELAY_MS : 0;
}

function piecesOf(bytes: Buffer, mode: ProxyMode): readonly Buffer[] {
  if (typeof mode !== "object" || !("pieceBytes" in mode)) return [bytes];
  const { pieceBytes } = mode;
  const count = Math.ceil(bytes.length / pieceBytes);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes));
}

/** Writes to a socket in the order of arrival. Each piece is written when its delay has passed and all earlier pieces are written. */
class DelayedWriter {
  readonly #socket: Socket;
  readonly #waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(bytes: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.#socket.write(bytes);
      return;
    }
    this.#waiting.push({ bytes, dueMs: performance.now() + delayMs });
    if (this.#waiting.length === 1) this.#wait();
  }

  #wait(): void {
    const next = this.#waiting[0];
    if (next === undefined || this.#socket.destroyed) return;
    setTimeout(
      () => {
        this.#waiting.shift();
        if (!this.#socket.destroyed) this.#socket.write(next.bytes);
        this.#wait();
      },
      Math.max(0, next.dueMs - performance.now()),
    ).unref();
  }
}
