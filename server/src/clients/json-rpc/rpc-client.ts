/**
 * Calls a node: bounded batches that shrink when the node refuses them, and pauses while it limits the rate. One group of calls is under way
 * at a time.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type BackoffLimits, backoffMs } from "../../shared/retry.ts";
import { HttpTransport, type TransportLimits } from "./http-transport.ts";
import { type RpcCall, type RpcReply, type RpcTransport, type SentCalls, unavailable } from "./rpc.ts";
import { SocketTransport } from "./socket-transport.ts";

type RpcClientSettings = TransportLimits & {
  /** `http(s)` or `ws(s)`. */
  readonly url: string;
  /** Calls in one message. */
  readonly batchMax: number;
};

const RATE_PAUSES: BackoffLimits = { firstMs: 500, longestMs: 30_000 };
/** Messages in a row that the node may refuse for their rate, before the calls fail. */
const RATE_ATTEMPTS_MAX = 8;

export class RpcClient {
  readonly #transport: RpcTransport;
  readonly #pauses: BackoffLimits;
  #batchSize: number;
  /** The node's present limit of the rate. Undefined: none. */
  #limited: string | undefined;

  constructor(settings: RpcClientSettings, pauses: BackoffLimits = RATE_PAUSES) {
    const isSocket = /^wss?:/i.test(settings.url);
    this.#transport = isSocket
      ? new SocketTransport(settings.url, settings)
      : new HttpTransport(settings.url, settings);
    this.#batchSize = even(settings.batchMax);
    this.#pauses = pauses;
  }

  /** A plain sentence while the node limits the rate of requests. */
  get problem(): string | undefined {
    return this.#limited;
  }

  /**
   * Resolves with the replies in the order of the calls; no reply is `rate_limited`. Rejects as `RpcTransport.send`, and with `unavailable`
   * (retryable) when the node goes on limiting the rate.
   */
  async call(calls: readonly RpcCall[], signal: AbortSignal): Promise<RpcReply[]> {
    const replies: RpcReply[] = new Array(calls.length);
    let open = calls.map((_, index) => index);
    for (let refusals = 0; open.length > 0; ) {
      const indexes = open.slice(0, this.#batchSize);
      const sent = await this.#transport.send(
        indexes.map((index) => calls[index] as RpcCall),
        signal,
      );
      if (sent.kind === "refused") {
        this.#shrink(indexes.length, sent.message);
        continue;
      }
      const limited = this.#keep(sent, indexes, replies);
      open = open.filter((index) => replies[index] === undefined);
      if (limited === undefined) {
        refusals = 0;
        this.#limited = undefined;
        continue;
      }
      refusals++;
      this.#limited = `the node limits the rate of requests: ${limited.message}`;
      if (refusals === RATE_ATTEMPTS_MAX) throw unavailable(this.#limited);
      await pause(Math.max(limited.pauseMs, backoffMs(this.#pauses, refusals)), undefined, { signal });
    }
    return replies;
  }

  newBlock(ms: number, signal: AbortSignal): Promise<void> {
    return this.#transport.newBlock(ms, signal);
  }

  close(): void {
    this.#transport.close();
  }

  /** Puts the replies into their places. Returns the refusal of those that have to be sent again. */
  #keep(
    sent: Exclude<SentCalls, { kind: "refused" }>,
    indexes: readonly number[],
    replies: RpcReply[],
  ): { readonly message: string; readonly pauseMs: number } | undefined {
    if (sent.kind === "rate_limited") return sent;
    const limited = sent.replies.find(({ kind }) => kind === "rate_limited");
    // All calls are sent again, so that those of one message are answered by one node.
    if (limited?.kind === "rate_limited") return { message: limited.message, pauseMs: 0 };
    for (const [i, reply] of sent.replies.entries()) replies[indexes[i] as number] = reply;
    return undefined;
  }

  #shrink(size: number, message: string): void {
    if (size === 1) throw unavailable(`the node refuses a request: ${message}`);
    this.#batchSize = even(size / 2);
  }
}

/** Pairs of calls that belong together are not separated, unless the node takes single calls alone. */
function even(size: number): number {
  return size < 2 ? 1 : 2 * Math.floor(size / 2);
}
