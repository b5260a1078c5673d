/**
 * The stream of one token's figures for all who listen here, whoever owns the token at the time. It follows the owner:
 *
 *   away ----- somebody owns the partition ----------> opening
 *   opening -- its first data came ------------------> live
 *   opening -- it could not be opened, or is slow ---> opening (again after a pause; stale by then)
 *   live ----- another owns the partition -----------> opening (what is shown stays fresh for a moment)
 *   any ------ nobody owns the partition ------------> away (stale)
 *
 * Listeners never see a revision go back: data of a former owner, or of a lower revision in the same epoch, is not passed on.
 */

import type { Topic, TopicUpdate } from "../ports/stats-bus.ts";
import type { ClusterNode } from "./node.ts";
import { partsText, type Source } from "./peers.ts";
import type { SourceUpdate } from "./remote-feeds.ts";

/** How long a new owner may take until what is shown counts as stale, and how long after a failure it is tried again. */
export const TAKE_OVER_MS = 1_000;
/** A listener that joins gets what is held if it is not older than this; else the owner is asked for its standing of now. */
const HELD_AGE_MS_MAX = 1_000;

export type TokenTopic = Extract<Topic, { kind: "token" }>;
type Listener = { readonly onUpdate: (update: TopicUpdate) => void; isWaiting: boolean };

export class TokenFeed {
  readonly #node: ClusterNode;
  readonly #topic: TokenTopic;
  readonly #listeners = new Set<Listener>();
  readonly #onEmpty: () => void;
  #partition: number;
  #sourceKey: string | undefined;
  #closeSource: (() => void) | undefined;
  #held: SourceUpdate | undefined;
  #heldAtMs = 0;
  #isStale = false;
  /** The partition's data came from the source that is open now. */
  #isLive = false;
  #overdue: NodeJS.Timeout | undefined;

  /** `topic` names the token by its id. `onEmpty` is called when the last listener has left. */
  constructor(node: ClusterNode, topic: TokenTopic, partition: number, onEmpty: () => void) {
    this.#node = node;
    this.#topic = topic;
    this.#partition = partition;
    this.#onEmpty = onEmpty;
    this.follow();
  }

  /** The owner may be another one now. */
  follow(): void {
    const owner = this.#node.peers.ownerOf(this.#partition);
    const key = owner === undefined ? undefined : `${owner.key}=${partsText(onlyPart(owner, this.#partition))}`;
    if (key === this.#sourceKey) return;
    this.#sourceKey = key;
    this.#endSource();
    if (owner === undefined) this.#setStale();
    else this.#open(owner);
  }

  join(onUpdate: (update: TopicUpdate) => void): () => void {
    const listener: Listener = { onUpdate, isWaiting: true };
    this.#listeners.add(listener);
    if (this.#held !== undefined) {
      const isYoung = performance.now() - this.#heldAtMs <= HELD_AGE_MS_MAX;
      if (isYoung || !this.#isLive) this.#greet(listener);
      else this.#reopen();
    }
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      this.#endSource();
      this.#onEmpty();
    };
  }

  #greet(listener: Listener): void {
    if (this.#held === undefined) return;
    listener.isWaiting = false;
    listener.onUpdate(topicUpdate(this.#held, this.#isStale, false));
  }

  #reopen(): void {
    this.#endSource();
    this.#sourceKey = undefined;
    this.follow();
  }

  #open(owner: Source): void {
    const isOf = this.#sourceKey;
    this.#closeSource = this.#node.openTopic(
      owner,
      this.#topic,
      (update) => this.#accept(update),
      () => {
        if (this.#sourceKey === isOf) this.#retryLater();
      },
    );
    this.#retryLater();
  }

  #retryLater(): void {
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => {
      this.#setStale();
      this.#reopen();
    }, TAKE_OVER_MS);
    this.#overdue.unref();
  }

  #endSource(): void {
    clearTimeout(this.#overdue);
    this.#closeSource?.();
    this.#closeSource = undefined;
    this.#isLive = false;
  }

  #accept(update: SourceUpdate): void {
    const part = update.parts[0];
    if (part !== undefined && !this.#node.peers.isCurrent(part.partition, update.epoch)) return;
    const before = this.#held;
    const isSameEpoch = before !== undefined && update.epoch === before.epoch;
    if (isSameEpoch && update.rev < before.rev) return;
    if (part !== undefined) {
      this.#node.peers.raiseFloor(part.partition, update.epoch);
      this.#partition = part.partition;
    }
    clearTimeout(this.#overdue);
    this.#isLive = true;
    const wasStale = this.#isStale;
    this.#isStale = false;
    this.#held = update;
    this.#heldAtMs = performance.now();
    const isNext = isSameEpoch && update.prevRev === before.rev;
    const isSame = isSameEpoch && update.rev === before.rev && !wasStale;
    for (const listener of this.#listeners) {
      if (listener.isWaiting) this.#greet(listener);
      else if (!isSame) listener.onUpdate(topicUpdate(update, false, isNext));
    }
  }

  #setStale(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    if (this.#held === undefined) return;
    const update = topicUpdate(this.#held, true, false);
    for (const listener of this.#listeners) {
      listener.isWaiting = false;
      listener.onUpdate(update);
    }
  }
}

function onlyPart(owner: Source, partition: number): Map<number, string> {
  return new Map([[partition, owner.parts.get(partition) ?? ""]]);
}

/** `isNext`: the update's patch applies to what the listeners had. */
function topicUpdate(update: SourceUpdate, stale: boolean, isNext: boolean): TopicUpdate {
  const { epoch, rev, asOf, watermark, lagMs } = update;
  return {
    ...{ epoch, rev, asOf, watermark, lagMs, stale },
    prevRev: isNext ? update.prevRev : undefined,
    patch: isNext ? update.patch : undefined,
    get data(): string {
      return update.data;
    },
  };
}
