/**
 * The channels of one client of any door: opens, replaces and closes them as its requests ask, waits for tokens that no swap has named yet,
 * and hands out the messages that are to be sent.
 */
import { setTimeout } from "node:timers/promises";
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { ambiguousToken, ProblemError, problemOf, unknownToken } from "../problems.ts";
import type { PushTarget } from "./channel-feed.ts";
import type { ChannelHead } from "./channel-head.ts";
import { ChannelList, type Taken } from "./channel-list.ts";
import type { ChannelOptions, GivenOptions } from "./channel-options.ts";
import type { ChannelRequest, Position } from "./channel-requests.ts";
import { awaitedIdOf, nameOfAwaited, nameOfChannel, rowsOfChannel, specOf, windowsOfChannel } from "./channels.ts";
import type { Hub } from "./hub.ts";
import type { Subscribed } from "./messages.ts";
import { OpeningQueue } from "./opening-queue.ts";
import { OpenRate } from "./row-budget.ts";
import type { Reply, SharedMessage } from "./shared-message.ts";
import type { OpenSubscription, PendingSubscription, Subscription } from "./subscription.ts";

/** The result of a subscribe request, for each of its channels. */
type SubscribeOutcome = Subscribed & {
  readonly opened: readonly OpenSubscription[];
  readonly failed: readonly Failed[];
};

type Wanted = ChannelRequest & { readonly spec: ChannelSpec };
type Joining = Pick<Wanted, "channel" | "spec" | "from"> & { readonly options: Rates };
/** What can be changed while a channel is open. */
type Rates = Pick<ChannelOptions, "conflateMs" | "checksum">;
/** Undefined: it stays as it is. */
type GivenRates = Pick<GivenOptions, "conflateMs" | "checksum">;
type Failed = { readonly channel: string; readonly problem: ProblemError };
/** `from`: what the client holds of just this channel. */
type Result = { readonly subscription: Subscription; readonly from: Position | undefined } | Failed;

export class ClientChannels {
  readonly #hub: Hub;
  readonly #client: PushTarget;
  /** The channels that send. */
  readonly #active: ChannelList;
  readonly #windows: readonly ServedWindow[];
  readonly #openings: OpeningQueue;
  readonly #openRate: OpenRate;
  /** By canonical channel. */
  readonly #byChannel = new Map<string, Subscription>();
  /** Canonical channels by the names that they were requested by. */
  readonly #channelOfName = new Map<string, string>();
  #rows = 0;
  #isPaused = false;
  #isClosed = false;

  /** Connects the client to the hub, until `closeAll`. */
  constructor(hub: Hub, client: PushTarget) {
    this.#hub = hub;
    this.#client = client;
    this.#active = new ChannelList(hub.limits.checksumMs, hub.checksumShare);
    this.#windows = hub.config.windows.list;
    this.#openings = new OpeningQueue(hub.limits.clientOpeningRowsMax);
    const { maxRows } = hub.config.api.ws;
    this.#openRate = new OpenRate(maxRows, maxRows * hub.limits.reopenedPart, hub.nowMs());
    hub.connected(client);
  }

