/**
 * The channels of one client of any door: opens, replaces and closes them as its requests ask, waits for tokens that no swap has named yet,
 * and hands out the messages that are to be sent.
 */
import { setTimeout } from "node:timers/promises";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { ambiguousToken, ProblemError, problemOf, unknownToken } from "../problems.ts";
import type { PushTarget } from "./channel-feed.ts";
import { ChannelList, type Reply, type Taken } from "./channel-list.ts";
import type { ChannelOptions } from "./channel-options.ts";
import { awaitedIdOf, rowsOfChannel, specOf, windowsOfChannel } from "./channels.ts";
import type { Hub } from "./hub.ts";
import type { Subscribed } from "./messages.ts";
import { OpeningQueue } from "./opening-queue.ts";
import { OpenRate } from "./row-budget.ts";
import type { SharedMessage } from "./shared-message.ts";
import type { OpenSubscription, PendingSubscription, Subscription } from "./subscription.ts";

/** The result of a subscribe request, for each of its channels. */
type SubscribeOutcome = Subscribed & {
  readonly opened: readonly OpenSubscription[];
  readonly failed: readonly Failed[];
};

type Wanted = { readonly channel: string; readonly spec: ChannelSpec };
type Failed = { readonly channel: string; readonly problem: ProblemError };
type Result = { readonly subscription: Subscription } | Failed;

export class ClientChannels {
  readonly #hub: Hub;
  readonly #client: PushTarget;
  /** The channels that send. */
  readonly #active = new ChannelList();
  /** Names of the configured windows. */
  readonly #windows: readonly string[];
  readonly #openings: OpeningQueue;
  readonly #openRate: OpenRate;
  /** By canonical channel. */
  readonly #byChannel = new Map<string, Subscription>();
  /** Canonical channels by the names that they were requested by. */
  readonly #channelOfName = new Map<string, string>();
  #rows = 0;
  #isClosed = false;

