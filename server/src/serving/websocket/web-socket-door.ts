/**
 * The door `/ws`: takes handshakes from the HTTP server, refuses those that break a rule with a problem document, and
 * keeps the connected clients. Which requests are handshakes at all the HTTP server decides.
 *
 * A handshake is one request header, so how long it may take is the HTTP server's own bound; once the header is there, it
 * is answered at once.
 */
import { randomInt } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { jsonPatchProtocol, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { StatsBus } from "../../ports/stats-bus.ts";
import { rawProblem } from "../http/connections.ts";
import { Hub } from "../live/hub.ts";
import { ProblemError } from "../problems.ts";
import { BegunMessages } from "./begun-messages.ts";
import { ClientSession } from "./client-session.ts";
import { WEBSOCKET_LIMITS, type WebSocketConfig, type WebSocketLimits } from "./limits.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { isOriginAllowed } from "./origin.ts";
import { WriteBuffer } from "./write-buffer.ts";

export type WebSocketOptions = {
  readonly bus: StatsBus;
  readonly config: WebSocketConfig;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Overrides of single limits. */
  readonly limits?: Partial<WebSocketLimits>;
};

export class WebSocketDoor {
  readonly #options: WebSocketOptions;
  readonly #limits: WebSocketLimits;
  readonly #hub: Hub;
  readonly #server: WebSocketServer;
  readonly #writeBuffer: WriteBuffer;
  readonly #begun: BegunMessages<ClientSession>;
  readonly #sessions = new Set<ClientSession>();
  readonly #sweepTimer: NodeJS.Timeout;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#limits = { ...WEBSOCKET_LIMITS, ...options.limits };
    this.#writeBuffer = new WriteBuffer(this.#limits.inFlightBytesMax);
    this.#begun = new BegunMessages(this.#limits.begunBytesMax);
    const { coalesceMs, maxMessageBytes, maxRowsTotal: rowsMax } = options.config.api.ws;
    const { bus } = options;
    const isLive = options.config.windows.clock === "live";
    const clients = (): number => this.#sessions.size;
    this.#hub = new Hub({ bus, coalesceMs, isLive, rowsMax, clients, limits: this.#limits, nowMs });
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
    // Unless this is heard, `ws` answers with HTML.
    this.#server.on("wsClientError", ({ message }, socket, request) => {
      const code = request.method === "GET" ? "bad_request" : "method_not_allowed";
      refuse(socket, new ProblemError(code, `This is no handshake of WebSocket: ${message}.`), request.url);
    });
    this.#sweepTimer = setInterval(() => this.#sweep(), this.#limits.sweepMs);
    this.#sweepTimer.unref();
  }

  /** Connections now. */
  get clients(): number {
    return this.#sessions.size;
  }

  /** Topics open at the bus now. */
  get topics(): number {
    return this.#hub.topics;
  }

  /** What the channels hold now. */
  get held(): Hub["held"] & { readonly begunBytes: number; readonly pendingIds: number } {
    return { ...this.#hub.held, begunBytes: this.#begun.bytes, pendingIds: this.#hub.pending.size };
  }

  /** Takes over the connection of a request to `/ws` that asks for WebSocket. Bound: it may be handed on as it is. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const problem = this.#refusal(request);
    if (problem !== undefined) {
      const { origin } = request.headers;
      this.#options.logger.debug({ code: problem.code, origin }, "WebSocket handshake refused");
      refuse(socket, problem, request.url);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket));
  };

  /** Refuses new clients, tells the others when to come back, and resolves when all connections have ended, soon in any case. */
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
    const uriChars = request.url?.length ?? 0;
    if (uriChars > this.#limits.uriCharsMax) {
      const text = `Path and query have ${uriChars} characters; they may have ${this.#limits.uriCharsMax} together.`;
      return new ProblemError("uri_too_long", text);
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
      writeBuffer: this.#writeBuffer,
      begun: this.#begun,
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
    // Anybody can make thousands of these a second; `ws_closed_total` counts them by reason.
    this.#options.logger.debug({ reason }, "WebSocket client closed");
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #sweep(): void {
    const now = nowMs();
    for (const session of this.#sessions) session.sweep(now);
  }
}

const nowMs = (): number => performance.now();

/** Answers a handshake with a problem document, and ends the connection. */
function refuse(socket: Duplex, problem: ProblemError, url: string | undefined): void {
  // The client may be gone already; there is nobody to tell.
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(rawProblem(problem, url));
}
