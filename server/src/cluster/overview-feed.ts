/**
 * A ranking over the threads of all instances as a stream. Each sends its own best; they are put together by partition, so
 * that a partition can move or be away without the others noticing. It is stale while a partition has no owner whose data has come.
 */
import { diffMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { MergeQueue } from "../bus/merge-queue.ts";
import { mergeRanked } from "../bus/rank-order.ts";
import type { RankedKey } from "../bus/worker-protocol.ts";
import type { Topic, TopicUpdate } from "../ports/stats-bus.ts";
import type { ClusterNode } from "./node.ts";
import { epochOfParts, OverviewParts, revisionOfParts } from "./overview-parts.ts";
import { partsText, type Source } from "./peers.ts";
import type { SourceUpdate } from "./remote-feeds.ts";
import { TAKE_OVER_MS } from "./token-feed.ts";

export type OverviewTopic = Extract<Topic, { kind: "overview" }>;
type Row = { readonly key: RankedKey; readonly partition: number; data(): JsonObject };
type OpenSource = { readonly parts: string; close: () => void; readonly overdue: NodeJS.Timeout };

export class OverviewFeed {
  readonly #node: ClusterNode;
  readonly #topic: OverviewTopic;
  readonly #merges: MergeQueue;
  readonly #onEmpty: () => void;
  readonly #parts = new OverviewParts<Row>();
  readonly #sources = new Map<string, OpenSource>();
  /** Threads that did not send their data in time; they are tried again. */
  readonly #late = new Set<string>();
  readonly #listeners = new Set<(update: TopicUpdate) => void>();
  #sent: TopicUpdate | undefined;
  #sentValue: JsonObject = {};
  #isClosed = false;

  constructor(node: ClusterNode, topic: OverviewTopic, merges: MergeQueue, onEmpty: () => void) {
    this.#node = node;
    this.#merges = merges;
    this.#topic = topic;
    this.#onEmpty = onEmpty;
    this.follow();
  }

  get hasData(): boolean {
    return this.#sent !== undefined;
  }

  /** The threads or their partitions may be others now; one that has other partitions begins anew. */
  follow(): void {
    const wanted = new Map(this.#node.peers.sources.map((source) => [source.key, source]));
    for (const [key, open] of this.#sources) {
      const source = wanted.get(key);
      if (source !== undefined && partsText(source.parts) === open.parts) continue;
      this.#end(key);
    }
    for (const key of this.#late) if (!wanted.has(key)) this.#late.delete(key);
    for (const [key, source] of wanted) if (!this.#sources.has(key)) this.#open(source);
    // A graceful hand-over is no reason to call the ranking stale; a partition without any owner is.
    if (this.#sent !== undefined && !this.#node.peers.hasAllOwners) this.#schedule();
  }

  join(onUpdate: (update: TopicUpdate) => void): () => void {
    this.#listeners.add(onUpdate);
    if (this.#sent !== undefined) onUpdate({ ...this.#sent, prevRev: undefined, patch: undefined });
    return () => {
      if (!this.#listeners.delete(onUpdate) || this.#listeners.size > 0) return;
      this.#isClosed = true;
      this.#merges.delete(this.#merge);
      for (const key of [...this.#sources.keys()]) this.#end(key);
      this.#onEmpty();
    };
  }

  #open(source: Source): void {
    const { key } = source;
    const overdue = setTimeout(() => this.#retry(key), TAKE_OVER_MS);
    overdue.unref();
    const open: OpenSource = { parts: partsText(source.parts), close: () => {}, overdue };
    this.#sources.set(key, open);
    open.close = this.#node.openTopic(
      source,
      this.#topic,
      (update) => this.#accept(key, open, update),
      () => {},
    );
  }

  #retry(key: string): void {
    this.#end(key);
    this.#late.add(key);
    this.follow();
    this.#schedule();
  }

  #end(key: string): void {
    const open = this.#sources.get(key);
    if (open === undefined) return;
    this.#sources.delete(key);
    clearTimeout(open.overdue);
    open.close();
  }

  #accept(key: string, open: OpenSource, update: SourceUpdate): void {
    clearTimeout(open.overdue);
    this.#late.delete(key);
    // Read from the text when they are merged; a newer update may replace them before.
    let values: Record<string, JsonObject> | undefined;
    const figuresOf = (id: string): JsonObject => {
      values ??= (JSON.parse(update.data) as { rows: Record<string, JsonObject> }).rows;
      return values[id] as JsonObject;
    };
    const rows = (update.keys ?? []).map((key): Row => {
      return { key, partition: key.partition, data: () => figuresOf(key.id) };
    });
    const { parts, asOf, lagMs } = update;
    const { peers } = this.#node;
    this.#parts.put({ parts, asOf, lagMs, rows, more: true }, (partition, epoch) => peers.isCurrent(partition, epoch));
    for (const { partition, epoch } of parts) peers.raiseFloor(partition, epoch);
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#isClosed) this.#merges.add(this.#merge);
  }

  readonly #merge = (): void => {
    if (!this.#isClosed) this.#send();
  };

  #isStale(): boolean {
    return this.#late.size > 0 || !this.#node.peers.hasAllOwners;
  }

  #send(): void {
    const parts = this.#parts.all(this.#node.peers.partitions);
    if (parts === undefined) return;
    const best = mergeRanked(
      parts.map((part) => part.rows),
      "desc",
      this.#topic.limit,
    );
    const value: JsonObject = {
      order: best.map((row) => row.key.id),
      rows: Object.fromEntries(best.map((row) => [row.key.id, row.data()])),
    };
    const epoch = epochOfParts(parts);
    const rev = revisionOfParts(parts);
    const stale = this.#isStale();
    const before = this.#sent;
    const isNext = before !== undefined && before.epoch === epoch && before.rev !== rev;
    const patch = isNext ? diffMergePatch(this.#sentValue, value) : undefined;
    const isSame = before?.epoch === epoch && (before.rev === rev || (patch && Object.keys(patch).length === 0));
    if (isSame && before.stale === stale) return;
    const data = JSON.stringify(value);
    const asOf = Math.max(before?.asOf ?? 0, ...parts.map((part) => part.asOf));
    const update: TopicUpdate = {
      ...{ epoch, rev: isSame ? before.rev : rev, asOf, stale, data, watermark: undefined },
      prevRev: isNext && !isSame ? before.rev : undefined,
      patch: isNext && !isSame ? JSON.stringify(patch) : undefined,
      lagMs: Math.max(...parts.map((part) => part.lagMs)),
    };
    this.#sent = update;
    this.#sentValue = value;
    for (const onUpdate of this.#listeners) onUpdate(update);
  }
}
