/**
 * Stands between Node's HTTP server and a handler, and orders the work of each connection:
 *
 * - Requests of a connection run one after the other. The next one starts when the previous response has been handed to the network. A
 *   connection therefore has at most one unsent response; without this rule one packet of requests produced hundreds of megabytes of responses.
 * - Parser errors and upgrades wait for the responses to the requests before them.
 * - A client that is refused while it still sends can read the reason. The rest of its body is discarded, for a bounded time and size.
 * - Clients that read their response too slowly are disconnected, unless the response is a stream, which has limits of its own. When there are too many connections, an idle one makes room for a new
 *   one.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Server as TlsServer } from "node:tls";

export type GuardLimits = {
  /** Open connections. Beyond the limit an idle connection is closed, or the new one if none is idle. */
  readonly connectionsMax: number;
  /** Pipelined requests that wait for earlier responses. Beyond the limit the connection ends after these. */
  readonly pipelinedMax: number;
  /** Limits for the bytes of a refused request that are discarded, and for the time of it, so that its client reads the response. */
  readonly lingerBytesMax: number;
  readonly lingerMs: number;
  /** A client must read this many bytes of its response within each window. */
  readonly readWindowMs: number;
  readonly readWindowBytesMin: number;
  /** Interval at which connections are checked. */
  readonly timeoutCheckMs: number;
};

