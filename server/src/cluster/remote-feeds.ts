/**
 * The listening end of topics of other instances. A topic is a numbered stream: first the whole data, then patches, each
 * with the next number. Whatever is missing, by a lost message or a dead owner, shows in the numbers or in the answer to the keep-alive, and
 * the topic is then opened anew under another id, which begins with the whole data again.
 */
import { applyMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { PartRevision, RankedKey, Topic } from "../bus/worker-protocol.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { ClusterLink } from "./link.ts";
import type { EndedItem, ListeningItem, UpdateItem } from "./protocol.ts";

/** Topics of other instances that may be open here. */
export const REMOTE_FEEDS_MAX = 20_000;

/** News of a topic, wherever it is served. */
export type SourceUpdate = {
  readonly epoch: string;
  readonly rev: number;
  readonly prevRev: number | undefined;
  readonly asOf: number;
  readonly watermark: number | undefined;
  readonly lagMs: number;
  readonly patch: string | undefined;
  readonly keys: readonly RankedKey[] | undefined;
  readonly parts: readonly PartRevision[];
  /** JSON text of the whole data. */
  readonly data: string;
};

type RemoteFeed = {
  topicId: number;
  readonly address: string;
  readonly host: number;
  readonly topic: Topic;
  readonly onUpdate: (update: SourceUpdate) => void;
  readonly onEnd: (error: SwapstatsError) => void;
  /** 0: nothing has come since it was opened. */
  seq: number;
  rev: number;
  value: JsonObject;
  openedMs: number;
};

export type RemoteFeedsOptions = {
  readonly link: ClusterLink;
  /** A topic whose first data has not come after this time is opened anew. */
  readonly openTimeoutMs: number;
  readonly nowMs: () => number;
};

export class RemoteFeeds {
  readonly #options: RemoteFeedsOptions;
  readonly #topics = new Map<number, RemoteFeed>();
  /** Listeners that the last keep-alive told of an address; it is told once more when none is left. */
  readonly #told = new Set<string>();
  #nextId = 1;

  constructor(options: RemoteFeedsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** Opens a topic there; `onEnd` is called when that fails. Nothing is called after the returned function was. */
  open(
    address: string,
    host: number,
    topic: Topic,
    onUpdate: (update: SourceUpdate) => void,
    onEnd: (error: SwapstatsError) => void,
  ): () => void {
    if (this.#topics.size >= REMOTE_FEEDS_MAX) {
      const message = `${REMOTE_FEEDS_MAX} topics of other instances are open already; subscribe again later`;
      setImmediate(() => onEnd(new SwapstatsError("unavailable", message, { retryable: true })));
      return () => {};
    }
    const value: JsonObject = {};
    const opened: RemoteFeed = {
      ...{ topicId: 0, address, host, topic, onUpdate, onEnd, seq: 0, rev: 0, value },
      openedMs: 0,
    };
    this.#begin(opened);
    return () => {
      const { topicId } = opened;
      if (this.#topics.delete(topicId)) this.#options.link.post(address, "close", { topicId });
    };
  }

  takeUpdate(from: string, item: UpdateItem): void {
    const topic = this.#topics.get(item.topicId);
    if (topic === undefined || topic.address !== from || item.seq <= topic.seq) return;
    const isNext = item.seq === topic.seq + 1;
    if (item.data !== undefined) topic.value = JSON.parse(item.data) as JsonObject;
    else if (isNext && item.patch !== undefined && item.prevRev === topic.rev) {
      topic.value = applyMergePatch(topic.value, JSON.parse(item.patch)) as JsonObject;
    } else {
      this.#begin(topic);
      return;
    }
    topic.seq = item.seq;
    topic.rev = item.rev;
    topic.onUpdate(sourceUpdate(item, topic.value));
  }

  takeEnded(from: string, { topicId, error }: EndedItem): void {
    const topic = this.#topics.get(topicId);
    if (topic === undefined || topic.address !== from) return;
    this.#topics.delete(topicId);
    topic.onEnd(new SwapstatsError(error.code, error.message, { retryable: error.retryable }));
  }

  /** The owner tells how far each topic has come: those that it does not know, or of which something is missing, begin anew. */
  takeListening(from: string, { upTo, topics }: ListeningItem): void {
    const seqs = new Map(topics);
    for (const topic of [...this.#topics.values()]) {
      if (topic.address !== from || topic.topicId > upTo) continue;
      if ((seqs.get(topic.topicId) ?? Number.POSITIVE_INFINITY) > topic.seq) this.#begin(topic);
    }
  }

  /** Tells every owner which topics are still listened to. */
  keepAlive(): void {
    const { link } = this.#options;
    const upTo = this.#nextId - 1;
    const byAddress = new Map<string, number[]>();
    for (const address of this.#told) byAddress.set(address, []);
    for (const { topicId, address } of this.#topics.values()) {
      const ids = byAddress.get(address);
      if (ids === undefined) byAddress.set(address, [topicId]);
      else ids.push(topicId);
    }
    this.#told.clear();
    for (const [address, topicIds] of byAddress) {
      link.post(address, "listen", { upTo, topicIds });
      if (topicIds.length > 0) this.#told.add(address);
    }
  }

  sweep(): void {
    const { nowMs, openTimeoutMs } = this.#options;
    for (const topic of [...this.#topics.values()]) {
      if (topic.seq === 0 && nowMs() - topic.openedMs > openTimeoutMs) this.#begin(topic);
    }
  }

  #begin(topic: RemoteFeed): void {
    this.#topics.delete(topic.topicId);
    topic.topicId = this.#nextId++;
    topic.seq = 0;
    topic.openedMs = this.#options.nowMs();
    this.#topics.set(topic.topicId, topic);
    const { topicId, host } = topic;
    this.#options.link.post(topic.address, "open", { topicId, host, topic: topic.topic });
  }
}

/** The text of the data is made when somebody needs it, which most updates never come to: clients get the patch. */
function sourceUpdate(item: UpdateItem, value: JsonObject): SourceUpdate {
  let text = item.data;
  return {
    epoch: item.epoch,
    rev: item.rev,
    prevRev: item.data === undefined ? item.prevRev : undefined,
    asOf: item.asOf,
    watermark: item.watermark,
    lagMs: item.lagMs,
    patch: item.data === undefined ? item.patch : undefined,
    keys: item.keys,
    parts: item.parts,
    get data(): string {
      text ??= JSON.stringify(value);
      return text;
    },
  };
}
