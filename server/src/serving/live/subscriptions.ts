/** The channels of one client: opens, replaces and closes them as its requests ask, and waits for tokens that no swap has named. */
import { webSocketPath } from "@swapstats/protocol/websocket.ts";
import type { Topic } from "../../ports/stats-bus.ts";
import { formatTokenId, parseTokenId } from "../../shared/token-id.ts";
import { ambiguousToken, ProblemError, problemOf, unknownToken } from "../problems.ts";
import type { WebSocketConfig, WebSocketLimits } from "../websocket/limits.ts";
import type { ChannelList } from "./channel-list.ts";
import { type ChannelOptions, rowsOfTopic, topicOf, windowsOfTopic } from "./channels.ts";
import type { Hub } from "./hub.ts";
import type { Subscribed } from "./messages.ts";
import { OpeningGate } from "./opening-gate.ts";
import type { OpenSubscription, PendingSubscription, PushTarget, Subscription } from "./subscription.ts";

/** What became of each channel of a subscribe request. */
export type SubscribeOutcome = Subscribed & {
  readonly opened: readonly OpenSubscription[];
  readonly failed: readonly { readonly channel: string; readonly problem: ProblemError }[];
};

type Wanted = { readonly channel: string; readonly topic: Topic };
type Failed = { readonly channel: string; readonly problem: ProblemError };
type Result = { readonly subscription: Subscription } | Failed;

/** Bytes that a token may have in a swap; a longer one is named by none. */
const TOKEN_BYTES_MAX = 128;

export class ClientSubscriptions {
  readonly #hub: Hub;
  readonly #client: PushTarget;
  /** The channels that send. */
  readonly #active: ChannelList;
  readonly #config: WebSocketConfig;
  readonly #windows: readonly string[];
  readonly #gate: OpeningGate;
  /** By canonical channel. */
  readonly #byChannel = new Map<string, Subscription>();
  /** Canonical channels by the names that they were asked for by. */
  readonly #channelOfName = new Map<string, string>();
  #rows = 0;
  #isClosed = false;

  constructor(
    hub: Hub,
    client: PushTarget,
    active: ChannelList,
    config: WebSocketConfig,
    limits: WebSocketLimits,
    windows: readonly string[],
  ) {
    this.#hub = hub;
    this.#client = client;
    this.#active = active;
    this.#config = config;
    this.#windows = windows;
    this.#gate = new OpeningGate(limits.clientOpeningRowsMax);
  }