type GuardEvents = {
  /** Called when a connection was closed because there are too many. */
  readonly dropped: () => void;
  /** Called when a client reads its response fast enough. */
  readonly reading: (response: ServerResponse) => void;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Turn =
  | { readonly kind: "request"; readonly request: IncomingMessage; readonly response: ServerResponse }
  /** The last text that is sent on the connection. */
  | { readonly kind: "last"; readonly text: string }
  | { readonly kind: "upgrade"; readonly take: () => void };

/** A client that reads this much between two checks makes progress. */
const PROGRESS_BYTES = 4 * 1024;
/** A connection must have been idle for this long to be closed for a new one. */
const IDLE_BEFORE_NEW_MS = 1_000;
/** Connections that are accepted beyond the limit, so that an idle one can be closed for each of them. */
const SPARE_CONNECTIONS = 16;

const STATE = Symbol("connection");
type GuardedSocket = Duplex & { [STATE]?: Connection };
/** Members of Node's sockets and responses that are not in the published types. */
type Inner = {
  readonly bytesWritten: number;
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  /** The socket below TLS. That of TLS itself counts a whole write as unsent until its last byte was taken. */
  readonly _parent?: Inner;
};

/** Returns the bytes of a socket that were handed to the network. The error is at most the socket's own buffer. */
export function sentBytesOf(socket: Duplex): number {
  const own = socket as unknown as Inner;
  const inner = own._parent ?? own;
  return inner.bytesWritten - (inner._handle?.writeQueueSize ?? 0);
}

class Connection {
  readonly socket: Duplex;
  readonly waiting: Turn[] = [];
  running: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  /** No further requests are taken from the connection. */
  isEnding = false;
  isUpgraded = false;
  /** The running response is a stream. */
  isStreaming = false;
  destroyAtMs = Number.POSITIVE_INFINITY;
  idleSinceMs: number;
  windowStartMs = 0;
  sentAtWindowStart = 0;
  sentAtLook = 0;

  constructor(socket: Duplex, nowMs: number) {
    this.socket = socket;
    this.idleSinceMs = nowMs;
  }

  get sentBytes(): number {
    return sentBytesOf(this.socket);
  }
}

export class ConnectionGuard {
  readonly #limits: GuardLimits;
  readonly #run: Handler;
  readonly #connections = new Set<Connection>();
  /** Sockets that carry TLS, those in their handshake among them. */
  readonly #belowTls = new Set<Duplex>();
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #events: GuardEvents;

  constructor(server: Server, limits: GuardLimits, run: Handler, events: GuardEvents) {
    this.#limits = limits;
    this.#run = run;
    this.#events = events;
    server.maxConnections = limits.connectionsMax + SPARE_CONNECTIONS;
    if (server instanceof TlsServer) {
      // A connection counts from the end of its handshake on. Until then the limit of the server bounds it, and the handshake's timeout.
      server.on("secureConnection", (socket) => this.#opened(socket));
      server.on("connection", (socket) => {
        this.#belowTls.add(socket);
        socket.once("close", () => this.#belowTls.delete(socket));
      });
    } else server.on("connection", (socket) => this.#opened(socket));
    server.on("drop", events.dropped);
    this.#sweepTimer = setInterval(() => this.#sweep(), limits.timeoutCheckMs).unref();
    server.on("close", () => clearInterval(this.#sweepTimer));
  }

  /** Open connections, including upgraded ones. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Handles Node's `request` event and similar events. */
  readonly request: Handler = (request, response) => {
    const connection = this.#of(request.socket);
    if (connection.isEnding) return;
    if (connection.running === undefined && connection.waiting.length === 0) {
      this.#start(connection, request, response);
      return;
    }
    if (connection.waiting.length < this.#limits.pipelinedMax) {
      connection.waiting.push({ kind: "request", request, response });
      return;
    }
    this.last(request.socket, "");
  };

  /** Sends a last text after the responses to earlier requests, and ends the connection. Further calls do nothing. */
  last(socket: Duplex, text: string): void {
    const connection = this.#of(socket);
    if (connection.isEnding || connection.isUpgraded) return;
    connection.isEnding = true;
    const { running, waiting } = connection;
    const newest = waiting.at(-1);
    if (newest?.kind === "request" && !newest.request.complete) waiting.pop();
    if (running !== undefined && !running.request.complete && waiting.length === 0) {
      // Its body never arrives, so it gets no response of its own.
      if (running.response.headersSent) socket.destroy();
      else this.#say(connection, text);
      return;
    }
    waiting.push({ kind: "last", text });
    if (running === undefined) this.#next(connection);
  }

  /** Hands the socket over after the responses to earlier requests. */
  upgrade(socket: Duplex, take: () => void): void {
    const connection = this.#of(socket);
    if (connection.isEnding) return;
    // The server has released the socket. Nobody else catches its errors, and the response that waits for room must be closed here.
    socket.on("error", () => socket.destroy());
    const onDrain = (): void => void connection.running?.response.emit("drain");
    socket.on("drain", onDrain);
    connection.waiting.push({
      kind: "upgrade",
      take: () => {
        socket.off("drain", onDrain);
        connection.isUpgraded = true;
        take();
      },
    });
    if (connection.running === undefined) this.#next(connection);
  }

  /** Notes that the running response of this connection is a stream: neither slow nor idle readers are disconnected here. */
  stream(socket: Socket): void {
    this.#of(socket).isStreaming = true;
    // Node sets the time limit of the server again with the next request.
    socket.setTimeout(0);
  }

  /** Ends all connections now. */
  destroyAll(): void {
    for (const { socket } of this.#connections) socket.destroy();
    for (const socket of this.#belowTls) socket.destroy();
  }

  #of(socket: Duplex): Connection {
    const guarded = socket as GuardedSocket;
    guarded[STATE] ??= new Connection(socket, performance.now());
    return guarded[STATE];
  }

  #opened(socket: Duplex): void {
    if (this.#connections.size >= this.#limits.connectionsMax && !this.#closeIdle()) {
      socket.destroy();
      this.#events.dropped();
      return;
    }
    const connection = this.#of(socket);
    this.#connections.add(connection);
    socket.once("close", () => {
      this.#connections.delete(connection);
      connection.waiting.length = 0;
    });
  }

  #closeIdle(): boolean {
    const before = performance.now() - IDLE_BEFORE_NEW_MS;
    let oldest: Connection | undefined;
    for (const connection of this.#connections) {
      const isIdle = connection.running === undefined && !connection.isUpgraded && connection.idleSinceMs <= before;
      if (isIdle && (oldest === undefined || connection.idleSinceMs < oldest.idleSinceMs)) oldest = connection;
    }
    if (oldest === undefined) return false;
    this.#connections.delete(oldest);
    oldest.socket.destroy();
    return true;
  }

  #start(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    // Node detaches a socket after the last response. A later response belongs to no socket and would never close, so it would never
    // release what it holds.
    if (response.socket === null || !connection.socket.writable) {
      connection.waiting.length = 0;
      return;
    }
    connection.running = { request, response };
    connection.windowStartMs = 0;
    if (!request.complete) response.prependListener("finish", () => keepOpen(request, response));
    response.once("close", () => this.#answered(connection, request));
    this.#run(request, response);
  }

  #answered(connection: Connection, request: IncomingMessage): void {
    connection.running = undefined;
    connection.isStreaming = false;
    connection.idleSinceMs = performance.now();
    if (connection.socket.destroyed) {
      connection.waiting.length = 0;
      return;
    }
    if (request.complete) {
      if (isToEnd.has(request)) connection.socket.destroy();
      else this.#next(connection);
    } else this.#drain(connection, request);
  }

  /** Discards the rest of a body whose response is already sent. */
  #drain(connection: Connection, request: IncomingMessage): void {
    const { socket } = connection;
    connection.destroyAtMs = performance.now() + this.#limits.lingerMs;
    if (isToEnd.has(request)) socket.end();
    let left = this.#limits.lingerBytesMax;
    request.on("data", (chunk: Uint8Array) => {
      left -= chunk.byteLength;
      if (left < 0) socket.destroy();
    });
    request.once("end", () => {
      connection.destroyAtMs = Number.POSITIVE_INFINITY;
      if (isToEnd.has(request)) socket.destroy();
      else this.#next(connection);
    });
    request.resume();
  }

  #next(connection: Connection): void {
    const turn = connection.waiting.shift();
    if (turn === undefined) return;
    if (turn.kind === "request") this.#start(connection, turn.request, turn.response);
    else if (turn.kind === "last") this.#say(connection, turn.text);
    else turn.take();
  }

  /** Sends a last text now, on a socket that was handed over. */
  say(socket: Duplex, text: string): void {
    this.#say(this.#of(socket), text);
  }

  #say(connection: Connection, text: string): void {
    const { socket } = connection;
    connection.destroyAtMs = performance.now() + this.#limits.lingerMs;
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(text);
    socket.resume();
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) {
      if (nowMs >= connection.destroyAtMs) connection.socket.destroy();
      else if (connection.running !== undefined && !connection.isStreaming) this.#checkReader(connection, nowMs);
    }
  }

  #checkReader(connection: Connection, nowMs: number): void {
    const { readWindowMs, readWindowBytesMin } = this.#limits;
    const { sentBytes, running } = connection;
    if (running !== undefined && sentBytes - connection.sentAtLook >= PROGRESS_BYTES) {
      this.#events.reading(running.response);
    }
    connection.sentAtLook = sentBytes;
    if (connection.socket.writableLength === 0) {
      connection.windowStartMs = 0;
      return;
    }
    if (connection.windowStartMs === 0) {
      connection.windowStartMs = nowMs;
      connection.sentAtWindowStart = sentBytes;
      return;
    }
    if (nowMs - connection.windowStartMs < readWindowMs) return;
    if (sentBytes - connection.sentAtWindowStart < readWindowBytesMin) connection.socket.destroy();
    connection.windowStartMs = nowMs;
    connection.sentAtWindowStart = sentBytes;
  }
}

/** Requests whose connection ends after their response. */
const isToEnd = new WeakSet<IncomingMessage>();

/**
 * Node destroys the socket after the last response of a connection. While the client still sends, this becomes a reset, and the client
 * never reads the response. The guard therefore ends the connection itself.
 */
function keepOpen(request: IncomingMessage, response: ServerResponse): void {
  const inner = response as ServerResponse & { _last?: boolean };
  if (request.complete || inner._last !== true) return;
  inner._last = false;
  isToEnd.add(request);
}
