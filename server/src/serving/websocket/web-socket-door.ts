/**
 * The door `/ws`: takes over handshakes from the HTTP server, refuses those that break a rule with a problem document, and
 * keeps the connected clients. The HTTP server decides which requests are handshakes.
 *
 * A handshake is one request header, so the HTTP server's timeout for headers applies. Once the header is complete, the response
 * follows at once.
 */
import { randomInt } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { jsonPatchProtocol, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Gate, Identity } from "../gate.ts";
import type { Hub } from "../live/hub.ts";
import type { Encoder } from "../live/shared-message.ts";
import { rawProblem } from "../problem-response.ts";
import { ProblemError } from "../problems.ts";
import { BegunMessages } from "./begun-messages.ts";
import { ClientSession } from "./client-session.ts";
import { frameEncoder, type MessageFrames } from "./frames.ts";
import { WEBSOCKET_LIMITS, type WebSocketConfig, type WebSocketLimits } from "./limits.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { isOriginAllowed } from "./origin.ts";
import { WriteBuffer } from "./write-buffer.ts";

type WebSocketOptions = {
  readonly hub: Hub;
  readonly gate: Gate;
  readonly config: WebSocketConfig;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Overrides of single limits. */
  readonly limits?: Partial<WebSocketLimits>;
};

export class WebSocketDoor {
  readonly #options: WebSocketOptions;
  readonly #limits: WebSocketLimits;
  readonly #encoder: Encoder<MessageFrames>;
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
    this.#encoder = frameEncoder(this.#limits.fragmentBytesMax);
    const { maxMessageBytes } = options.config.api.ws;
    // The published types lack `closeTimeout`.
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
    // Without a listener `ws` responds with HTML.
    this.#server.on("wsClientError", ({ message }, socket, request) => {
      const code = request.method === "GET" ? "bad_request" : "method_not_allowed";
      refuse(socket, new ProblemError(code, `This is no handshake of WebSocket: ${message}.`), request.url);
    });
    this.#sweepTimer = setInterval(() => this.#sweep(), this.#limits.sweepMs);
    this.#sweepTimer.unref();
  }

  /** Number of open connections. */
  get clients(): number {
    return this.#sessions.size;
  }

  /** Bytes of messages that clients have received a part of. */
  get begunBytes(): number {
    return this.#begun.bytes;
  }

  /** Takes over the connection of a request to `/ws` that asks for WebSocket. Bound to this object, so it can be passed as a function. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { gate } = this.#options;
    const identity = gate.identify(request);
    const problem = this.#refusal(request) ?? gate.admit(identity, "connect", 1);
    if (problem !== undefined) {
      const { origin } = request.headers;
      this.#options.logger.debug({ code: problem.code, origin }, "WebSocket handshake refused");
      refuse(socket, problem, request.url);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket, identity));
  };

  /** Refuses new clients, tells the others when to reconnect, and resolves when all connections have ended, at the latest after `closeTimeoutMs`. */
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
    this.#server.close();
  }

  /** Returns why the handshake is refused. Undefined: it may continue, and `ws` checks its form. */
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

  #accept(ws: WebSocket, socket: Duplex, identity: Identity): void {
    const { hub, gate, config, logger, metrics } = this.#options;
    const session = new ClientSession(ws, socket, {
      hub,
      gate,
      identity,
      config,
      limits: this.#limits,
      logger,
      metrics,
      writeBuffer: this.#writeBuffer,
      begun: this.#begun,
      encoder: this.#encoder,
      onClosed: (closed, reason) => this.#onClosed(closed, reason),
    });
    this.#sessions.add(session);
    metrics.clients(this.#sessions.size);
  }

  #onClosed(session: ClientSession, reason: CloseReason): void {
    this.#sessions.delete(session);
    this.#options.metrics.clients(this.#sessions.size);
    this.#options.metrics.closed(reason);
    // At level debug, because any client can cause thousands a second. `ws_closed_total` counts them by reason.
    this.#options.logger.debug({ reason }, "WebSocket client closed");
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #sweep(): void {
    const nowMs = this.#options.hub.nowMs();
    for (const session of this.#sessions) session.sweep(nowMs);
  }
}

/** Responds to a handshake with a problem document, and ends the connection. */
function refuse(socket: Duplex, problem: ProblemError, url: string | undefined): void {
  // The client may be gone already.
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(rawProblem(problem, url));
}