  /** Rows that the channels hold, those among them that wait. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Opens channels; one that is open already is replaced, and begins anew. Nothing is sent before `activate`. `turn` is asked with the
   * rows of the request once it is within the limits, and resolves when they may be opened. Throws ProblemError
   * `too_many_subscriptions`, and then nothing has changed; what is wrong with one channel is in the outcome.
   */
  async open(
    channels: readonly string[],
    options: ChannelOptions,
    turn: (rows: number) => Promise<void>,
  ): Promise<SubscribeOutcome> {
    const added = channels.filter((name) => this.#find(name) === undefined).length;
    if (this.#byChannel.size + added > this.#config.api.ws.maxSubscriptions) throw this.#tooMany(added);
    const { wanted, failed } = this.#parse(channels, options);
    this.#holdRows(wanted);
    await turn(wanted.reduce((sum, { topic }) => sum + rowsOfTopic(topic), 0));
    const opening = wanted.map((one) => this.#gate.run(rowsOfTopic(one.topic), () => this.#join(one, options)));
    const windows = new Set<string>();
    const opened = new Map<string, Subscription>();
    const names = new Map<string, string>();
    for (const result of await Promise.all(opening)) {
      if ("problem" in result) {
        failed.push(result);
        continue;
      }
      const { subscription } = result;
      // A name that was open may stand for another token now, so that there are more channels than the names let one expect.
      if (!this.#byChannel.has(subscription.channel) && this.#byChannel.size >= this.#config.api.ws.maxSubscriptions) {
        this.#leave(subscription);
        failed.push({ channel: subscription.requestedAs, problem: this.#tooMany(1) });
        continue;
      }
      this.#replace(subscription);
      opened.set(subscription.channel, subscription);
      names.set(subscription.requestedAs, subscription.channel);
      for (const window of windowsOfTopic(subscription.topic)) windows.add(window);
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

  activate(subscriptions: readonly OpenSubscription[]): void {
    for (const subscription of subscriptions) this.#active.add(subscription);
  }

  /** Canonical names of what was closed, and the names under which nothing was open. */
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

  closeAll(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#byChannel.values()]) this.#remove(subscription);
  }

  #parse(channels: readonly string[], options: ChannelOptions): { wanted: Wanted[]; failed: Failed[] } {
    const wanted: Wanted[] = [];
    const failed: Failed[] = [];
    for (const channel of channels) {
      try {
        wanted.push({ channel, topic: topicOf(channel, options, this.#windows, this.#config.app?.chains) });
      } catch (error) {
        failed.push({ channel, problem: problemOf(error) });
      }
    }
    return { wanted, failed };
  }

  #holdRows(wanted: readonly Wanted[]): void {
    const { maxRows } = this.#config.api.ws;
    let rows = this.#rows;
    for (const { channel, topic } of wanted) {
      const before = this.#find(channel);
      rows += rowsOfTopic(topic) - (before === undefined ? 0 : rowsOfTopic(before.topic));
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
      `${this.#byChannel.size} channels are open and ${added} more were asked for; a connection to ${webSocketPath} may have ` +
        `${this.#config.api.ws.maxSubscriptions}. Unsubscribe from some, or open another connection.`,
    );
  }

  async #join({ channel: requestedAs, topic }: Wanted, { conflateMs }: ChannelOptions): Promise<Result> {
    if (this.#isClosed) return { channel: requestedAs, problem: new ProblemError("unavailable", "The client left.") };
    const named = { requestedAs, topic, conflateMs };
    try {
      const result = await this.#hub.join(topic, this.#client);
      if (result.kind === "joined") {
        return { subscription: { ...named, channel: result.feed.channel, feed: result.feed } };
      }
      const token = requestedAs.slice(requestedAs.indexOf(":") + 1);
      if (result.kind === "ambiguous") return { channel: requestedAs, problem: ambiguousToken(token, result) };
      const id = idThatMayCome(topic);
      if (id === undefined) return { channel: requestedAs, problem: unknownToken(token) };
      return { subscription: this.#await(id, { ...named, channel: `token:${id}` }) };
    } catch (error) {
      return { channel: requestedAs, problem: problemOf(error) };
    }
  }

  /** Throws ProblemError `overloaded`. */
  #await(
    id: string,
    { channel, requestedAs, topic, conflateMs }: Omit<PendingSubscription, "feed" | "cancel">,
  ): Subscription {
    const cancel = this.#hub.pending.add(id, () => void this.#came(subscription));
    if (cancel === undefined) {
      const text = "Too many tokens are waited for that no swap has named yet; subscribe again when a swap has.";
      throw new ProblemError("overloaded", text);
    }
    const subscription: Subscription = { channel, requestedAs, topic, conflateMs, feed: undefined, cancel };
    return subscription;
  }

  /** A swap has named the token of a channel that waited. */
  async #came(waiting: Subscription): Promise<void> {
    const isWanted = (): boolean => this.#byChannel.get(waiting.channel) === waiting;
    if (!isWanted()) return;
    const { requestedAs: channel, topic, conflateMs } = waiting;
    const result = await this.#join({ channel, topic }, { conflateMs } as ChannelOptions);
    if (!isWanted()) {
      if ("subscription" in result) this.#leave(result.subscription);
      return;
    }
    // Its owner may be away again, or there is no room for it now: a later round finds out.
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
    this.#rows -= rowsOfTopic(subscription.topic);
    this.#leave(subscription);
  }

  #replace(subscription: Subscription): void {
    const { channel, requestedAs, topic } = subscription;
    const before = this.#byChannel.get(channel);
    if (before !== undefined) this.#remove(before);
    this.#byChannel.set(channel, subscription);
    this.#channelOfName.set(requestedAs, channel);
    this.#rows += rowsOfTopic(topic);
  }

  /** What is open under this name: the channel's own, or the one that it was asked for by. */
  #find(name: string): Subscription | undefined {
    const channel = this.#channelOfName.get(name) ?? name;
    return this.#byChannel.get(channel);
  }

  #shapesOf(names: ReadonlySet<string>): Record<string, { readonly length_ms: number; readonly step_ms: number }> {
    const shapes: Record<string, { readonly length_ms: number; readonly step_ms: number }> = {};
    for (const window of this.#config.windows.list) {
      if (names.has(window.name)) shapes[window.name] = { length_ms: window.lengthMs, step_ms: window.stepMs };
    }
    return shapes;
  }
}

const idOf = (tokenChannel: string): string => tokenChannel.slice("token:".length);

/** The canonical id of a topic whose token some swap may name one day; undefined: it is no id, or none that a swap can have. */
function idThatMayCome(topic: Topic): string | undefined {
  if (topic.kind !== "token") return undefined;
  const id = parseTokenId(topic.token);
  if (id === undefined || Buffer.byteLength(id.token) > TOKEN_BYTES_MAX) return undefined;
  return formatTokenId(id.chainId, id.token);
}
