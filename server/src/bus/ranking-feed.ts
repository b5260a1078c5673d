/**
 * The feed of a ranking over all workers. Each worker sends its own best rows as texts with their rank keys. They are combined by partition: a
 * partition that moves or is away does not affect the others. Rows are compared by their texts, and only a changed row is parsed for its patch. If
 * one worker has all partitions, its updates are passed on unchanged.
 *
 * The ranking is stale while the rows of a partition's present owner are missing.
 */
import { diffMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { ChannelSpec, ChannelUpdate } from "../ports/stats-bus.ts";
import { type BusWorker, type BusWorkers, haveAllOwners, type OpenFeed, partsText } from "./bus-workers.ts";
import { FeedListeners, wholeOf } from "./feed-listeners.ts";
import type { MergeQueue } from "./merge-queue.ts";
import { mergeRanked } from "./rank-order.ts";
import { standingOf } from "./ranking-gather.ts";
import { type PartRows, RankingParts, upTo } from "./ranking-parts.ts";
import { type FeedUpdate, type RankedRow, rowsText } from "./responses.ts";
import { HELD_AGE_MS_MAX, TAKE_OVER_MS } from "./token-feed.ts";

/** Kinds of feeds to which all workers contribute. */
export type RankedChannel = Extract<ChannelSpec, { readonly limit: number }>;

type FeedAtWorker = {
  /** Partitions with their epochs at the opening. */
  readonly parts: string;
  opened: OpenFeed | undefined;
  overdue: NodeJS.Timeout | undefined;
  /** Partitions of its newest update. Undefined before the first update. */
  covered: readonly number[] | undefined;
};
type Sent = { readonly update: ChannelUpdate; readonly rows: readonly RankedRow[] };

export class RankingFeed {
  readonly #workers: BusWorkers;
  readonly #spec: RankedChannel;
  readonly #merges: MergeQueue;
  readonly #onEmpty: () => void;
  readonly #parts = new RankingParts();
  readonly #open = new Map<string, FeedAtWorker>();
  /** Workers that did not send their rows in time. The feed retries them. */
  readonly #late = new Set<string>();
  readonly #listeners = new FeedListeners();
  #sent: Sent | undefined;
  #mergedAtMs = 0;
  #isClosed = false;

  constructor(workers: BusWorkers, spec: RankedChannel, merges: MergeQueue, onEmpty: () => void) {
    this.#workers = workers;
    this.#merges = merges;
    this.#spec = spec;
    this.#onEmpty = onEmpty;
    this.follow();
  }

  get hasData(): boolean {
    return this.#sent !== undefined;
  }

  /** Resolves when all workers have opened the feed. Rejects when one cannot. */
  get opened(): Promise<void> {
    return Promise.all([...this.#open.values()].map(({ opened }) => opened?.opened)).then(() => {});
  }

  /** Called when the workers or their partitions may have changed. Opens the feed again at workers with other partitions. */
  follow(): void {
    const wanted = new Map(this.#workers.all.map((worker) => [worker.key, worker]));
    for (const [key, { parts }] of this.#open) {
      const worker = wanted.get(key);
      if (worker === undefined || partsText(worker.parts) !== parts) this.#end(key);
    }
    for (const key of this.#late) if (!wanted.has(key)) this.#late.delete(key);
    for (const [key, worker] of wanted) if (!this.#open.has(key)) this.#begin(worker);
    // A graceful hand-over does not make the ranking stale; a partition without any owner does.
    if (this.#sent !== undefined && this.#isStale()) this.#schedule();
  }

  join(onUpdate: (update: ChannelUpdate) => void): () => void {
    const remove = this.#listeners.add(onUpdate);
    if (this.#sent !== undefined) {
      const isYoung = performance.now() - this.#mergedAtMs <= HELD_AGE_MS_MAX;
      if (isYoung || this.#isStale()) this.#listeners.greet(wholeOf(this.#sent.update));
      else this.#reopen();
    }
    return () => {
      if (!remove()) return;
      this.#isClosed = true;
      this.#merges.delete(this.#merge);
      for (const key of [...this.#open.keys()]) this.#end(key);
      this.#onEmpty();
    };
  }

  /** Opens the feed again at all workers, which then send their present rows, as-of, watermark and lag. */
  #reopen(): void {
    for (const key of [...this.#open.keys()]) this.#end(key);
    this.follow();
  }

  #begin(worker: BusWorker): void {
    const { key } = worker;
    const open: FeedAtWorker = {
      parts: partsText(worker.parts),
      opened: undefined,
      overdue: undefined,
      covered: undefined,
    };
    this.#open.set(key, open);
    if (this.#workers.mayBeAway) open.overdue = setTimeout(() => this.#retry(key), TAKE_OVER_MS).unref();
    open.opened = worker.open(
      this.#spec,
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
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    clearTimeout(open.overdue);
    open.opened?.close();
  }

  #accept(key: string, open: FeedAtWorker, update: FeedUpdate): void {
    if (this.#isClosed || this.#open.get(key) !== open) return;
    clearTimeout(open.overdue);
    this.#late.delete(key);
    const { parts, asOf, lagMs, rows = [] } = update;
    open.covered = parts.map(({ partition }) => partition);
    const workers = this.#workers;
    this.#parts.put({ parts, asOf, lagMs, rows, more: true }, (partition, epoch) =>
      workers.isCurrent(partition, epoch),
    );
    for (const { partition, epoch } of parts) workers.confirm(partition, epoch);
    if (workers.all.length > 1 || workers.mayBeAway) this.#schedule();
    else this.#send({ update: { ...shownOf(update), ...standingOf(parts) }, rows });
  }

  #schedule(): void {
    if (!this.#isClosed) this.#merges.add(this.#merge);
  }

  #isStale(): boolean {
    return this.#late.size > 0 || (this.#workers.mayBeAway && !haveAllOwners(this.#workers));
  }

  /** Returns the parts of all partitions. Returns undefined while one is missing, or while a worker has not sent its first rows. */
  #all(): PartRows[] | undefined {
    if (this.#workers.mayBeAway) return this.#parts.of(upTo(this.#workers.partitions));
    const open = [...this.#open.values()];
    if (open.some(({ covered }) => covered === undefined)) return undefined;
    return this.#parts.of(open.flatMap(({ covered = [] }) => covered).sort((a, b) => a - b));
  }

  readonly #merge = (): void => {
    const parts = this.#isClosed ? undefined : this.#all();
    if (parts === undefined) return;
    const lists = parts.map((part) => part.rows);
    const rows = mergeRanked(lists, "desc", this.#spec.limit);
    const before = this.#sent;
    const { epoch, rev } = standingOf(parts);
    const isNext = before !== undefined && before.update.epoch === epoch && before.update.rev !== rev;
    const patch = isNext ? patchText(before.rows, rows) : undefined;
    const isSame = before?.update.epoch === epoch && (before.update.rev === rev || patch === "{}");
    const update = {
      ...{ epoch, rev: isSame ? before.update.rev : rev, stale: this.#isStale(), watermark: undefined },
      prevRev: isNext && !isSame ? before.update.rev : undefined,
      patch: isSame ? undefined : patch,
      asOf: Math.max(before?.update.asOf ?? 0, ...parts.map((part) => part.asOf)),
      lagMs: Math.max(...parts.map((part) => part.lagMs)),
      data: "",
    };
    this.#send({ update: withRows(update, rows), rows });
  };

  /** Sends the update to all listeners. If only as-of, watermark or lag changed, it goes to the waiting listeners only. */
  #send(sent: Sent): void {
    const before = this.#sent?.update;
    const { epoch, rev, stale } = sent.update;
    const isSame = before?.epoch === epoch && before.rev === rev && before.stale === stale;
    this.#sent = sent;
    this.#mergedAtMs = performance.now();
    // Wait until all opened workers have sent their present as-of, watermark and lag.
    if (isSame && [...this.#open.values()].every(({ covered }) => covered !== undefined)) {
      this.#listeners.greet(wholeOf(sent.update));
    } else if (!isSame) this.#listeners.send(sent.update);
  }
}

/** Returns the update of the one worker that has all partitions. */
function shownOf(update: FeedUpdate): ChannelUpdate {
  const { epoch, rev, prevRev, asOf, lagMs, patch, rows = [] } = update;
  return withRows({ epoch, rev, prevRev, asOf, lagMs, patch, watermark: undefined, stale: false, data: "" }, rows);
}

/** Returns an update whose text of the data is made on demand, because most clients get the patch. */
function withRows(update: ChannelUpdate, rows: readonly RankedRow[]): ChannelUpdate {
  let text: string | undefined;
  Object.defineProperty(update, "data", {
    enumerable: true,
    get: () => {
      text ??= rowsText(rows);
      return text;
    },
  });
  return update;
}

/** Returns the merge patch between two lists of rows, as text. */
export function patchText(before: readonly RankedRow[], after: readonly RankedRow[]): string {
  const sent = new Map(before.map((row) => [row.key.id, row.json]));
  const changes: string[] = [];
  for (const { key, json } of after) {
    const was = sent.get(key.id);
    sent.delete(key.id);
    if (was === json) continue;
    const change = was === undefined ? json : rowPatch(was, json);
    if (change !== "{}") changes.push(`${JSON.stringify(key.id)}:${change}`);
  }
  for (const id of sent.keys()) changes.push(`${JSON.stringify(id)}:null`);
  const isMoved = before.length !== after.length || after.some(({ key }, at) => key.id !== before[at]?.key.id);
  const members = [
    ...(isMoved ? [`"order":${JSON.stringify(after.map(({ key }) => key.id))}`] : []),
    ...(changes.length > 0 ? [`"rows":{${changes.join(",")}}`] : []),
  ];
  return `{${members.join(",")}}`;
}

function rowPatch(before: string, after: string): string {
  return JSON.stringify(diffMergePatch(JSON.parse(before) as JsonObject, JSON.parse(after) as JsonObject));
}
