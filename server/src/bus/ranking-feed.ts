/**
 * The feed of a ranking over all workers. Each sends its own best rows as texts with their rank keys. They are put together by partition, so that a
 * partition can move or be away without the others noticing. Rows are compared by their texts, and only a row that changed is parsed, for its patch. Where
 * one worker has all partitions its updates pass as they are.
 *
 * The ranking is stale while a partition has no owner whose rows have come.
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

/** Kinds of feeds that all workers serve their part of. */
export type RankedChannel = Extract<ChannelSpec, { readonly limit: number }>;

type FeedAtWorker = {
  /** The partitions with their epochs when it was opened. */
  readonly parts: string;
  opened: OpenFeed | undefined;
  overdue: NodeJS.Timeout | undefined;
  /** The partitions of its newest update; undefined while nothing has come. */
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
  /** Workers that did not send their rows in time. They are tried again. */
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

  /** The workers or their partitions may be others now. One with other partitions is opened again. */
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

  /** Asks all workers for their standing of now. */
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

  /** The parts of all partitions; undefined while one is missing, or while a worker that was opened has not sent its rows. */
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

  /** Gives the update to all, or, where nothing but the standing is new, to those who wait. */
  #send(sent: Sent): void {
    const before = this.#sent?.update;
    const { epoch, rev, stale } = sent.update;
    const isSame = before?.epoch === epoch && before.rev === rev && before.stale === stale;
    this.#sent = sent;
    this.#mergedAtMs = performance.now();
    // Not before all that were opened have told their standing of now.
    if (isSame && [...this.#open.values()].every(({ covered }) => covered !== undefined)) {
      this.#listeners.greet(wholeOf(sent.update));
    } else if (!isSame) this.#listeners.send(sent.update);
  }
}

/** The update of one worker that has all there is. */
function shownOf(update: FeedUpdate): ChannelUpdate {
  const { epoch, rev, prevRev, asOf, lagMs, patch, rows = [] } = update;
  return withRows({ epoch, rev, prevRev, asOf, lagMs, patch, watermark: undefined, stale: false, data: "" }, rows);
}

/** The text of the data is made when somebody needs it, which is not always: clients get the patch. */
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

/** The merge patch from rows to rows, as text. */
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
