/** The listener of gRPC: HTTP/2 at an address of its own, with limits on connections, calls and idle time. */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { Budget } from "../../shared/budget.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Gate } from "../gate.ts";
import type { ServerTls } from "../server-tls.ts";
import type { GrpcLimits } from "./limits.ts";
import { passOn } from "./router.ts";

type ListenAddress = { readonly host: string; readonly port: number };

/** Trailers-only responses, as the protocol has them for calls that reach no service. */
const DEADLINE_EXCEEDED = 4;
const UNIMPLEMENTED = 12;
const RESOURCE_EXHAUSTED = 8;

export class GrpcListener {
  readonly budget: Budget;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #limits: GrpcLimits;
  readonly #addressOf: Gate["addressOf"];
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  readonly #pingTimer: NodeJS.Timeout;
  readonly #unanswered = new Set<ServerHttp2Session>();

  /** `tls`: undefined for connections in plain text. */
  constructor(
    handlers: ReadonlyMap<string, UniversalHandler>,
    limits: GrpcLimits,
    addressOf: Gate["addressOf"],
    tls: ServerTls | undefined,
  ) {
    this.#handlers = handlers;
    this.#addressOf = addressOf;
    this.#limits = limits;
    this.budget = new Budget({ name: "grpc_calls", limit: limits.callsMax, shareMax: limits.callsPerClientMax });
    const settings = { maxConcurrentStreams: limits.callsPerSessionMax, maxHeaderListSize: limits.headerBytesMax };
    if (tls === undefined) this.#server = createServer({ settings });
    else {
      const server = createSecureServer({ ...tls.options, settings });
      tls.follow(server);
      this.#server = server;
    }
    // A session that is closing waits for its client, even when it is destroyed. Its socket does not.
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("session", (session) => this.#opened(session));
    this.#server.on("request", (request, response) => this.#serve(request, response));
    this.#server.on("sessionError", () => {});
    this.#pingTimer = setInterval(() => this.#pingAll(), limits.pingMs).unref();
  }

  /** Resolves to the address with the port that was taken. Rejects with SwapstatsError `bad_config` when it cannot be used. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject).listen(address.port, address.host, resolve);
    try {
      await promise;
    } catch (cause) {
      const text = `gRPC cannot listen on ${address.host}:${address.port}: ${(cause as Error).message}. Set api.grpc.addr to a free address, or empty to turn it off.`;
      throw new SwapstatsError("bad_config", text, { cause });
    }
    return { host: address.host, port: (this.#server.address() as AddressInfo).port };
  }

  /** Takes no more connections and calls, lets running calls end, and after `limitMs` destroys the connections that are left. */
  async close(limitMs: number): Promise<void> {
    clearInterval(this.#pingTimer);
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, limitMs);
    await closed;
    clearTimeout(timer);
  }

  #opened(session: ServerHttp2Session): void {
    if (this.#sessions.size >= this.#limits.sessionsMax) {
      session.destroy();
      return;
    }
    this.#sessions.add(session);
    session.on("error", () => session.destroy());
    let calls = 0;
    session.on("stream", (stream) => {
      calls += 1;
      stream.once("close", () => {
        calls -= 1;
        session.setTimeout(this.#limits.idleMs);
      });
    });
    session.on("timeout", () => {
      if (calls === 0) session.close();
    });
    session.setTimeout(this.#limits.idleMs);
    session.once("close", () => {
      this.#sessions.delete(session);
      this.#unanswered.delete(session);
    });
  }

  /** Disconnects clients that have not answered the last ping, and sends the next. */
  #pingAll(): void {
    for (const session of this.#sessions) {
      if (this.#unanswered.has(session)) {
        session.destroy();
        continue;
      }
      if (session.destroyed || session.closed) continue;
      this.#unanswered.add(session);
      session.ping(() => this.#unanswered.delete(session));
    }
  }

  #serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
    response.stream.on("error", () => {});
    const handler = this.#handlers.get(request.url.split("?", 1)[0] as string);
    if (handler === undefined) {
      refuse(response, UNIMPLEMENTED, "there is no such call");
      return;
    }
    const lease = this.budget.lease(this.#addressOf(request));
    response.once("close", () => lease.end());
    if (!lease.take(1)) {
      refuse(response, RESOURCE_EXHAUSTED, "as many calls run as the service allows");
      return;
    }
    // With an error, because a write that waits for the client would wait on.
    const cut = (): void => void response.stream.destroy(new Error("The call was cut."));
    const stopDeadline = this.#startDeadline(handler, response, cut);
    const begun = (): void => {
      lease.end();
      stopDeadline();
    };
    passOn(handler, request, response, {
      ...{ sender: { headers: request.headers, socket: request.socket, url: request.url }, identity: undefined },
      ...{ cut, begun },
    }).catch(cut);
  }

  /** Ends a call that takes too long. Returns a function that lets it run on. */
  #startDeadline({ method }: UniversalHandler, response: Http2ServerResponse, cut: () => void): () => void {
    if (method.methodKind !== "unary" && method.name !== "Subscribe") return () => {};
    const { deadlineMsMax } = this.#limits;
    const timer = setTimeout(() => {
      if (response.headersSent) return cut();
      const { stream } = response;
      // Once the response is out, the rest of the request is not waited for. A reset that comes earlier makes Node loop for ever.
      stream.once("wantTrailers", () =>
        setImmediate(() => {
          if (stream.state.remoteClose === 0) stream.close();
        }),
      );
      refuse(response, DEADLINE_EXCEEDED, `the call did not end within ${deadlineMsMax} ms`);
    }, deadlineMsMax);
    const stop = (): void => clearTimeout(timer);
    response.once("close", stop);
    return stop;
  }
}

function refuse(response: Http2ServerResponse, code: number, text: string): void {
  response.writeHead(200, { "content-type": "application/grpc", "grpc-status": code, "grpc-message": text });
  response.end();
}
