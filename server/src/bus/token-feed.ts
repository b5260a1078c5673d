/**
 * The feed of one token's figures for all listeners, across changes of the owner. `STEPS` is its state machine:
 *
 *   away     the partition has no owner, or its owner has released it; the shown figures are stale
 *   opening  the feed was requested from the owner; the shown figures, if any, are stale
 *   moving   as opening, but the shown figures are not stale yet: for TAKE_OVER_MS after they were live
 *   live     figures of the owner have arrived
 *   closed   the last listener has left
 *
 * Listeners never see a revision go back: figures of a former owner, or of a lower revision in the same epoch, are not passed on.
 */
import type { ChannelSpec, ChannelUpdate } from "../ports/stats-bus.ts";
import type { SwapstatsError } from "../shared/errors.ts";
import { StateMachine, type Steps } from "../shared/state-machine.ts";
import type { BusWorker, BusWorkers, OpenFeed } from "./bus-workers.ts";
import { FeedListeners, wholeOf } from "./feed-listeners.ts";
import { dataText, type FeedUpdate } from "./responses.ts";

/** Time for a new owner, after which the shown figures are stale. Also the pause before a failed feed is opened again. */
export const TAKE_OVER_MS = 1_000;
/** Pause before a feed is opened again at a worker of this process that could not open it, or has ended it. */
export const REOPEN_MS = 5_000;
/** Largest age of the held update for a new listener. The owner is asked again for an older one. */
export const HELD_AGE_MS_MAX = 1_000;

type FeedState = "away" | "opening" | "moving" | "live" | "closed";
export const STEPS: Steps<FeedState> = {
  away: ["opening", "closed"],
  opening: ["opening", "live", "away", "closed"],
  moving: ["moving", "live", "opening", "away", "closed"],
  live: ["moving", "away", "closed"],
  closed: [],
};

/** Kinds of feeds that one owner serves. */
export type OwnedChannel = Extract<ChannelSpec, { readonly token: string }>;

export class TokenFeed {
  readonly #workers: BusWorkers;
  readonly #spec: OwnedChannel;
  readonly #listeners = new FeedListeners();
  readonly #onEmpty: () => void;
  readonly #machine = new StateMachine<FeedState>("a token's feed", STEPS, "away");
  #partition: number;
  /** The owner, and the epoch of the partition. */
  #workerKey: string | undefined;
  #opened: OpenFeed | undefined;
  #held: FeedUpdate | undefined;
  /** The newest update with whole data. It is older than the held one where the held one has only further items of a log. */
  #whole: FeedUpdate | undefined;
  #heldAtMs = 0;
  #overdue: NodeJS.Timeout | undefined;
  /** Why there is no feed at the moment. Set only if owners are never away. */
  #failure: SwapstatsError | undefined;

  /** `spec` names the token by its id. `onEmpty` is called when the last listener has left. */
  constructor(workers: BusWorkers, spec: OwnedChannel, partition: number, onEmpty: () => void) {
    this.#workers = workers;
    this.#spec = spec;
    this.#partition = partition;
    this.#onEmpty = onEmpty;
    this.follow();
  }

  get state(): FeedState {
    return this.#machine.state;
  }

  /** Resolves when the owner has opened the feed. Rejects when that failed. */
  get opened(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#opened?.opened ?? Promise.resolve();
  }

