/**
 * A connection to the WebSocket of a service. It keeps the data of its channels up to date, and reconnects when the service is back. If
 * a patch does not fit the data, it subscribes again, so it never shows wrong figures. It then uses the canonical names of the first
 * subscription, because a symbol may mean another token by then, or several.
 */
import { applyMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { ErrorMessage, ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { webSocketPath, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import WebSocket from "ws";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableText } from "../../shared/printable-text.ts";
import { backoffMs } from "../../shared/retry.ts";

export type ChannelData = {
  readonly channel: string;
  readonly epoch: string;
  readonly rev: number;
  readonly asOfMs: number;
  /** Undefined for an overview. */
  readonly watermarkMs: number | undefined;
  readonly lagMs: number;
  readonly data: JsonObject;
};

type WindowLengths = Readonly<Record<string, { readonly length_ms: number; readonly step_ms: number }>>;

export type Subscription = {
  readonly channels: readonly string[];
  readonly windows?: string[];
  readonly fields?: string[];
  readonly limit?: number;
};

export type LiveHandlers = {
  readonly onData: (data: ChannelData) => void;
  /** Canonical names of the channels, in the order of the request, and the windows that their data holds. */
  readonly onSubscribed: (channels: readonly string[], windows: WindowLengths) => void;
  /** The service refused the subscription. */
  readonly onRefused: (error: SwapstatsError) => void;
  readonly onConnection: (state: "open" | "lost") => void;
  /** The first connection failed: most likely a wrong address. */
  readonly onUnreachable: (error: SwapstatsError) => void;
};

const RECONNECT = { firstMs: 750, longestMs: 5_000 };
const HANDSHAKE_MS_MAX = 10_000;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** Temporary refusals: the service has just started, or is overloaded. */
const PASSING_CODES: ReadonlySet<string> = new Set(["unavailable", "overloaded", "rate_limited"]);

export class LiveConnection {
  readonly #url: string;
  readonly #handlers: LiveHandlers;
  #subscription: Subscription;
  #socket: WebSocket | undefined;
  #held = new Map<string, ChannelData>();
  /** Canonical names of the channels of the current subscription. */
  #channels: readonly string[] = [];
  /** Canonical channels by the names of the subscription. Empty until the service responds. */
  #names: Readonly<Record<string, string>> = {};
  #requestCount = 0;
  #opened = false;
  #closed = false;
  /** Failed attempts since the last connection. */
  #failures = 0;
  /** Pause before the next connection, as requested by a service at its shutdown. */
  #shutdownMs = 0;
  readonly #refusedRetryMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Connects at once. `url` is that of the service, `http://...`. `retryMs` is the pause after a temporary refusal. */
  constructor(
    url: string,
    subscription: Subscription,
    handlers: LiveHandlers,
    { retryMs }: { readonly retryMs: number } = { retryMs: RECONNECT.longestMs },
  ) {
    this.#refusedRetryMs = retryMs;
    this.#url = url.replace(/^http/, "ws") + webSocketPath;
    this.#subscription = subscription;
    this.#handlers = handlers;
    this.#connect();
  }

  /** Changes to other channels. */
  subscribe(subscription: Subscription): void {
    if (subscription !== this.#subscription) this.#names = {};
    this.#subscription = subscription;
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#channels.length > 0) this.#send({ unsubscribe: [...this.#channels] });
    this.#request();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, webSocketProtocol, {
      handshakeTimeout: HANDSHAKE_MS_MAX,
      maxPayload: MESSAGE_BYTES_MAX,
      followRedirects: false,
    });
    this.#socket = socket;
    let problem = "";
    socket.on("open", () => {
      this.#opened = true;
      this.#failures = 0;
      this.#handlers.onConnection("open");
      this.#request();
    });
    socket.on("message", (bytes: Buffer) => this.#take(JSON.parse(bytes.toString()) as ServerMessage));
    socket.on("error", (error) => {
      problem = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    socket.on("close", () => {
      if (this.#closed || socket !== this.#socket) return;
      this.#held.clear();
      this.#channels = [];
      if (!this.#opened) {
        this.#closed = true;
        const message = `${this.#url} cannot be reached (${problem}); start the service with \`swapstats serve\`, or name another address with --url`;
        this.#handlers.onUnreachable(new SwapstatsError("unavailable", message));
        return;
      }
      this.#handlers.onConnection("lost");
      clearTimeout(this.#timer);
      const pauseMs = Math.max(this.#shutdownMs, backoffMs(RECONNECT, ++this.#failures));
      this.#shutdownMs = 0;
      this.#timer = setTimeout(() => this.#connect(), pauseMs);
    });
  }

  #request(): void {
    this.#held.clear();
    this.#channels = [];
    const { channels, windows, fields, limit } = this.#subscription;
    this.#send({
      id: ++this.#requestCount,
      subscribe: channels.map((name) => this.#names[name] ?? name),
      ...(windows === undefined ? {} : { windows }),
      ...(fields === undefined ? {} : { fields }),
      ...(limit === undefined ? {} : { limit }),
    });
  }

  #send(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case "subscribed":
        if (message.id !== this.#requestCount) return;
        this.#channels = message.channels;
        this.#keepNames(message.names);
        this.#handlers.onSubscribed(message.channels, message.windows);
        return;
      case "snapshot":
      case "patch":
        this.#takeData(message);
        return;
      case "error":
        if (message.id === undefined || message.id === this.#requestCount) this.#takeRefusal(message);
        return;
      case "shutdown":
        this.#shutdownMs = message.reconnect_after_ms;
        return;
      default:
        return;
    }
  }

  /** Keeps the names of the subscription. After a subscription by canonical names, these map to themselves. */
  #keepNames(names: Readonly<Record<string, string>>): void {
    const known = this.#names;
    const named = this.#subscription.channels.map((name) => {
      const asked = known[name] ?? name;
      return [name, names[asked] ?? known[name]] as const;
    });
    this.#names = Object.fromEntries(named.filter(([, channel]) => channel !== undefined)) as Record<string, string>;
  }

  /** A restarted service may not be able to serve its former channels yet. */
  #takeRefusal(message: ErrorMessage): void {
    const isKnown = Object.keys(this.#names).length > 0;
    if (!isKnown || !PASSING_CODES.has(message.code)) {
      this.#handlers.onRefused(refusal(message));
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.subscribe(this.#subscription), this.#refusedRetryMs);
  }

  #takeData(message: Extract<ServerMessage, { type: "snapshot" | "patch" }>): void {
    // Data of the former subscription may still arrive.
    if (!this.#channels.includes(message.channel)) return;
    const held = this.#held.get(message.channel);
    if (message.type === "patch" && (held?.rev !== message.prev_rev || held.epoch !== message.epoch)) {
      if (held !== undefined) this.subscribe(this.#subscription);
      return;
    }
    const data =
      message.type === "snapshot"
        ? (message.data as unknown as JsonObject)
        : (applyMergePatch(held?.data, message.patch) as JsonObject);
    const { channel, epoch, rev, as_of: asOfMs, watermark: watermarkMs, lag_ms: lagMs } = message;
    const next: ChannelData = { channel, epoch, rev, asOfMs, watermarkMs, lagMs, data };
    this.#held.set(channel, next);
    this.#handlers.onData(next);
  }
}

function refusal({ code, message, channel, candidates }: ErrorMessage): SwapstatsError {
  const where = channel === undefined ? "" : `${printableText(channel)}: `;
  const list =
    candidates === undefined ? "" : `; it may be ${candidates.map(({ id }) => printableText(id)).join(", ")}`;
  return new SwapstatsError("bad_request", `${where}${printableText(message)} (${printableText(code)})${list}`);
}
