/** JSON-RPC over HTTP: one POST for several calls. */
import { setTimeout as pause } from "node:timers/promises";
import { SwapstatsError } from "../../shared/errors.ts";
import { readBody, retryAfterMs } from "../../shared/read-body.ts";
import { idOf, type RpcCall, type RpcReply, type RpcTransport, readReply, type SentCalls, unavailable } from "./rpc.ts";

const TOO_MANY_REQUESTS = 429;

export type TransportLimits = { readonly timeoutMs: number; readonly responseBytesMax: number };

export class HttpTransport implements RpcTransport {
  readonly #url: string;
  /** Host of the URL. The rest of it may hold a secret and is never shown. */
  readonly #host: string;
  readonly #limits: TransportLimits;

  constructor(url: string, limits: TransportLimits) {
    this.#url = url;
    this.#host = new URL(url).host;
    this.#limits = limits;
  }

  async send(calls: readonly RpcCall[], signal: AbortSignal): Promise<SentCalls> {
    const messages = calls.map((call, id) => ({ jsonrpc: "2.0", id, ...call }));
    // A single call is no array, for nodes that take no batches.
    const body = JSON.stringify(messages.length === 1 ? messages[0] : messages);
    const { response, text } = await this.#post(body, signal);
    if (response.status === TOO_MANY_REQUESTS) {
      const message = `${this.#host} limits the rate of requests (HTTP 429)`;
      return { kind: "rate_limited", message, pauseMs: retryAfterMs(response, Date.now()) };
    }
    return this.#read(calls.length, response.status, text);
  }

  async newBlock(ms: number, signal: AbortSignal): Promise<void> {
    await pause(ms, undefined, { signal });
  }

  close(): void {}

  async #post(body: string, signal: AbortSignal): Promise<{ response: Response; text: string }> {
    const { timeoutMs, responseBytesMax } = this.#limits;
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const bytes = await readBody(response, responseBytesMax, this.#host);
      return { response, text: new TextDecoder().decode(bytes) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SwapstatsError) throw error;
      const isOverdue = error instanceof DOMException && error.name === "TimeoutError";
      const why = isOverdue ? `does not answer within ${timeoutMs} ms` : `cannot be reached (${causeOf(error)})`;
      throw unavailable(`the node at ${this.#host} ${why}`, error);
    }
  }

  #read(count: number, status: number, text: string): SentCalls {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      message = undefined;
    }
    if (Array.isArray(message) && count > 1) return { kind: "replies", replies: this.#inOrder(count, message) };
    const reply = readReply(message);
    if (reply === undefined) {
      throw unavailable(
        `the node at ${this.#host} answers HTTP ${status} without a response of JSON-RPC; check the url`,
      );
    }
    if (count === 1) return { kind: "replies", replies: [reply] };
    if (reply.kind === "result") throw unavailable(`the node at ${this.#host} answers a batch with one result`);
    if (reply.kind === "rate_limited") return { ...reply, kind: "rate_limited", pauseMs: 0 };
    return { kind: "refused", message: reply.message };
  }

  /** A node may answer the calls of a batch in any order. */
  #inOrder(count: number, messages: readonly unknown[]): RpcReply[] {
    const byId = new Map(messages.map((message) => [idOf(message), readReply(message)]));
    return Array.from({ length: count }, (_, id) => {
      const reply = byId.get(id);
      if (reply === undefined)
        throw unavailable(`the node at ${this.#host} leaves calls of a batch without a response`);
      return reply;
    });
  }
}

/** `fetch` hides the reason in `cause`. */
function causeOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
