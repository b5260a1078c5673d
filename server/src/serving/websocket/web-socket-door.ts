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
import { type EncodingProtocol, encodingProtocols, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { type PerMessageDeflateOptions, type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Identity } from "../../access/identity.ts";
import type { RateLimitState } from "../../access/rate-limit-state.ts";
import { type Gate, type Passage, passGate } from "../gate.ts";
import type { Hub } from "../live/hub.ts";
import { sweepEvery } from "../live/sweeps.ts";
import { rawProblem } from "../problem-response.ts";
import { ProblemError, problemOf } from "../problems.ts";
import { BegunMessages } from "./begun-messages.ts";
import { ClientSession } from "./client-session.ts";
import { createEncodings } from "./encodings.ts";
import { WEBSOCKET_LIMITS, type WebSocketConfig, type WebSocketLimits } from "./limits.ts";
import type { CloseReason, WebSocketLogger, WebSocketMetrics } from "./observers.ts";
import { isOriginAllowed } from "./origin.ts";
import type { Replay, Replays } from "./replays.ts";
import { WriteBuffer } from "./write-buffer.ts";

type WebSocketOptions = {
  readonly hub: Hub;
  readonly gate: Gate;
  readonly config: WebSocketConfig;
  readonly logger: WebSocketLogger;
  readonly metrics: WebSocketMetrics;
  /** Opens sessions for handshakes with `at`. */
  readonly replays: Replays;
  /** Overrides of single limits. */
  readonly limits?: Partial<WebSocketLimits>;
};

export class WebSocketDoor {
  readonly #options: WebSocketOptions;
  readonly #limits: WebSocketLimits;
  readonly #encodingOf: ReturnType<typeof createEncodings>;
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
    this.#encodingOf = createEncodings(this.#limits);
    const { maxMessageBytes, compression } = options.config.api.ws;
    // The published types lack `closeTimeout`.
    const serverOptions: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      autoPong: false,
      perMessageDeflate: compression ? COMPRESSION : false,
      maxPayload: maxMessageBytes,
      closeTimeout: this.#limits.closeTimeoutMs,
      handleProtocols: (offered) => [...offered].find(isEncoding) ?? false,
    };
    this.#server = new WebSocketServer(serverOptions);
    // Without a listener `ws` responds with HTML.
    this.#server.on("wsClientError", ({ message }, socket, request) => {
      const code = request.method === "GET" ? "bad_request" : "method_not_allowed";
      refuse(socket, new ProblemError(code, `This is no handshake of WebSocket: ${message}.`), request.url);
    });
    this.#sweepTimer = sweepEvery(this.#limits.sweepMs, options.hub.nowMs, (nowMs) => this.#sweep(nowMs));
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
    // The client may leave while the gate is asked.
    socket.on("error", () => socket.destroy());
    const go = (passage: Passage): void => this.#passed(passage, request, socket, head);
    const passage = passGate(this.#options.gate, request, "connect", 1);
    if (passage instanceof Promise) void passage.then(go);
    else go(passage);
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

  #passed({ problem, limits, identity }: Passage, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = problem ?? this.#refusal(request);
    if (refusal !== undefined) {
      const { origin } = request.headers;
      this.#options.logger.debug({ code: refusal.code, origin }, "WebSocket handshake refused");
      refuse(socket, refusal, request.url, limits);
    } else if (identity !== undefined) {
      const query = replayQuery(request.url);
      if (query === undefined) this.#upgrade(request, socket, head, identity);
      else void this.#replay(query, request, socket, head, identity);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, identity: Identity, replay?: Replay): void {
    // `ws` refuses the handshake for an offer that it cannot take up. The client is served without compression instead.
    if (SMALL_WINDOW.test(request.headers["sec-websocket-extensions"] ?? "")) {
      delete request.headers["sec-websocket-extensions"];
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket, identity, replay));
  }

  /** Opens a session for the connection. It ends with the connection, also with one that fails before it is taken over. */
  async #replay(
    query: URLSearchParams,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    identity: Identity,
  ): Promise<void> {
    try {
      const replay = await this.#options.replays.open(query);
      const end = (): void => {
        replay.session.close();
        replay.hub.close();
      };
      if (socket.destroyed || this.#isClosing) {
        end();
        throw shuttingDown();
      }
      socket.once("close", end);
      this.#upgrade(request, socket, head, identity, replay);
    } catch (error) {
      refuse(socket, problemOf(error), request.url);
    }
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
    if (offered !== undefined && !offered.some(isEncoding)) {
      const text = `The sub-protocols spoken here are ${encodingProtocols.join(", ")}; offer one of them, or none.`;
      return new ProblemError("bad_request", text);
    }
    if (this.#isClosing) return shuttingDown();
    const { clients } = this.#options.hub;
    if (clients >= api.ws.maxConn) {
      const message = `${clients} clients are connected, as many as api.ws.max_conn allows; try again later.`;
      return new ProblemError("too_many_connections", message);
    }
    return undefined;
  }

  #accept(ws: WebSocket, socket: Duplex, identity: Identity, replay: Replay | undefined): void {
    const { gate, config, logger, metrics } = this.#options;
    const session = new ClientSession(ws, socket, {
      hub: replay?.hub ?? this.#options.hub,
      replay,
      gate,
      identity,
      config,
      limits: this.#limits,
      logger,
      metrics,
      writeBuffer: this.#writeBuffer,
      begun: this.#begun,
      encoding: this.#encodingOf(isEncoding(ws.protocol) ? ws.protocol : webSocketProtocol, ws.extensions !== ""),
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

  #sweep(nowMs: number): void {
    const wallMs = Date.now();
    for (const session of this.#sessions) session.sweep(nowMs, wallMs);
  }
}

/**
 * Compression without context of earlier messages on both sides, because all clients share frames. The window has its full size, so an offer
 * that asks for a smaller one is not taken up. `ws` bounds what a client's message may become by `maxPayload`.
 */
const COMPRESSION: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
};

/** An offer of compression in which the client asks for a window of the server below the full size. */
const SMALL_WINDOW = /server_max_window_bits\s*=\s*"?(?:[89]|1[0-4])\b/i;

const isEncoding = (name: string): name is EncodingProtocol => (encodingProtocols as readonly string[]).includes(name);

const shuttingDown = (): ProblemError =>
  new ProblemError("shutting_down", "The service is shutting down; connect again later.");

/** Returns the query of a handshake that asks for a session of the past. */
function replayQuery(url = ""): URLSearchParams | undefined {
  const at = url.indexOf("?");
  if (at === -1) return undefined;
  const query = new URLSearchParams(url.slice(at));
  return query.has("at") || query.has("speed") ? query : undefined;
}

/** Responds to a handshake with a problem document, and ends the connection. */
function refuse(socket: Duplex, problem: ProblemError, url: string | undefined, limits?: RateLimitState): void {
  socket.once("finish", () => socket.destroy());
  socket.end(rawProblem(problem, url, limits));
}
