/**
 * Serves other instances. It passes their requests to the workers of this process, and sends them the updates of their feeds. A feed ends when its
 * listener closes it, no longer lists it, or is silent for too long.
 */

import type { Cover, CoveredResponse } from "../bus/bus-workers.ts";
import type { WorkerPort } from "../bus/local-workers.ts";
import { isForPeers, type RequestKind, type RequestOf, type WorkerResponses } from "../bus/requests.ts";
import type { FeedUpdate } from "../bus/responses.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { toWire } from "../shared/wire-error.ts";
import { FeedWriter } from "./feed-items.ts";
import type { ClusterLink } from "./link.ts";
import type { CloseItem, Format, ListenItem, OpenItem, QuestionItem } from "./protocol.ts";

/** Largest number of feeds that all other instances together may have open here. */
const SERVED_FEEDS_MAX = 50_000;
const LISTENERS_MAX = 1_024;
/** Largest number of concurrent requests of other instances. Further ones are refused. */
const SERVED_REQUESTS_MAX = 20_000;

type Served = { close: (() => void) | undefined; isClosed: boolean; readonly writer: FeedWriter };
type Listener = { readonly feeds: Map<number, Served>; heardMs: number };

type ClusterServerOptions = {
  readonly workers: readonly WorkerPort[];
  readonly link: ClusterLink;
  /** Format of messages to an instance. */
  readonly formatFor: (address: string) => Format;
  /** The partitions that a worker of this process serves now. */
  readonly coversOf: (worker: number) => readonly Cover[];
  /** Time without a message after which a listener's feeds end. */
  readonly silentMs: number;
  readonly nowMs: () => number;
};

export class ClusterServer {
  readonly #options: ClusterServerOptions;
  readonly #listeners = new Map<string, Listener>();
  #feeds = 0;
  #requests = 0;

  constructor(options: ClusterServerOptions) {
    this.#options = options;
  }

  /** Feeds that others have open here. */
  get feeds(): number {
    return this.#feeds;
  }

  async answer(from: string, { id, host, request }: QuestionItem): Promise<void> {
    const { link } = this.#options;
    const refuse = (error: unknown): void => {
      link.post(from, "answers", { id, error: toWire(error, "the owner failed on the request; see its log") });
    };
    if (this.#requests >= SERVED_REQUESTS_MAX) {
      refuse(busy());
      return;
    }
    this.#requests += 1;
    try {
      if (!isForPeers(request)) throw new SwapstatsError("bad_request", "instances do not send such requests");
      const { response, covers } = await this.ask(host, request);
      const answer = forPeers(request, response);
      if (!link.post(from, "answers", { id, covers, answer })) refuse(tooMuch());
    } catch (error) {
      refuse(error);
    } finally {
      this.#requests -= 1;
    }
  }

