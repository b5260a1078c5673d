/** The connections of a client. One carries all channels; another one is opened for a channel that is open on it with other options. */
import { ClientError } from "../client-error.ts";
import type { ClientStatus } from "../types.ts";
import { Link, type LinkContext } from "./link.ts";
import type { Subscription } from "./subscription.ts";

const LINKS_MAX = 4;
/** What a service allows a connection by default. */
const CHANNELS_MAX = 500;
const STREAM_CHANNELS_MAX = 100;

export class Pool {
  readonly #context: LinkContext;
  readonly #links: Link[] = [];
  readonly #linkOf = new Map<Subscription, Link>();
  #wasLive = false;

  constructor(context: Omit<LinkContext, "onMoved">) {
    this.#context = { ...context, onMoved: (subscription, link) => this.#place(subscription, link) };
  }

  /** `before`: the status until now, which stays while nothing is connected because nothing is wanted. */
  status(before: ClientStatus): ClientStatus {
    if (this.#links.some(({ hasEnded }) => hasEnded)) return "offline";
    const used = this.#links.filter(({ phase }) => phase !== "idle");
    if (used.length === 0) return before;
    if (used.some(({ isFailing }) => isFailing)) return "offline";
    const known = used.filter(({ isFirst }) => !isFirst);
    if (known.length > 0 && known.every(({ isLive }) => isLive)) {
      this.#wasLive = true;
      return "live";
    }
    return this.#wasLive ? "stale" : "connecting";
  }

  add(subscription: Subscription): void {
    this.#place(subscription, undefined);
  }

  remove(subscription: Subscription): void {
    subscription.close();
    this.#linkOf.get(subscription)?.remove(subscription);
    this.#linkOf.delete(subscription);
  }

  pageChanged(type: "hidden" | "shown" | "online"): void {
    for (const link of this.#links) link.pageChanged(type);
  }

  close(): void {
    for (const link of this.#links) link.close();
    this.#linkOf.clear();
  }

  /** `except`: the connection that cannot take it. */
  #place(subscription: Subscription, except: Link | undefined): void {
    let link = this.#links.find((one) => one !== except && hasRoom(one, subscription));
    // Two sessions of the past would have two clocks.
    const linksMax = this.#context.replay !== undefined ? 1 : LINKS_MAX;
    if (link === undefined && this.#links.length < linksMax) {
      link = new Link(this.#context);
      this.#links.push(link);
    }
    if (link === undefined) {
      const text = `The client has ${linksMax === 1 ? "one connection, which has no room" : `${linksMax} connections, and none has room`} for ${subscription.requestName}. Close other stores first.`;
      subscription.refuse(new ClientError("too_many_subscriptions", text), false);
      this.#linkOf.delete(subscription);
      return;
    }
    this.#linkOf.set(subscription, link);
    link.add(subscription);
  }
}

function hasRoom(link: Link, { canonical, name, optionsKey }: Subscription): boolean {
  const { subscriptions, transport } = link;
  if (subscriptions.size >= (transport === "sse" ? STREAM_CHANNELS_MAX : CHANNELS_MAX)) return false;
  // Each query has a channel of its own.
  if (name === "screener") return true;
  for (const other of subscriptions) {
    if (other.optionsKey === optionsKey) continue;
    if (other.name === name || (canonical !== undefined && other.canonical === canonical)) return false;
  }
  return true;
}
