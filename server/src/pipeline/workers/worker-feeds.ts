/**
 * Topics of one host: streams of a token's or a ranking's figures. At most every `coalesceMs` each open topic is looked at; one
 * with a new revision is built, compared with what was sent last, and sent as data and patch. A topic
 * whose figures came out the same is not sent, so the next patch still applies to the last revision that was.
 *
 * A pass over all topics is done in pieces, and the next begins when it has ended: where there is more to build than the thread has time for,
 * updates come less often. The same holds while what was sent is not taken: nothing waits here but the difference to what was sent
 * last.
 */

import type { SharedClock } from "../../bus/shared-clock.ts";
import { type FeedUpdate, type Topic, updateChars } from "../../bus/worker-protocol.ts";
import type { WindowSpec } from "../../engine/types.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Piecewise } from "../thread-share.ts";
import { OverviewTopic } from "../views/overview-topic.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { figureFilter } from "../views/stats-json.ts";
import { lookUp } from "../views/token-lookup.ts";
import { TokenTopic } from "../views/token-topic.ts";

/** Updates that are on their way to the main thread, in characters; beyond it none are made. A single one may be larger. */
export const UPDATE_CHARS_MAX = 8 * 1024 * 1024;

export type WorkerFeedsOptions = {
  /** Those that can be asked. */
  readonly partitions: () => readonly ServedPartition[];
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly windowIndex: (name: string) => number;
  readonly send: (updates: FeedUpdate[]) => void;
  /** Nothing more comes of these topics. */
  readonly gone: (topicIds: number[]) => void;
};

/** Topics of one kind. Whose turn it was goes to the end. */
type Entries = Map<number, Entry>;
type Entry =
  | { readonly kind: "token"; readonly topic: Topic; open: TokenTopic }
  | { readonly kind: "overview"; readonly topic: Topic; open: OverviewTopic };
export type TopicKind = Entry["kind"];

export class WorkerFeeds {
  readonly #options: WorkerFeedsOptions;
  readonly #entries: Readonly<Record<TopicKind, Entries>> = { token: new Map(), overview: new Map() };
  /** Those that were opened and have sent nothing yet: every other turn is theirs. */
  readonly #first: Readonly<Record<TopicKind, Set<number>>> = { token: new Set(), overview: new Set() };
  #made: FeedUpdate[] = [];
  #charsOnWay = 0;

  constructor(options: WorkerFeedsOptions) {
    this.#options = options;
  }

  /** Opens a topic; its whole data is sent before long, every other turn being of new ones. Throws `not_found` when the token is not known here. */
  open(topicId: number, topic: Topic): void {
    this.#entries[topic.kind].set(topicId, this.#opened(topic));
    this.#first[topic.kind].add(topicId);
  }

  /**
   * Partitions have come or gone, or have a new epoch. A ranking begins anew over those that are there, with its whole data, and so
   * does a token's topic whose partition is still there; else it goes.
   */
  partitionsChanged(): void {
    const partitions = this.#options.partitions();
    const gone: number[] = [];
    for (const entries of Object.values(this.#entries)) {
      for (const [topicId, { open, topic }] of entries) {
        if (open.isWhole(partitions)) continue;
        const entry = this.#openedOrGone(topic);
        if (entry === undefined) gone.push(topicId);
        else entries.set(topicId, entry);
      }
    }
    for (const topicId of gone) this.close(topicId);
    if (gone.length > 0) this.#options.gone(gone);
  }

  close(topicId: number): void {
    for (const kind of ["token", "overview"] as const) {
      this.#entries[kind].delete(topicId);
      this.#first[kind].delete(topicId);
    }
  }

  size(kind: TopicKind): number {
    return this.#entries[kind].size;
  }

  /** Looks at each topic of a kind once, or until too much is on its way. One pass of a kind at a time. */
  *pass(kind: TopicKind): Piecewise<void> {
    const entries = this.#entries[kind];
    for (let left = entries.size; left > 0 && this.#charsOnWay < UPDATE_CHARS_MAX; left--) {
      // In turn with the others, so that clients who subscribe and leave in a loop do not keep them from their updates.
      const goesFirst = left % 2 === 0 && this.#first[kind].size > 0;
      const [topicId] = goesFirst ? this.#first[kind] : entries.keys();
      const entry = topicId === undefined ? undefined : entries.get(topicId);
      if (topicId === undefined || entry === undefined) return;
      this.#first[kind].delete(topicId);
      entries.delete(topicId);
      entries.set(topicId, entry);
      const update = yield* this.#update(topicId, entry);
      // It may have been closed, or begun anew, in between.
      if (update !== undefined && entries.get(topicId) === entry) this.#add(update);
      yield;
    }
  }

  /** Sends what was made since the last call, as one message. */
  flush(): void {
    if (this.#made.length === 0) return;
    const updates = this.#made;
    this.#made = [];
    this.#options.send(updates);
  }

  /** So many characters of updates were taken by the main thread. */
  taken(chars: number): void {
    this.#charsOnWay -= chars;
  }

  #add(update: FeedUpdate): void {
    this.#made.push(update);
    this.#charsOnWay += updateChars(update);
  }

  *#update(topicId: number, entry: Entry): Piecewise<FeedUpdate | undefined> {
    if (entry.kind === "overview") return yield* entry.open.update(topicId);
    const { clock } = this.#options;
    return entry.open.update(topicId, clock.now(), clock.wallMs());
  }

  #opened(topic: Topic): Entry {
    const entry = this.#openedOrGone(topic);
    if (entry !== undefined) return entry;
    throw new SwapstatsError("not_found", `there is no such token: ${topic.kind === "token" ? topic.token : ""}`);
  }

  #openedOrGone(topic: Topic): Entry | undefined {
    const { clock, windows, windowIndex } = this.#options;
    const partitions = this.#options.partitions();
    if (topic.kind === "overview") {
      for (const name of [topic.window, ...(topic.windows ?? [])]) windowIndex(name);
      return { kind: "overview", topic, open: new OverviewTopic(partitions, topic, windows, clock) };
    }
    const found = lookUp(partitions, topic.token)?.found[0];
    if (found === undefined) return undefined;
    const indexes = topic.windows.map((name) => windowIndex(name));
    const filter = figureFilter(topic.fields ?? [], false);
    return { kind: "token", topic, open: new TokenTopic(found, topic.windows, indexes, filter) };
  }
}