  /** Rows that the channels hold, including those that wait for their token. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Opens channels. A channel that is already open is replaced. It starts with a snapshot, or with one patch from the position of its request if
   * that is recovered. `canContinue`: whether the door's encoding can make such a patch. Nothing is sent before `activate`. Waits for its turn if
   * the client opens too fast. Throws ProblemError `too_many_subscriptions`, and then nothing has changed; a problem of a single channel is in
   * the outcome.
   */
  async open(
    requests: readonly ChannelRequest[],
    canContinue: (head: ChannelHead, from: Position) => boolean = () => true,
  ): Promise<SubscribeOutcome> {
    const { wanted, failed } = this.#parse(requests);
    const added = failed.length + wanted.filter((one) => this.#before(one) === undefined).length;
    if (this.#byChannel.size + added > this.#channelsMax) throw this.#tooMany(added);
    this.#holdRows(wanted);
    await this.#turnToOpen(wanted.reduce((sum, { spec }) => sum + rowsOfChannel(spec), 0));
    const opening = wanted.map((one) => this.#openings.run(rowsOfChannel(one.spec), () => this.#join(one)));
    const windows = new Set<string>();
    const opened = new Map<string, Subscription>();
    const names = new Map<string, string>();
    for (const result of await Promise.all(opening)) {
      if ("problem" in result) {
        failed.push(result);
        continue;
      }
      const { subscription, from } = result;
      // Decided only now, so that it still holds when the client is told.
      if (from !== undefined && subscription.feed !== undefined && canContinue(subscription.feed.head, from)) {
        subscription.heldCount = subscription.feed.countAt(from) ?? 0;
      }
      // A name that was open may stand for another token now. Then there are more channels than the names suggested.
      if (!this.#byChannel.has(subscription.channel) && this.#byChannel.size >= this.#channelsMax) {
        this.#leave(subscription);
        failed.push({ channel: subscription.requestedAs, problem: this.#tooMany(1) });
        continue;
      }
      this.#replace(subscription);
      opened.set(subscription.channel, subscription);
      names.set(subscription.requestedAs, subscription.channel);
      for (const window of windowsOfChannel(subscription.spec)) windows.add(window);
    }
    const all = [...opened.values()];
    const recovered = all.map((one) => one.feed !== undefined && one.heldCount > 0);
    this.#hub.countResumed(requests.filter(({ from }) => from !== undefined).length, recovered.filter(Boolean).length);
    return {
      channels: [...opened.keys()],
      recovered,
      names,
      pending: all.filter(({ feed }) => feed === undefined).map(({ channel }) => channel),
      windows: this.#shapesOf(windows),
      opened: all.filter((subscription) => subscription.feed !== undefined),
      failed,
    };
  }

  /** Lets the channels send. The caller flushes the client. */
  activate(subscriptions: readonly OpenSubscription[]): void {
    const nowMs = this.#hub.nowMs();
    for (const subscription of subscriptions) this.#active.add(subscription, nowMs);
  }

  /** Offers the door one message for each channel that is behind, until it has no room. The hub flushes the client again for channels that are held. */
  take(nowMs: number, offer: (message: SharedMessage) => Reply): Taken {
    if (this.#isPaused) return { conflated: 0, oldestSinceMs: Infinity, dueMs: Infinity };
    const taken = this.#active.take(nowMs, offer);
    if (taken.dueMs < Number.POSITIVE_INFINITY) this.#hub.pokeAt(this.#client, taken.dueMs);
    return taken;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** While paused, `take` offers nothing. After that it offers one message for each channel that has changed. The caller flushes the client. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
  }

  /** Changes an open channel, which goes on without a snapshot. Returns its canonical name; undefined: no such channel is open. The caller flushes the client. */
  set(name: string, { conflateMs, checksum }: GivenRates): string | undefined {
    const subscription = this.#find(name);
    if (subscription === undefined) return undefined;
    subscription.conflateMs = conflateMs ?? subscription.conflateMs;
    subscription.checksum = checksum ?? subscription.checksum;
    if (subscription.feed !== undefined) this.#active.set(subscription, this.#hub.nowMs());
    return subscription.channel;
  }

  /** Returns the canonical names of the channels that were closed, and the names under which none was open. */
  close(channels: readonly string[]): { readonly closed: string[]; readonly missing: string[] } {
    const closed: string[] = [];
    const missing: string[] = [];
    for (const name of channels) {
      const subscription = this.#find(name);
      if (subscription === undefined) {
        missing.push(name);
        continue;
      }
      this.#remove(subscription, false);
      closed.push(subscription.channel);
    }
    return { closed, missing };
  }

  /** Closes everything and disconnects the client from the hub. It may come back and resume its channels. */
  closeAll(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#byChannel.values()]) this.#remove(subscription, true);
    this.#hub.disconnected(this.#client);
  }

  get #channelsMax(): number {
    return this.#hub.config.api.ws.maxSubscriptions;
  }

  /** A client that opens and closes channels in a loop waits here, and its next requests behind it. */
  async #turnToOpen(rows: number): Promise<void> {
    const waitMs = this.#openRate.take(rows, this.#hub.nowMs());
    if (waitMs > 0) await setTimeout(waitMs, undefined, { ref: false });
  }

  #parse(requests: readonly ChannelRequest[]): { wanted: Wanted[]; failed: Failed[] } {
    const wanted: Wanted[] = [];
    const failed: Failed[] = [];
    for (const request of requests) {
      const { channel, options } = request;
      try {
        wanted.push({
          ...request,
          spec: specOf(channel, options, this.#windows, this.#hub.config.app?.chains, this.#hub.intervals),
        });
      } catch (error) {
        failed.push({ channel, problem: problemOf(error) });
      }
    }
    return { wanted, failed };
  }

  #holdRows(wanted: readonly Wanted[]): void {
    const { maxRows } = this.#hub.config.api.ws;
    let rows = this.#rows;
    for (const one of wanted) {
      const before = this.#before(one);
      rows += rowsOfChannel(one.spec) - (before === undefined ? 0 : rowsOfChannel(before.spec));
    }
    if (rows > maxRows) {
      throw new ProblemError(
        "too_many_subscriptions",
        `With these the channels of the connection would hold ${rows} rows, where a row is a token's figures in one window; a connection ` +
          `may hold ${maxRows} (api.ws.max_rows). Ask for fewer windows, a lower limit, or fewer channels.`,
      );
    }
  }

  #tooMany(added: number): ProblemError {
    return new ProblemError(
      "too_many_subscriptions",
      `${this.#byChannel.size} channels are open and ${added} more were asked for; a connection may have ${this.#channelsMax} ` +
        `(api.ws.max_subscriptions). Unsubscribe from some, or open another connection.`,
    );
  }

  async #join({ channel: requestedAs, spec, options, from }: Joining): Promise<Result> {
    if (this.#isClosed) return { channel: requestedAs, problem: new ProblemError("unavailable", "The client left.") };
    const { conflateMs, checksum } = options;
    const named = { requestedAs, spec, conflateMs, checksum };
    try {
      const result = await this.#hub.join(spec, this.#client, from);
      if (result.kind === "joined") {
        const { feed } = result;
        const { channel } = feed.head;
        // A name that is not the canonical one may have stood for another token.
        const isSame = channel === requestedAs || !("token" in spec);
        return { subscription: { ...named, channel, feed, heldCount: 0 }, from: isSame ? from : undefined };
      }
      const token = "token" in spec ? spec.token : "";
      if (result.kind === "ambiguous") return { channel: requestedAs, problem: ambiguousToken(token, result) };
      const id = awaitedIdOf(spec);
      if (id === undefined) return { channel: requestedAs, problem: unknownToken(token) };
      return { subscription: this.#await(id, { ...named, channel: nameOfAwaited(spec, id) }), from: undefined };
    } catch (error) {
      return { channel: requestedAs, problem: problemOf(error) };
    }
  }

  /** Throws ProblemError `overloaded`. */
  #await(id: string, named: Omit<PendingSubscription, "feed" | "cancel">): Subscription {
    const cancel = this.#hub.pending.add(id, () => void this.#came(subscription));
    if (cancel === undefined) {
      const text =
        "Too many subscriptions wait for tokens that no swap has named yet; subscribe again after a swap has.";
      throw new ProblemError("overloaded", text);
    }
    const subscription: Subscription = { ...named, feed: undefined, cancel };
    return subscription;
  }

  /** Opens a channel that waited, after a swap has named its token. */
  async #came(waiting: Subscription): Promise<void> {
    const isWanted = (): boolean => this.#byChannel.get(waiting.channel) === waiting;
    if (!isWanted()) return;
    const { requestedAs: channel, spec } = waiting;
    const result = await this.#join({ channel, spec, options: waiting });
    if (!isWanted()) {
      if ("subscription" in result) this.#leave(result.subscription);
      return;
    }
    // If its owner is away again, or there is no room now, a later round tries again.
    const next = "subscription" in result ? result.subscription : this.#await(awaitedIdOf(spec) ?? "", waiting);
    // They may have been set while it was opened.
    next.conflateMs = waiting.conflateMs;
    next.checksum = waiting.checksum;
    this.#remove(waiting, false);
    this.#replace(next);
    if (next.feed === undefined) return;
    this.activate([next]);
    this.#hub.poke(this.#client);
  }

  #leave(subscription: Subscription, mayResume = false): void {
    if (subscription.feed === undefined) {
      subscription.cancel();
      return;
    }
    this.#active.remove(subscription);
    this.#hub.leave(subscription.feed, this.#client, mayResume);
  }

