/**
 * This process as the owner that others ask: answers their questions by its threads, and sends them the news of the topics
 * that they listen to. A topic ends when its listener says so, does not list it any more, or is silent for too long.
 */

import type { FeedUpdate, TokenPart, WireError, WorkerRequest, WorkerResponses } from "../bus/worker-protocol.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { WorkerPort } from "./contract.ts";
import type { ClusterLink } from "./link.ts";
import {
  type CloseItem,
  type Cover,
  isPeerRequest,
  type ListenItem,
  type OpenItem,
  type PeerAnswer,
  type PeerRequest,
  type PeerTokenAnswer,
  type QuestionItem,
} from "./protocol.ts";

/** Topics that all other instances together may have open here. */
export const SERVED_FEEDS_MAX = 50_000;
export const LISTENERS_MAX = 1_024;
/** Questions of others that are worked on at the same time; more are refused. */
export const SERVED_REQUESTS_MAX = 20_000;

type Served = { close: (() => void) | undefined; isClosed: boolean; seq: number };
type Listener = { readonly topics: Map<number, Served>; heardMs: number };

export type ClusterServerOptions = {
  readonly hosts: readonly WorkerPort[];
  readonly link: ClusterLink;
  /** What a host of this process answers for now. */
  readonly coversOf: (host: number) => readonly Cover[];
  /** After how long without a word a listener's topics end. */
  readonly silentMs: number;
  readonly nowMs: () => number;
};

export class ClusterServer {
  readonly #options: ClusterServerOptions;
  readonly #listeners = new Map<string, Listener>();
  #topics = 0;
  #questions = 0;

  constructor(options: ClusterServerOptions) {
    this.#options = options;
  }

  /** Topics that others have open here. */
  get topics(): number {
    return this.#topics;
  }

  async answer(from: string, { id, host, request }: QuestionItem): Promise<void> {
    const { link } = this.#options;
    if (this.#questions >= SERVED_REQUESTS_MAX) {
      link.post(from, "answers", { id, error: wireError(busy()) });
      return;
    }
    this.#questions += 1;
    try {
      const { answer, covers } = await this.ask(host, request);
      if (!link.post(from, "answers", { id, covers, answer })) link.post(from, "answers", { id, error: tooMuch() });
    } catch (error) {
      link.post(from, "answers", { id, error: wireError(error) });
    } finally {
      this.#questions -= 1;
    }
  }

