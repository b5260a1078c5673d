/**
 * The feed of a ranking over all workers. Each worker sends its own best rows as texts with their rank keys. They are combined by partition: a
 * partition that moves or is away does not affect the others. Rows are compared by their texts, and only a changed row is parsed for its patch. If
 * one worker has all partitions, its updates are passed on unchanged.
 *
 * The ranking is stale while the rows of a partition's present owner are missing.
 */
import { randomBytes } from "node:crypto";
import type { ChannelUpdate } from "../ports/stats-bus.ts";
import { type BusWorker, type BusWorkers, haveAllOwners, type OpenFeed, partsText } from "./bus-workers.ts";
import { FeedListeners, wholeOf } from "./feed-listeners.ts";
import type { MergeQueue } from "./merge-queue.ts";
import { standingOf } from "./ranking-gather.ts";
import { type PartRows, RankingParts, upTo } from "./ranking-parts.ts";
import type { FeedUpdate, RankedRow } from "./responses.ts";
import { type MergedChannel, mergerOf, type RowMerger } from "./row-mergers.ts";
import { HELD_AGE_MS_MAX, REOPEN_MS, TAKE_OVER_MS } from "./token-feed.ts";

const MARK_BYTES = 6;

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
  readonly #spec: MergedChannel;
  readonly #merger: RowMerger;
  /** One worker has all partitions, and its updates are those of the channel. */
  readonly #isAlone: boolean;
  /**
   * Mark of this feed. The revision of merged rows is a sum, and another instance may have come to the same sum by other revisions of the
   * partitions. So a client that resumes there must not take them for the same.
   */
  readonly #mark: string;
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

  constructor(workers: BusWorkers, spec: MergedChannel, merges: MergeQueue, onEmpty: () => void) {
    this.#workers = workers;
    this.#merges = merges;
    this.#spec = spec;
    this.#merger = mergerOf(spec);
    this.#isAlone = workers.all.length === 1 && !workers.mayBeAway && this.#merger.isPassedOn;
    this.#mark = workers.mayBeAway ? `:${randomBytes(MARK_BYTES).toString("base64url")}` : "";
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
      this.#isAlone ? ({ ...this.#spec, asText: true } as MergedChannel) : this.#spec,
      (update) => this.#accept(key, open, update),
      () => this.#failed(key, open),
    );
  }

  /** Called when a worker could not open the feed, or has ended it. Without its rows there is no further update of the ranking. */
  #failed(key: string, open: FeedAtWorker): void {
    // Workers that may be away are retried when they are late, and opened again when their partitions change.
    if (this.#workers.mayBeAway || this.#open.get(key) !== open) return;
    open.overdue = setTimeout(() => {
      this.#end(key);
      this.follow();
    }, REOPEN_MS).unref();
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
    if (this.#isAlone) {
      this.#send({ update: shownOf(update), rows: [] });
      return;
    }
    const workers = this.#workers;
    this.#parts.put({ parts, asOf, lagMs, rows, more: true }, (partition, epoch) =>
      workers.isCurrent(partition, epoch),
    );
    for (const { partition, epoch } of parts) workers.confirm(partition, epoch);
    this.#schedule();
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
    const rows = this.#merger.merge(parts.map((part) => part.rows));
    const before = this.#sent;
    const { epoch: epochOfAll, rev } = standingOf(parts);
    const epoch = `${epochOfAll}${this.#mark}`;
    const isNext = before !== undefined && before.update.epoch === epoch && before.update.rev !== rev;
    const patch = isNext ? this.#merger.patch(before.rows, rows) : undefined;
    const isSame = before?.update.epoch === epoch && (before.update.rev === rev || patch === "{}");
    const update = {
      ...{ epoch, rev: isSame ? before.update.rev : rev, stale: this.#isStale(), watermark: undefined },
      prevRev: isNext && !isSame ? before.update.rev : undefined,
      patch: isSame ? undefined : patch,
      asOf: Math.max(before?.update.asOf ?? 0, ...parts.map((part) => part.asOf)),
      lagMs: Math.max(...parts.map((part) => part.lagMs)),
      data: "",
    };
    this.#send({ update: this.#withRows(update, rows), rows });
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

  /** Returns an update whose text of the data is made on demand, because most clients get the patch. */
  #withRows(update: ChannelUpdate, rows: readonly RankedRow[]): ChannelUpdate {
    let text: string | undefined;
    Object.defineProperty(update, "data", {
      enumerable: true,
      get: () => {
        text ??= this.#merger.text(rows);
        return text;
      },
    });
    return update;
  }
}

/** Returns the update of the only worker. */
function shownOf({ prevRev, asOf, lagMs, patch, data = "", parts }: FeedUpdate): ChannelUpdate {
  return { ...standingOf(parts), prevRev, asOf, lagMs, patch, data, watermark: undefined, stale: false };
}
