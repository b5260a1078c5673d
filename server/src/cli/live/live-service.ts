/**
 * A service as live views see it: its stores, whether it is connected, and what ends a view. The client reconnects and continues by itself.
 * A view ends when the service was never reached, or refuses the view's channel or its credentials.
 */
import { type Client, type ClientError, createClient, type LiveStore } from "@swapstats/client";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableText } from "../../shared/printable-text.ts";
import { credentialsHint } from "../service-access.ts";
import type { ServiceClient } from "../service-client.ts";

/** Data of a channel at a revision. Times are by the clock of the service. */
export type ChannelData<T> = {
  /** Canonical name. */
  readonly channel: string;
  readonly rev: number;
  readonly asOfMs: number;
  /** Undefined for an overview. */
  readonly watermarkMs: number | undefined;
  readonly lagMs: number;
  readonly data: T;
};

type LiveHandlers = {
  readonly onConnection: (isConnected: boolean) => void;
  readonly onEnd: (error: unknown) => void;
};

/** Problems that pass by themselves: the service has just started, is overloaded, or is away. */
const PASSING: ReadonlySet<string> = new Set([
  ...["internal", "not_ready", "offline", "overloaded", "rate_limited", "shutting_down", "storage_failed", "timeout"],
  ...["too_many_connections", "unavailable"],
]);

export class LiveService {
  readonly client: Client;
  readonly #handlers: LiveHandlers;
  readonly #service: ServiceClient;
  readonly #token: string | undefined;

  /** Connects when the first store is opened. */
  constructor(service: ServiceClient, token: string | undefined, handlers: LiveHandlers) {
    this.#service = service;
    this.#token = token;
    this.#handlers = handlers;
    this.client = createClient({ url: service.url, token });
    let wasLive = false;
    this.client.onStatus((status) => {
      wasLive ||= status === "live";
      if (wasLive) handlers.onConnection(status === "live");
      // A call says why there is no connection. If it succeeds, the client goes on by other means.
      else if (status === "offline") service.status().catch(handlers.onEnd);
    });
  }

  /**
   * Calls `onData` for each message of the channel, until the returned function is called, which closes the store.
   * @param name of the channel, for messages to people
   */
  follow<T>(store: LiveStore<T>, name: string, onData: (data: ChannelData<T>) => void): () => void {
    let shown: ChannelData<T> | undefined;
    let shownAtMs = 0;
    const stop = store.subscribe((data) => {
      const { meta, error } = store;
      if (error !== undefined && !PASSING.has(error.code)) this.#handlers.onEnd(this.#refusal(name, error));
      if (data === undefined || meta === undefined) return;
      const { channel, rev, asOf: asOfMs, watermark: watermarkMs, lagMs, receivedAtMs } = meta;
      if (shown?.data === data && shown.rev === rev && shownAtMs === receivedAtMs) return;
      shown = { channel, rev, asOfMs, watermarkMs, lagMs, data };
      shownAtMs = receivedAtMs;
      onData(shown);
    });
    return () => {
      stop();
      store.close();
    };
  }

  close(): void {
    this.client.close();
  }

  #refusal(name: string, { code, status, message, candidates }: ClientError): SwapstatsError {
    const hint = status === undefined ? undefined : credentialsHint(status, this.#token);
    if (hint !== undefined) return new SwapstatsError("unauthorized", `${this.#service.url}: ${hint}`);
    const ids = candidates?.map(({ id }) => printableText(id)).join(", ");
    const list = ids === undefined ? "" : `; it may be ${ids}`;
    const text = `${printableText(name)}: ${printableText(message)} (${printableText(code)})${list}`;
    return new SwapstatsError("bad_request", text);
  }
}
