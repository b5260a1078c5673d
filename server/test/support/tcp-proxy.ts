/** A TCP proxy that a test can cut: connections are dropped, or stay open while nothing goes through any more. */
import { connect, createServer, type Socket } from "node:net";

export type TcpProxy = {
  readonly port: number;
  /** Both directions are swallowed, also of new connections; nobody is told. */
  hold(): void;
  /** Ends all connections; new ones are refused until `resume`. */
  cut(): void;
  /** What was held is ended, for what was swallowed cannot be brought back; new connections go through. */
  resume(): void;
  close(): Promise<void>;
};

export async function startTcpProxy(targetPort: number, host = "127.0.0.1"): Promise<TcpProxy> {
  let mode: "pass" | "hold" | "cut" = "pass";
  const sockets = new Set<Socket>();
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const track = (socket: Socket, other: () => Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      other().destroy();
    });
    socket.on("data", (bytes) => {
      if (mode === "pass") other().write(bytes);
    });
  };
  const server = createServer((client) => {
    if (mode === "cut") {
      client.destroy();
      return;
    }
    const target = connect(targetPort, host);
    track(client, () => target);
    track(target, () => client);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as { port: number }).port,
    hold: () => {
      mode = "hold";
    },
    cut: () => {
      mode = "cut";
      endAll();
    },
    resume: () => {
      if (mode === "hold") endAll();
      mode = "pass";
    },
    close: () => {
      endAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