  /**
   * Sends a request to a worker of this process. The response covers the partitions that the worker had both before and after. A partition that
   * was revoked in between may be missing from the response, even if it was assigned again.
   */
  async ask<K extends RequestKind>(worker: number, request: RequestOf<K>): Promise<CoveredResponse<K>> {
    const before = this.#options.coversOf(worker);
    const response = await this.#worker(worker).ask(request);
    const after = new Map(this.#options.coversOf(worker));
    return { response, covers: before.filter(([partition, epoch]) => after.get(partition) === epoch) };
  }

  async open(from: string, { topicId: feedId, host, topic: spec }: OpenItem): Promise<void> {
    const { link, nowMs } = this.#options;
    const listener = this.#listenerOf(from);
    // A message that is delivered twice changes nothing.
    if (listener?.feeds.has(feedId)) return;
    if (listener === undefined || this.#feeds >= SERVED_FEEDS_MAX) {
      link.post(from, "ended", { topicId: feedId, error: toWire(busy()) });
      return;
    }
    listener.heardMs = nowMs();
    const served: Served = { close: undefined, isClosed: false, writer: new FeedWriter() };
    listener.feeds.set(feedId, served);
    this.#feeds += 1;
    try {
      const close = await this.#worker(host).open(spec, (update) => this.#send(from, feedId, served, update));
      if (served.isClosed) close();
      else served.close = close;
    } catch (error) {
      this.#close(listener, feedId);
      link.post(from, "ended", {
        topicId: feedId,
        error: toWire(error, "the owner failed on the feed; its log says why"),
      });
    }
  }

  closeFeed(from: string, { topicId: feedId }: CloseItem): void {
    const listener = this.#listeners.get(from);
    if (listener !== undefined) this.#close(listener, feedId);
  }

  /** Closes the feeds that the listener does not name, and responds with the newest number of each of the others. */
  listen(from: string, { upTo, topicIds: feedIds }: ListenItem): void {
    const listener = this.#listeners.get(from);
    const wanted = new Set(feedIds);
    const open: [number, number][] = [];
    if (listener !== undefined) {
      listener.heardMs = this.#options.nowMs();
      for (const [feedId, { writer }] of listener.feeds) {
        if (feedId > upTo) continue;
        if (wanted.has(feedId)) open.push([feedId, writer.seq]);
        else this.#close(listener, feedId);
      }
      if (listener.feeds.size === 0) this.#listeners.delete(from);
    }
    if (feedIds.length > 0) this.#options.link.post(from, "listening", { upTo, topics: open });
  }

  sweep(sleptMs: number): void {
    const nowMs = this.#options.nowMs();
    for (const [address, listener] of this.#listeners) {
      listener.heardMs += sleptMs;
      if (nowMs - listener.heardMs <= this.#options.silentMs) continue;
      for (const feedId of [...listener.feeds.keys()]) this.#close(listener, feedId);
      this.#listeners.delete(address);
    }
  }

  close(): void {
    for (const listener of this.#listeners.values()) {
      for (const feedId of [...listener.feeds.keys()]) this.#close(listener, feedId);
    }
    this.#listeners.clear();
  }

  #send(from: string, feedId: number, served: Served, update: FeedUpdate): void {
    if (served.isClosed) return;
    const { link, formatFor } = this.#options;
    link.post(from, "updates", served.writer.item(feedId, update, formatFor(from)));
  }

  #close(listener: Listener, feedId: number): void {
    const served = listener.feeds.get(feedId);
    if (served === undefined) return;
    listener.feeds.delete(feedId);
    this.#feeds -= 1;
    served.isClosed = true;
    served.close?.();
  }

  #listenerOf(address: string): Listener | undefined {
    let listener = this.#listeners.get(address);
    if (listener === undefined && this.#listeners.size < LISTENERS_MAX) {
      listener = { feeds: new Map(), heardMs: this.#options.nowMs() };
      this.#listeners.set(address, listener);
    }
    return listener;
  }

  #worker(index: number): WorkerPort {
    const worker = this.#options.workers[index];
    if (worker !== undefined) return worker;
    throw new SwapstatsError("unavailable", "the owner has no such worker", { retryable: true });
  }
}

/** Returns the response without tickets, which are useless outside this process. Undefined becomes null, as in JSON. */
function forPeers(request: { readonly kind: RequestKind }, response: WorkerResponses[RequestKind]): typeof response {
  if (request.kind !== "tokens") return response ?? null;
  const { asOf, items } = response as WorkerResponses["tokens"];
  const outside = items.map(({ lookup, found }) => ({
    lookup,
    found: found === undefined ? undefined : { ...found, ticket: undefined },
  }));
  return { asOf, items: outside };
}

const busy = (): SwapstatsError =>
  new SwapstatsError("unavailable", "the owner of the tokens is asked for too much at once; ask again", {
    retryable: true,
  });

const tooMuch = (): SwapstatsError =>
  new SwapstatsError("unavailable", "too much waits to be sent by the owner of the tokens; ask again", {
    retryable: true,
  });