  /** Called when the owner may have changed. */
  follow(): void {
    const owner = this.#workers.ownerOf(this.#partition);
    const key = owner === undefined ? undefined : `${owner.key}=${owner.parts.get(this.#partition) ?? ""}`;
    if (key === this.#workerKey) return;
    this.#workerKey = key;
    if (owner !== undefined) this.#open(owner);
    else this.#leave();
  }

  join(onUpdate: (update: ChannelUpdate) => void): () => void {
    const remove = this.#listeners.add(onUpdate);
    if (this.#held !== undefined) {
      const isYoung = performance.now() - this.#heldAtMs <= HELD_AGE_MS_MAX && isWhole(this.#held);
      if (this.#whole !== undefined && (isYoung || this.state !== "live")) {
        this.#listeners.greet(this.#shown(this.#whole, false));
      } else this.#reopen();
    }
    // The partition may have an owner again.
    if (this.#failure !== undefined) this.#reopen();
    return () => {
      if (!remove()) return;
      this.#endFeed();
      this.#machine.become("closed");
      this.#onEmpty();
    };
  }

  #reopen(): void {
    this.#workerKey = undefined;
    this.follow();
  }

  #open(owner: BusWorker): void {
    this.#endFeed();
    this.#failure = undefined;
    const isFresh = this.state === "live" || this.state === "moving";
    this.#machine.become(isFresh ? "moving" : "opening");
    const opened = owner.open(
      this.#spec,
      (update) => this.#accept(update),
      (error) => this.#failed(opened, error),
    );
    this.#opened = opened;
    this.#retryLater();
  }

  /** Called when the owner could not open the feed, or has ended it. */
  #failed(opened: OpenFeed, error: SwapstatsError): void {
    if (this.#opened !== opened) return;
    if (this.#workers.mayBeAway) {
      this.#retryLater();
      return;
    }
    // The worker was busy for too long, or no worker of this process has the partition. The known figures of the token stay.
    this.#failure = error;
    this.#leave();
    this.#overdue = setTimeout(() => this.#reopen(), REOPEN_MS).unref();
  }

  /** Retries after a pause: with several instances a message about the feed may be lost, or its owner may die. */
  #retryLater(): void {
    clearTimeout(this.#overdue);
    if (!this.#workers.mayBeAway) return;
    this.#overdue = setTimeout(() => {
      if (this.state === "live") this.#machine.become("moving");
      if (this.state === "moving") {
        this.#machine.become("opening");
        this.#tellStale();
      }
      this.#reopen();
    }, TAKE_OVER_MS);
    this.#overdue.unref();
  }

  #leave(): void {
    this.#endFeed();
    if (this.state === "away") return;
    const wasFresh = this.#isFresh;
    this.#machine.become("away");
    if (wasFresh) this.#tellStale();
  }

  #endFeed(): void {
    clearTimeout(this.#overdue);
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** Receives an update of the owner, and passes it to the listeners, such as the feeds of serving (serving/live/hub.ts). */
  #accept(update: FeedUpdate): void {
    const part = update.parts[0];
    if (part !== undefined && !this.#workers.isCurrent(part.partition, update.epoch)) return;
    const before = this.#held;
    const isSameEpoch = before !== undefined && update.epoch === before.epoch;
    if (isSameEpoch && update.rev < before.rev) return;
    if (part !== undefined) {
      this.#workers.confirm(part.partition, update.epoch);
      this.#partition = part.partition;
    }
    clearTimeout(this.#overdue);
    const wasFresh = this.#isFresh;
    if (this.state !== "live") this.#machine.become("live");
    this.#held = update;
    if (isWhole(update)) this.#whole = update;
    this.#heldAtMs = performance.now();
    const isSame = isSameEpoch && update.rev === before.rev && wasFresh;
    if (isSame) this.#listeners.greet(this.#shown(update, false));
    else this.#listeners.send(this.#shown(update, isSameEpoch && update.prevRev === before.rev));
  }

  get #isFresh(): boolean {
    return this.state === "live" || this.state === "moving";
  }

  #tellStale(): void {
    if (this.#held !== undefined) this.#listeners.send(this.#shown(this.#held, false));
  }

  /** `isNext`: whether the update's patch applies to the data of the listeners. */
  #shown(update: FeedUpdate, isNext: boolean): ChannelUpdate {
    const { epoch, rev, prevRev, asOf, watermark, lagMs, patch, log } = update;
    const shown = {
      ...{ epoch, rev, prevRev, asOf, watermark, lagMs, patch, log, stale: !this.#isFresh },
      get data(): string {
        return dataText(update);
      },
    };
    return isNext ? shown : wholeOf(shown);
  }
}

/** Returns whether an update has the whole data. */
function isWhole({ log, data }: FeedUpdate): boolean {
  return log === undefined || data !== undefined;
}