  /**
   * Asks a host of this process. The answer covers what the host had both before and after: a partition that it gave away in
   * between, even if it came back, may be missing from it.
   */
  async ask<R extends PeerRequest>(
    host: number,
    request: R,
  ): Promise<{ answer: PeerAnswer[R["kind"]]; covers: Cover[] }> {
    if (!isPeerRequest(request)) throw new SwapstatsError("bad_request", "there is no such question between instances");
    const before = this.#options.coversOf(host);
    const answer = await this.#host(host).ask(request as WorkerRequest);
    const after = new Map(this.#options.coversOf(host));
    return {
      answer: toPeer(request.kind, answer) as PeerAnswer[R["kind"]],
      covers: before.filter(([partition, epoch]) => after.get(partition) === epoch),
    };
  }

  async open(from: string, { topicId, host, topic }: OpenItem): Promise<void> {
    const { link, nowMs } = this.#options;
    const listener = this.#listenerOf(from);
    // A message that came twice changes nothing.
    if (listener?.topics.has(topicId)) return;
    if (listener === undefined || this.#topics >= SERVED_FEEDS_MAX) {
      link.post(from, "ended", { topicId, error: wireError(busy()) });
      return;
    }
    listener.heardMs = nowMs();
    const served: Served = { close: undefined, isClosed: false, seq: 0 };
    listener.topics.set(topicId, served);
    this.#topics += 1;
    try {
      const close = await this.#host(host).open(topic, (update) => this.#send(from, topicId, served, update));
      if (served.isClosed) close();
      else served.close = close;
    } catch (error) {
      this.#close(listener, topicId);
      link.post(from, "ended", { topicId, error: wireError(error) });
    }
  }

  closeTopic(from: string, { topicId }: CloseItem): void {
    const listener = this.#listeners.get(from);
    if (listener !== undefined) this.#close(listener, topicId);
  }

  /** Closes what the listener does not name, and answers how far it should have come with the rest. */
  listen(from: string, { upTo, topicIds }: ListenItem): void {
    const listener = this.#listeners.get(from);
    const wanted = new Set(topicIds);
    const topics: [number, number][] = [];
    if (listener !== undefined) {
      listener.heardMs = this.#options.nowMs();
      for (const [topicId, { seq }] of listener.topics) {
        if (topicId > upTo) continue;
        if (wanted.has(topicId)) topics.push([topicId, seq]);
        else this.#close(listener, topicId);
      }
      if (listener.topics.size === 0) this.#listeners.delete(from);
    }
    if (topicIds.length > 0) this.#options.link.post(from, "listening", { upTo, topics });
  }

  sweep(sleptMs: number): void {
    const nowMs = this.#options.nowMs();
    for (const [address, listener] of this.#listeners) {
      listener.heardMs += sleptMs;
      if (nowMs - listener.heardMs <= this.#options.silentMs) continue;
      for (const topicId of [...listener.topics.keys()]) this.#close(listener, topicId);
      this.#listeners.delete(address);
    }
  }

  close(): void {
    for (const listener of this.#listeners.values()) {
      for (const topicId of [...listener.topics.keys()]) this.#close(listener, topicId);
    }
    this.#listeners.clear();
  }

  #send(from: string, topicId: number, served: Served, update: FeedUpdate): void {
    if (served.isClosed) return;
    served.seq += 1;
    const { epoch, rev, prevRev, asOf, watermark, lagMs, data, patch, keys, parts } = update;
    // A patch is a tenth of the data in the mean, and the listener has what it applies to.
    const content = patch === undefined || prevRev === undefined ? { data } : { patch, prevRev };
    const standing = { epoch, rev, asOf, ...(watermark === undefined ? {} : { watermark }), lagMs };
    const ranking = keys === undefined ? {} : { keys };
    this.#options.link.post(from, "updates", { topicId, seq: served.seq, ...standing, ...content, ...ranking, parts });
  }

  #close(listener: Listener, topicId: number): void {
    const served = listener.topics.get(topicId);
    if (served === undefined) return;
    listener.topics.delete(topicId);
    this.#topics -= 1;
    served.isClosed = true;
    served.close?.();
  }

  #listenerOf(address: string): Listener | undefined {
    let listener = this.#listeners.get(address);
    if (listener === undefined && this.#listeners.size < LISTENERS_MAX) {
      listener = { topics: new Map(), heardMs: this.#options.nowMs() };
      this.#listeners.set(address, listener);
    }
    return listener;
  }

  #host(index: number): WorkerPort {
    const host = this.#options.hosts[index];
    if (host === undefined)
      throw new SwapstatsError("unavailable", "the owner has no such thread", { retryable: true });
    return host;
  }
}

function toPeer(
  kind: PeerRequest["kind"],
  answer: WorkerResponses[WorkerRequest["kind"]],
): PeerAnswer[PeerRequest["kind"]] | null {
  // What JSON does not know, an answer that is not there, is null on the way.
  if (kind !== "tokens") return (answer ?? null) as PeerAnswer[PeerRequest["kind"]] | null;
  const { asOf, items } = answer as WorkerResponses["tokens"];
  return { asOf, items: items.map(toPeerToken) };
}

function toPeerToken({ lookup, stats }: TokenPart): PeerTokenAnswer {
  if (stats === undefined) return { lookup, found: undefined };
  const { ticket, ...figures } = stats;
  return { lookup, found: { ...figures, partition: ticket.partition } };
}

const busy = (): SwapstatsError =>
  new SwapstatsError("unavailable", "the owner of the tokens is asked for too much at once; ask again", {
    retryable: true,
  });

const tooMuch = (): WireError => ({
  code: "unavailable",
  message: "too much waits to be sent by the owner of the tokens; ask again",
  retryable: true,
});

function wireError(error: unknown): WireError {
  if (error instanceof SwapstatsError) return { code: error.code, message: error.message, retryable: error.retryable };
  return { code: "internal", message: "the owner failed on the question; its log says why", retryable: false };
}
