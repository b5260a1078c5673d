/**
 * The door `/ws`: takes handshakes from the HTTP server, refuses those that break a rule with a problem document, and
 * keeps the connected clients.
 *
 * A handshake is one request header, so how long it may take is the HTTP server's own bound (`headersTimeout`); once the header
 * is there, it is answered at once. Requests to upgrade to anything else, or elsewhere, are ordinary requests: some
 * clients offer HTTP/2 that way with every request.
 */
import { randomInt } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { jsonPatchProtocol, webSocketPath, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { StatsBus } from "../../bus/stats-bus.ts";
import { ProblemError, problemDocument, problemTable } from "../problems.ts";
import { ClientSession } from "./client-session.ts";
import { Hub } from "./hub.ts";
import { WEBSOCKET_LIMITS, type WebSocketConfig, type WebSocketLimits } from "./limits.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { isOriginAllowed } from "./origin.ts";

export type WebSocketOptions = {
  readonly bus: StatsBus;
  readonly config: WebSocketConfig;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Overrides of single limits. */
  readonly limits?: Partial<WebSocketLimits>;
};

export type WebSocketDoor = {
  /** Connections now. */
  clients(): number;
  /** Topics open at the bus now. */
  topics(): number;
  /** Refuses new clients, tells the others when to come back, and resolves when all connections have ended (bounded). */
  close(): Promise<void>;
};

/** Serves WebSocket clients on `server`, which the caller starts and closes. Call it before the server listens. */
export function attachWebSocket(server: Server, options: WebSocketOptions): WebSocketDoor {
  const door = new Door(options);
  routeUpgrades(server);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => door.upgrade(request, socket, head));
  return door;
}

function routeUpgrades(server: Server): void {
  // A property since Node 24.9; before, a request that asks for another upgrade comes to `upgrade`, and is refused there.
  const routed: { shouldUpgradeCallback?: (request: IncomingMessage) => boolean } = server as object;
  if (routed.shouldUpgradeCallback !== undefined) routed.shouldUpgradeCallback = isForUs;
}

const isForUs = (request: IncomingMessage): boolean =>
  pathOf(request) === webSocketPath && /(^|[\s,])websocket([\s,]|$)/i.test(request.headers.upgrade ?? "");

const pathOf = (request: IncomingMessage): string => (request.url ?? "").split("?", 1)[0] as string;

class Door implements WebSocketDoor {
  readonly #options: WebSocketOptions;
  readonly #limits: WebSocketLimits;
  readonly #hub: Hub;
  readonly #server: WebSocketServer;
  readonly #sessions = new Set<ClientSession>();
  readonly #sweepTimer: NodeJS.Timeout;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#limits = { ...WEBSOCKET_LIMITS, ...options.limits };
    const { coalesceMs, maxMessageBytes } = options.config.api.ws;
    const { bus, metrics } = options;
    this.#hub = new Hub({ bus, coalesceMs, limits: this.#limits, metrics, nowMs });
    // `closeTimeout` is missing in the published types.
    const serverOptions: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      autoPong: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      closeTimeout: this.#limits.closeTimeoutMs,
      handleProtocols: (offered) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#sweepTimer = setInterval(() => this.#sweep(), this.#limits.sweepMs);
    this.#sweepTimer.unref();
  }

  clients(): number {
    return this.#sessions.size;
  }

  topics(): number {
    return this.#hub.topics;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const problem = this.#refusal(request);
    if (problem !== undefined) {
      const { origin } = request.headers;
      this.#options.logger.debug({ code: problem.code, origin }, "WebSocket handshake refused");
      refuse(socket, problem, request.url ?? webSocketPath);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket));
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { promise: empty, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    if (this.#sessions.size === 0) resolve();
    const { reconnectAfterMs } = this.#limits;
    for (const session of this.#sessions) session.shutdown(reconnectAfterMs + randomInt(reconnectAfterMs + 1));
    const cut = setTimeout(() => {
      for (const session of this.#sessions) session.terminate();
    }, this.#limits.closeTimeoutMs);
    await empty;
    clearTimeout(cut);
    clearInterval(this.#sweepTimer);
    this.#hub.close();
    this.#server.close();
  }

  /** Why the handshake is refused; undefined: it may go on, and `ws` checks its form. */
  #refusal(request: IncomingMessage): ProblemError | undefined {
    const { api } = this.#options.config;
    const { origin, host } = request.headers;
    if (!isForUs(request)) {
      return new ProblemError("not_found", `There is no upgrade but to WebSocket at ${webSocketPath}.`);
    }
    if (!isOriginAllowed(origin, host, api.cors)) {
      return new ProblemError(
        "origin_not_allowed",
        `Pages of ${origin} may not connect; api.cors lists those that may.`,
      );
    }
    const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
    if (offered !== undefined && !offered.includes(webSocketProtocol)) {
      const code = offered.includes(jsonPatchProtocol) ? "not_implemented" : "bad_request";
      return new ProblemError(code, `The sub-protocol spoken here is ${webSocketProtocol}; offer it, or none.`);
    }
    if (this.#isClosing) return new ProblemError("shutting_down", "The service is shutting down; connect again later.");
    if (this.#sessions.size >= api.ws.maxConn) {
      const message = `${this.#sessions.size} clients are connected, as many as api.ws.max_conn allows; try again later.`;
      return new ProblemError("too_many_connections", message);
    }
    return undefined;
  }

  #accept(ws: WebSocket, socket: Duplex): void {
    const { config, logger, metrics } = this.#options;
    const session = new ClientSession(ws, socket, {
      hub: this.#hub,
      config,
      limits: this.#limits,
      logger,
      metrics,
      nowMs,
      onClosed: (closed, reason) => this.#onClosed(closed, reason),
    });
    this.#sessions.add(session);
    metrics.clients(this.#sessions.size);
  }

  #onClosed(session: ClientSession, reason: CloseReason): void {
    this.#sessions.delete(session);
    this.#options.metrics.clients(this.#sessions.size);
    this.#options.metrics.closed(reason);
    if (reason !== "client" && reason !== "lost") this.#options.logger.info({ reason }, "WebSocket client closed");
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #sweep(): void {
    const now = nowMs();
    for (const session of this.#sessions) session.sweep(now);
  }
}

const nowMs = (): number => performance.now();

/** Answers a handshake with a problem document, and ends the connection. */
function refuse(socket: Duplex, problem: ProblemError, instance: string): void {
  const { status, title, retryAfterSeconds } = problemTable[problem.code];
  const body = JSON.stringify(problemDocument(problem, instance));
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  // The client may be gone already; there is nobody to tell.
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
