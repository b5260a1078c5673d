/** The channels of one client: opens, replaces and closes them as its requests ask. */
import { webSocketPath } from "@swapstats/protocol/websocket.ts";
import type { Topic } from "../../bus/stats-bus.ts";
import { ambiguousToken, ProblemError, problemOf, unknownToken } from "../problems.ts";
import type { ChannelList } from "./channel-list.ts";
import { type ChannelOptions, topicOf, windowsOfTopic } from "./channels.ts";
import type { Hub } from "./hub.ts";
import type { WebSocketConfig } from "./limits.ts";
import type { PushTarget, Subscription } from "./subscription.ts";

export type WindowShapes = Record<string, { readonly length_ms: number; readonly step_ms: number }>;

/** What became of each channel of a subscribe request. */
export type SubscribeOutcome = {
  readonly opened: readonly Subscription[];
  readonly windows: WindowShapes;
  readonly failed: readonly { readonly channel: string; readonly problem: ProblemError }[];
};

type Joined = { readonly subscription: Subscription; readonly topic: Topic };
type Failed = { readonly channel: string; readonly problem: ProblemError };

export class ClientSubscriptions {
  readonly #hub: Hub;
  readonly #client: PushTarget;
  /** The channels that send. */
  readonly #active: ChannelList;
  readonly #config: WebSocketConfig;
  readonly #windows: readonly string[];
  /** By canonical channel. */
  readonly #byChannel = new Map<string, Subscription>();

  constructor(hub: Hub, client: PushTarget, active: ChannelList, config: WebSocketConfig, windows: readonly string[]) {
    this.#hub = hub;
    this.#client = client;
    this.#active = active;
    this.#config = config;
    this.#windows = windows;
  }

  /**
   * Opens channels; one that is open already is replaced, and begins anew. Nothing is sent before `activate`. Throws ProblemError
   * `too_many_subscriptions`, and then nothing has changed; what is wrong with one channel is in the outcome.
   */
  async open(channels: readonly string[], options: ChannelOptions): Promise<SubscribeOutcome> {
    const added = channels.filter((channel) => this.#find(channel) === undefined).length;
    const { maxSubscriptions } = this.#config.api.ws;
    if (this.#byChannel.size + added > maxSubscriptions) {
      throw new ProblemError(
        "too_many_subscriptions",
        `${this.#byChannel.size} channels are open and ${added} more were asked for; a connection to ${webSocketPath} may have ` +
          `${maxSubscriptions}. Unsubscribe from some, or open another connection.`,
      );
    }
    const results = await Promise.all(channels.map((channel) => this.#join(channel, options)));
    const windows = new Set<string>();
    const failed: Failed[] = [];
    const opened = new Map<string, Subscription>();
    for (const result of results) {
      if ("problem" in result) {
        failed.push(result);
        continue;
      }
      const { channel } = result.subscription.feed;
      this.#replace(channel, result.subscription);
      opened.set(channel, result.subscription);
      for (const window of windowsOfTopic(result.topic)) windows.add(window);
    }
    return { opened: [...opened.values()], windows: this.#shapesOf(windows), failed };
  }

  activate(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) this.#active.add(subscription);
  }

  /** Canonical names of what was closed, and the names under which nothing was open. */
  close(channels: readonly string[]): { readonly closed: string[]; readonly missing: string[] } {
    const closed: string[] = [];
    const missing: string[] = [];
    for (const channel of channels) {
      const canonical = this.#find(channel);
      const subscription = canonical === undefined ? undefined : this.#byChannel.get(canonical);
      if (canonical === undefined || subscription === undefined) {
        missing.push(channel);
        continue;
      }
      this.#byChannel.delete(canonical);
      this.#leave(subscription);
      closed.push(canonical);
    }
    return { closed, missing };
  }

  closeAll(): void {
    for (const subscription of this.#byChannel.values()) this.#leave(subscription);
    this.#byChannel.clear();
  }

  async #join(channel: string, options: ChannelOptions): Promise<Joined | Failed> {
    try {
      const topic = topicOf(channel, options, this.#windows);
      const result = await this.#hub.join(topic, this.#client);
      if (result.kind === "joined") {
        const { conflateMs } = options;
        return { subscription: { feed: result.feed, requestedAs: channel, conflateMs }, topic };
      }
      const token = channel.slice(channel.indexOf(":") + 1);
      const problem = result.kind === "unknown" ? unknownToken(token) : ambiguousToken(token, result);
      return { channel, problem };
    } catch (error) {
      return { channel, problem: problemOf(error) };
    }
  }

  #leave(subscription: Subscription): void {
    this.#active.remove(subscription);
    this.#hub.leave(subscription.feed, this.#client);
  }

  #replace(channel: string, subscription: Subscription): void {
    const before = this.#byChannel.get(channel);
    if (before !== undefined) this.#leave(before);
    this.#byChannel.set(channel, subscription);
  }

  /** The canonical channel that is open under this name: its own, or the one it was asked for by. */
  #find(channel: string): string | undefined {
    if (this.#byChannel.has(channel)) return channel;
    for (const [canonical, subscription] of this.#byChannel) {
      if (subscription.requestedAs === channel) return canonical;
    }
    return undefined;
  }

  #shapesOf(names: ReadonlySet<string>): WindowShapes {
    const shapes: WindowShapes = {};
    for (const window of this.#config.windows.list) {
      if (names.has(window.name)) shapes[window.name] = { length_ms: window.lengthMs, step_ms: window.stepMs };
    }
    return shapes;
  }
}
