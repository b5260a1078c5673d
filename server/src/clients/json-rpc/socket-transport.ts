/** JSON-RPC over a WebSocket: calls are answered one by one, and the node announces new blocks. */
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import type { TransportLimits } from "./http-transport.ts";
import { idOf, type RpcCall, type RpcReply, type RpcTransport, readReply, type SentCalls, unavailable } from "./rpc.ts";

type Waiting = { readonly resolve: (reply: RpcReply) => void; readonly reject: (error: unknown) => void };

/** With announcements, polling is for the case that one is lost. */
const POLLS_BETWEEN_BLOCKS = 10;

export class SocketTransport implements RpcTransport {
  readonly #url: string;
  /** Host of the URL. The rest of it may hold a secret and is never shown. */
  readonly #host: string;
  readonly #limits: TransportLimits;
  readonly #waiting = new Map<number, Waiting>();
  /** The open connection, or the one that is being opened. Undefined: the next call opens one. */
  #socket: Promise<WebSocket> | undefined;
  /** The same connection before it is open. */
  #current: WebSocket | undefined;
  #nextId = 1;
  #announces = false;
  #wake: (() => void) | undefined;
  #isWoken = false;

  constructor(url: string, limits: TransportLimits) {
    this.#url = url;
    this.#host = new URL(url).host;
    this.#limits = limits;
  }

  async send(calls: readonly RpcCall[], signal: AbortSignal): Promise<SentCalls> {
    signal.throwIfAborted();
    const { timeoutMs } = this.#limits;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const cut = Promise.withResolvers<never>();
    const onAbort = (): void => {
      if (signal.aborted) cut.reject(signal.reason);
      else cut.reject(unavailable(`the node at ${this.#host} does not answer within ${timeoutMs} ms`));
      // After a timeout the connection may be dead without a notice.
      this.close();
    };
    limit.addEventListener("abort", onAbort, { once: true });
    const ids = calls.map(() => this.#nextId++);
    try {
      this.#socket ??= this.#open();
      const socket = await Promise.race([this.#socket, cut.promise]);
      const replies = calls.map((call, index) => this.#call(socket, ids[index] as number, call));
      return { kind: "replies", replies: await Promise.race([Promise.all(replies), cut.promise]) };
    } finally {
      limit.removeEventListener("abort", onAbort);
      for (const id of ids) this.#waiting.delete(id);
    }
  }

  async newBlock(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isWoken) {
      const early = new AbortController();
      this.#wake = () => early.abort();
      const longest = this.#announces ? ms * POLLS_BETWEEN_BLOCKS : ms;
      await pause(longest, undefined, { signal: AbortSignal.any([signal, early.signal]) }).catch(() => {});
      this.#wake = undefined;
    }
    this.#isWoken = false;
    signal.throwIfAborted();
  }

  close(): void {
    if (this.#current !== undefined) this.#lose(this.#current, undefined);
  }

  #call(socket: WebSocket, id: number, call: RpcCall): Promise<RpcReply> {
    const { promise, resolve, reject } = Promise.withResolvers<RpcReply>();
    this.#waiting.set(id, { resolve, reject });
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, ...call }), (error) => {
      // A connection that is closing says so only when it is closed.
      if (error != null) this.#lose(socket, error);
    });
    return promise;
  }

  async #open(): Promise<WebSocket> {
    const { timeoutMs, responseBytesMax } = this.#limits;
    const socket = new WebSocket(this.#url, {
      handshakeTimeout: timeoutMs,
      maxPayload: responseBytesMax,
      followRedirects: false,
    });
    this.#current = socket;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let problem: Error | undefined;
    socket.on("open", resolve);
    socket.on("error", (error) => {
      problem = error;
    });
    socket.on("close", () => {
      reject(this.#lost(problem));
      this.#lose(socket, problem);
    });
    socket.on("message", (data) => this.#receive(socket, String(data)));
    await promise;
    this.#subscribe(socket);
    return socket;
  }

  /** A node that refuses the subscription is polled. */
  #subscribe(socket: WebSocket): void {
    const id = this.#nextId++;
    this.#call(socket, id, { method: "eth_subscribe", params: ["newHeads"] })
      .then((reply) => {
        this.#announces = reply.kind === "result";
      })
      .catch(() => {})
      .finally(() => this.#waiting.delete(id));
  }

  #receive(socket: WebSocket, text: string): void {
    if (socket !== this.#current) return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      this.#lose(socket, new Error("a message is not JSON"));
      return;
    }
    const id = idOf(message);
    if (id === undefined) {
      this.#isWoken = true;
      this.#wake?.();
      return;
    }
    const reply = readReply(message);
    if (typeof id === "number" && reply !== undefined) this.#waiting.get(id)?.resolve(reply);
  }

  /** Ends a connection, and with it the calls that wait for a response on it. */
  #lose(socket: WebSocket, problem: Error | undefined): void {
    socket.terminate();
    if (socket !== this.#current) return;
    this.#current = undefined;
    this.#socket = undefined;
    this.#announces = false;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#lost(problem));
    this.#waiting.clear();
  }

  #lost(problem: Error | undefined): Error {
    const why = problem === undefined ? "" : ` (${problem.message})`;
    return unavailable(`the connection to the node at ${this.#host} was lost${why}`, problem);
  }
}
