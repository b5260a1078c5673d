/** A way between a client and a server that a test can cut: a listener that passes bytes on, or some of them, or nothing. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type ProxyMode =
  /** All passes. */
  | "open"
  /** Connections are accepted and questions passed on; answers are thrown away. */
  | "no_answers"
  /** As `open` until a client sends these bytes; from then on as `no_answers`. */
  | { readonly noAnswersFrom: string }
  /** Connections are accepted; nothing passes either way. */
  | "silent"
  /** Connections are refused and the open ones ended. */
  | "cut";

export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #mode: ProxyMode = "open";
  readonly port: number;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as { port: number }).port;
    server.on("connection", (socket) => this.#join(socket));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  set mode(mode: ProxyMode) {
    this.#mode = mode;
    if (mode === "cut") this.#endAll();
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
    const server = connect(this.#targetPort, "127.0.0.1");
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
    client.on("data", (bytes) => {
      if (this.#mode === "silent") return;
      if (typeof this.#mode === "object" && bytes.includes(this.#mode.noAnswersFrom)) this.#mode = "no_answers";
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (this.#mode === "open" || typeof this.#mode === "object") client.write(bytes);
    });
  }
}