  /** Connects the client to the hub, until `closeAll`. */
  constructor(hub: Hub, client: PushTarget) {
    this.#hub = hub;
    this.#client = client;
    this.#windows = hub.config.windows.list.map((window) => window.name);
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
   * Opens channels. A channel that is already open is replaced and starts with a snapshot. Nothing is sent before `activate`. Waits for its turn if
   * the client opens too fast. Throws ProblemError `too_many_subscriptions`, and then nothing has changed; a problem of a single channel is in
   * the outcome.
   */
  async open(channels: readonly string[], options: ChannelOptions): Promise<SubscribeOutcome> {
    const added = channels.filter((name) => this.#find(name) === undefined).length;
    if (this.#byChannel.size + added > this.#channelsMax) throw this.#tooMany(added);
    const { wanted, failed } = this.#parse(channels, options);
    this.#holdRows(wanted);
    await this.#turnToOpen(wanted.reduce((sum, { spec }) => sum + rowsOfChannel(spec), 0));
    const opening = wanted.map((one) => this.#openings.run(rowsOfChannel(one.spec), () => this.#join(one, options)));
    const windows = new Set<string>();
    const opened = new Map<string, Subscription>();
    const names = new Map<string, string>();
    for (const result of await Promise.all(opening)) {
      if ("problem" in result) {
        failed.push(result);
        continue;
      }
      const { subscription } = result;
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
    return {
      channels: [...opened.keys()],
      names,
      pending: all.filter(({ feed }) => feed === undefined).map(({ channel }) => channel),
      windows: this.#shapesOf(windows),
      opened: all.filter((subscription) => subscription.feed !== undefined),
      failed,
    };
  }

  /** Lets the channels send. The caller flushes the client. */
  activate(subscriptions: readonly OpenSubscription[]): void {
    for (const subscription of subscriptions) this.#active.add(subscription);
  }

  /** Offers the door one message for each channel that is behind, until it has no room. The hub flushes the client again for channels that are held. */
  take(nowMs: number, offer: (message: SharedMessage) => Reply): Taken {
    const taken = this.#active.take(nowMs, offer);
    if (taken.dueMs < Number.POSITIVE_INFINITY) this.#hub.pokeAt(this.#client, taken.dueMs);
    return taken;
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
      this.#remove(subscription);
      closed.push(subscription.channel);
    }
    return { closed, missing };
  }

  /** Closes everything and disconnects the client from the hub. */
  closeAll(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#byChannel.values()]) this.#remove(subscription);
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

  #parse(channels: readonly string[], options: ChannelOptions): { wanted: Wanted[]; failed: Failed[] } {
    const wanted: Wanted[] = [];
    const failed: Failed[] = [];
    for (const channel of channels) {
      try {
        wanted.push({ channel, spec: specOf(channel, options, this.#windows, this.#hub.config.app?.chains) });
      } catch (error) {
        failed.push({ channel, problem: problemOf(error) });
      }
    }
    return { wanted, failed };
  }

  #holdRows(wanted: readonly Wanted[]): void {
    const { maxRows } = this.#hub.config.api.ws;
    let rows = this.#rows;
    for (const { channel, spec } of wanted) {
      const before = this.#find(channel);
      rows += rowsOfChannel(spec) - (before === undefined ? 0 : rowsOfChannel(before.spec));
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

  async #join({ channel: requestedAs, spec }: Wanted, { conflateMs }: ChannelOptions): Promise<Result> {
    if (this.#isClosed) return { channel: requestedAs, problem: new ProblemError("unavailable", "The client left.") };
    const named = { requestedAs, spec, conflateMs };
    try {
      const result = await this.#hub.join(spec, this.#client);
      if (result.kind === "joined") {
        return { subscription: { ...named, channel: result.feed.channel, feed: result.feed } };
      }
      const token = requestedAs.slice(requestedAs.indexOf(":") + 1);
      if (result.kind === "ambiguous") return { channel: requestedAs, problem: ambiguousToken(token, result) };
      const id = awaitedIdOf(spec);
      if (id === undefined) return { channel: requestedAs, problem: unknownToken(token) };
      return { subscription: this.#await(id, { ...named, channel: `token:${id}` }) };
    } catch (error) {
      return { channel: requestedAs, problem: problemOf(error) };
    }
  }

  /** Throws ProblemError `overloaded`. */
  #await(
    id: string,
    { channel, requestedAs, spec, conflateMs }: Omit<PendingSubscription, "feed" | "cancel">,
  ): Subscription {
    const cancel = this.#hub.pending.add(id, () => void this.#came(subscription));
    if (cancel === undefined) {
      const text =
        "Too many subscriptions wait for tokens that no swap has named yet; subscribe again after a swap has.";
      throw new ProblemError("overloaded", text);
    }
    const subscription: Subscription = { channel, requestedAs, spec, conflateMs, feed: undefined, cancel };
    return subscription;
  }

  /** Opens a channel that waited, after a swap has named its token. */
  async #came(waiting: Subscription): Promise<void> {
    const isWanted = (): boolean => this.#byChannel.get(waiting.channel) === waiting;
    if (!isWanted()) return;
    const { requestedAs: channel, spec, conflateMs } = waiting;
    const result = await this.#join({ channel, spec }, { conflateMs } as ChannelOptions);
    if (!isWanted()) {
      if ("subscription" in result) this.#leave(result.subscription);
      return;
    }
    // If its owner is away again, or there is no room now, a later round tries again.
    const next = "subscription" in result ? result.subscription : this.#await(idOf(waiting.channel), waiting);
    this.#remove(waiting);
    this.#replace(next);
    if (next.feed === undefined) return;
    this.activate([next]);
    this.#hub.poke(this.#client);
  }

  #leave(subscription: Subscription): void {
    if (subscription.feed === undefined) {
      subscription.cancel();
      return;
    }
    this.#active.remove(subscription);
    this.#hub.leave(subscription.feed, this.#client);
  }

  #remove(subscription: Subscription): void {
    this.#byChannel.delete(subscription.channel);
    const { requestedAs, channel } = subscription;
    if (this.#channelOfName.get(requestedAs) === channel) this.#channelOfName.delete(requestedAs);
    this.#rows -= rowsOfChannel(subscription.spec);
    this.#leave(subscription);
  }

  #replace(subscription: Subscription): void {
    const { channel, requestedAs, spec } = subscription;
    const before = this.#byChannel.get(channel);
    if (before !== undefined) this.#remove(before);
    this.#byChannel.set(channel, subscription);
    this.#channelOfName.set(requestedAs, channel);
    this.#rows += rowsOfChannel(spec);
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

const idOf = (tokenChannel: string): string => tokenChannel.slice("token:".length);