  #remove(subscription: Subscription, mayResume: boolean): void {
    this.#byChannel.delete(subscription.channel);
    const { requestedAs, channel } = subscription;
    if (this.#channelOfName.get(requestedAs) === channel) this.#channelOfName.delete(requestedAs);
    this.#rows -= rowsOfChannel(subscription.spec);
    this.#leave(subscription, mayResume);
  }

  #replace(subscription: Subscription): void {
    const { channel, requestedAs, spec } = subscription;
    const before = this.#byChannel.get(channel);
    if (before !== undefined) this.#remove(before, false);
    this.#byChannel.set(channel, subscription);
    this.#channelOfName.set(requestedAs, channel);
    this.#rows += rowsOfChannel(spec);
  }

  /** Returns the open channel that the wanted one replaces, as far as its name tells. */
  #before({ channel, spec }: Wanted): Subscription | undefined {
    return "token" in spec ? this.#find(channel) : this.#byChannel.get(nameOfChannel(spec));
  }

  /** Returns the open channel with this name, which is its own name or the one in the request. */
  #find(name: string): Subscription | undefined {
    const channel = this.#channelOfName.get(name) ?? name;
    return this.#byChannel.get(channel);
  }

  #shapesOf(names: ReadonlySet<string>): Record<string, { readonly length_ms: number; readonly step_ms: number }> {
    const shapes: Record<string, { readonly length_ms: number; readonly step_ms: number }> = {};
    for (const window of this.#hub.config.windows.list) {
      if (names.has(window.name)) shapes[window.name] = { length_ms: window.lengthMs, step_ms: window.stepMs };
    }
    return shapes;
  }
}
