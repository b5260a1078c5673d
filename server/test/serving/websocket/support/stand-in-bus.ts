/**
 * A stand-in for the statistics bus, driven by the test: it has the tokens and figures that the test sets, and updates
 * subscribers at once. It is deterministic, which the real bus with its threads and clocks is not.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { ChannelOpened, ChannelSpec, ChannelUpdate, StatsBus } from "../../../../src/ports/stats-bus.ts";
import { nameOfChannel } from "../../../../src/serving/live/channels.ts";

type Subscriber = { readonly channel: string; readonly onUpdate: (update: ChannelUpdate) => void };
type Held = { rev: number; data: JsonObject };

const unused = (): never => {
  throw new Error("the stand-in bus answers no queries");
};

export class StandInBus implements StatsBus {
  epoch = "7";
  asOf = 1_700_000_000_000;
  /** Calls of subscribe so far, and subscriptions open now. */
  opened = 0;
  /** In order of opening. */
  readonly topics: ChannelSpec[] = [];
  /** Ids of each request about tokens that no swap had named. */
  readonly asked: (readonly string[])[] = [];
  readonly subscribers = new Set<Subscriber>();
  /** Set by a test to make subscribe wait or fail. */
  beforeOpen: () => Promise<void> = async () => {};
  #onAllClosed = (): void => {};
  readonly #channels = new Map<string, Held>();
  readonly #symbols = new Map<string, string[]>();

  readonly cachedTokenStats = unused;
  readonly tokenStats = unused;
  readonly overview = unused;
  readonly market = unused;
  readonly search = unused;
  readonly screener = unused;
  readonly tokenBody = unused;
  readonly deadLetters = unused;
  readonly ownedHistory = unused;
  readonly status = unused;

  symbol(symbol: string, ids: string[]): void {
    this.#symbols.set(symbol.toLowerCase(), ids);
  }

  dataOf(channel: string): JsonObject {
    return this.#held(channel).data;
  }

  revOf(channel: string): number {
    return this.#held(channel).rev;
  }

  /** Sets a channel's data; subscribers get a patch. */
  set(channel: string, data: JsonObject): void {
    const before = this.#channels.get(channel);
    this.asOf += 100;
    const held = { rev: (before?.rev ?? 40) + 1, data };
    this.#channels.set(channel, held);
    if (before === undefined) return;
    const patch = JSON.stringify(diffMergePatch(before.data, data));
    this.#tell(channel, { ...this.#update(held), prevRev: before.rev, patch });
  }

  /** As when the owner goes away, or comes back: the same data. */
  turn(channel: string, stale: boolean): void {
    this.#tell(channel, { ...this.#update(this.#held(channel)), stale });
  }

  /** As after a new owner: another epoch, and whole data. */
  takeOver(epoch: string): void {
    this.epoch = epoch;
    for (const [channel, held] of this.#channels) this.#tell(channel, this.#update(held));
  }

  /** Resolves when the last subscription has been closed. */
  allClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAllClosed = resolve;
      if (this.subscribers.size === 0) resolve();
    });
  }

  async areKnown(ids: readonly string[]): Promise<boolean[]> {
    this.asked.push(ids);
    return ids.map((id) => this.#channels.has(`token:${id}`));
  }

  async subscribe(topic: ChannelSpec, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened> {
    this.opened += 1;
    this.topics.push(topic);
    await this.beforeOpen();
    const channels = this.#channelsOf(topic);
    if (channels.length > 1)
      return {
        kind: "ambiguous",
        ...{ more: 0, isRanked: true },
        candidates: channels.map((name) => ({ id: name.slice("token:".length), chain_id: 1 })),
      };
    const channel = channels[0];
    const held = channel === undefined ? undefined : this.#channels.get(channel);
    if (channel === undefined || held === undefined) return { kind: "unknown" };
    const subscriber = { channel, onUpdate };
    this.subscribers.add(subscriber);
    onUpdate(this.#update(held));
    const spec = topic.kind === "token" ? { ...topic, token: channel.slice("token:".length) } : topic;
    const close = (): void => {
      this.subscribers.delete(subscriber);
      if (this.subscribers.size === 0) this.#onAllClosed();
    };
    return { kind: "opened", spec, close };
  }

  #channelsOf(topic: ChannelSpec): string[] {
    if (topic.kind === "overview") return [`overview:${topic.window}:${topic.sort}`];
    if (topic.kind === "screener") return [nameOfChannel(topic)];
    if (topic.kind !== "token") return [topic.kind];
    const ids = this.#symbols.get(topic.token.toLowerCase());
    return ids === undefined ? [`token:${topic.token}`] : ids.map((id) => `token:${id}`);
  }

  #held(channel: string): Held {
    const held = this.#channels.get(channel);
    if (held === undefined) throw new Error(`the test set no ${channel}`);
    return held;
  }

  #update(held: Held): ChannelUpdate {
    return {
      epoch: this.epoch,
      rev: held.rev,
      prevRev: undefined,
      asOf: this.asOf,
      watermark: this.asOf - 120_000,
      lagMs: 0,
      stale: false,
      data: JSON.stringify(held.data),
      patch: undefined,
    };
  }

  #tell(channel: string, update: ChannelUpdate): void {
    for (const subscriber of this.subscribers) if (subscriber.channel === channel) subscriber.onUpdate(update);
  }
}
