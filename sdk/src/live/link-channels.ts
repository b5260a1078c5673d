/**
 * The channels of one connection, as a function of messages and time: what has to be sent, and which messages belong to which subscription. It has
 * no timer and sends nothing. A channel can be open once on a connection, with one set of options.
 */
import { ClientError } from "../client-error.ts";
import type { ChecksumMessage, ErrorMessage, SubscribedMessage } from "../wire/server-messages.ts";
import type { DataMessage } from "./channel-state.ts";
import { openingRequests, streamRequest } from "./requests.ts";
import type { Subscription } from "./subscription.ts";

/** Codes of problems that stay until the request, the credentials or the service changes. */
const FINAL_CODES = new Set([
  ...["ambiguous_token", "bad_message", "forbidden", "invalid_parameters"],
  ...["replay_ended", "unauthorized", "unknown_channel", "unknown_token"],
]);
/** Of these, another request may help later: a swap names the token, or the issuer gives other credentials. */
const RETRIED_CODES = new Set(["ambiguous_token", "forbidden", "unauthorized", "unknown_token"]);
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** Of problems that pass, such as an owner that is away while a partition is handed over. */
const RETRY_SOON_MAX_MS = 5_000;
const EXPONENT_MAX = 5;
/** Time for the response to a request, and for the first message of a channel. */
const ANSWER_TIME_MS = 10_000;
/** A channel is asked for at most once in this time. */
const ASK_AGAIN_MS = 1_000;
/** Requests at once, and about in a second; the service takes 20 messages a second. */
const REQUESTS_MAX = 15;

/** Whether a problem is one of channels, and not of the connection or its credentials. */
export const isAboutChannels = (code: string): boolean =>
  FINAL_CODES.has(code) && code !== "unauthorized" && code !== "forbidden";

export class LinkChannels {
  readonly subscriptions = new Set<Subscription>();
  /** By canonical name. All of one name have equal options. */
  readonly #byChannel = new Map<string, Set<Subscription>>();
  /** Canonical names of channels that are open and that nobody may want any more. */
  readonly #leaving = new Set<string>();
  #nextId = 1;

  /** Whether the service has to be told something, as far as is known without looking at the time. */
  get hasNews(): boolean {
    return this.#leaving.size > 0 || this.#hasSome("wanted");
  }

  remove(subscription: Subscription): void {
    this.subscriptions.delete(subscription);
    const { canonical } = subscription;
    const others = canonical === undefined ? undefined : this.#byChannel.get(canonical);
    if (canonical === undefined || others === undefined || !others.delete(subscription) || others.size > 0) return;
    this.#byChannel.delete(canonical);
    this.#leaving.add(canonical);
  }

  /** A connection has opened: everything is asked for at once. */
  connected(): void {
    for (const subscription of this.subscriptions) subscription.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The connection is gone. `error`: why, if the service said it. `mayPass`: whether the next try can go better whatever the error says. */
  disconnected(error?: ClientError | undefined, mayPass = false): void {
    this.#byChannel.clear();
    this.#leaving.clear();
    for (const subscription of this.subscriptions) {
      if (error !== undefined) {
        subscription.error = error;
        subscription.isFinal = !mayPass && FINAL_CODES.has(error.code);
      }
      subscription.wantAgain();
    }
  }

  /** Whether another stream of events has to be opened. Not before the present one has answered: it gives names to channels. */
  needsStream(nowMs: number): boolean {
    return !this.#hasSome("asked") && (this.#leaving.size > 0 || this.#wanted(nowMs).length > 0);
  }

  /** Returns the requests that are due, and notes that they are sent. */
  requests(nowMs: number): readonly { readonly [member: string]: unknown }[] {
    const messages: { readonly [member: string]: unknown }[] = [];
    const unused = this.#unused();
    if (unused.length > 0) messages.push({ unsubscribe: unused });
    for (const { action, subscriptions, channels } of openingRequests(this.#wanted(nowMs)).slice(0, REQUESTS_MAX)) {
      const id = `s${this.#nextId++}`;
      for (const subscription of subscriptions) subscription.asked(id, nowMs);
      messages.push({ id, [action]: channels });
    }
    return messages;
  }

  /** Returns the channels for a stream of events, and notes that it is opened. `left`: subscriptions for which it has no room; they are removed. */
  stream(nowMs: number): { readonly channels: readonly object[]; readonly left: readonly Subscription[] } {
    this.#byChannel.clear();
    this.#leaving.clear();
    const { channels, subscriptions, left } = streamRequest(this.subscriptions);
    for (const subscription of left) this.subscriptions.delete(subscription);
    for (const subscription of subscriptions) subscription.asked(undefined, nowMs);
    return { channels, left };
  }

  /**
   * Takes the response to a request: its messages follow. Returns subscriptions whose channel is open on this connection with other options; they are
   * removed.
   */
  opened({ id, names, pending = [] }: SubscribedMessage): readonly Subscription[] {
    const moved: Subscription[] = [];
    const awaiting = this.#awaiting(id);
    for (const canonical of new Set(Object.values(names))) {
      const requested = Object.keys(names).filter((name) => names[name] === canonical);
      const claimed = awaiting.filter(({ requestName }) => requested.includes(requestName));
      const all = [...(this.#byChannel.get(canonical) ?? []), ...claimed];
      const [first] = all;
      if (first === undefined) {
        this.#leaving.add(canonical);
        continue;
      }
      const stay = all.filter(({ optionsKey }) => optionsKey === first.optionsKey);
      const isAlone = requested.every((name) => claimed.some(({ requestName }) => requestName === name));
      for (const subscription of claimed) {
        subscription.canonical = canonical;
        subscription.opened(pending.includes(canonical));
      }
      this.#byChannel.set(canonical, new Set(stay));
      if (isAlone && stay.length === all.length) continue;
      // The service has the channel open with the options of the last request, which may be those of another or of a closed subscription.
      for (const subscription of all) subscription.forget();
      for (const subscription of all) if (!stay.includes(subscription)) moved.push(subscription);
    }
    for (const subscription of moved) this.subscriptions.delete(subscription);
    return moved;
  }

  /** Hands a message to the subscriptions of its channel. */
  deliver(message: DataMessage | ChecksumMessage, nowMs: number): void {
    for (const subscription of this.#byChannel.get(message.channel) ?? []) {
      if (subscription.standing === "open") subscription.take(message, nowMs);
    }
  }

  /** Takes an error about one channel of a request, or about all. */
  failed({ id, code, message, channel, channels, candidates }: ErrorMessage, nowMs: number): void {
    for (const subscription of this.#awaiting(id)) {
      if (channel !== undefined && channel !== subscription.requestName) continue;
      if (channels !== undefined && (FINAL_CODES.has(code) || code === "too_many_subscriptions")) {
        // One of them is wrong, or all are too much. Each is asked for by itself, so that the others are opened.
        subscription.isAlone = true;
        subscription.wantAgain();
        continue;
      }
      const isFinal = FINAL_CODES.has(code);
      const isRetried = !isFinal || RETRIED_CODES.has(code);
      const maxMs = isFinal ? RETRY_MAX_MS : RETRY_SOON_MAX_MS;
      const delayMs = Math.min(maxMs, RETRY_MIN_MS * 2 ** Math.min(subscription.refusals++, EXPONENT_MAX));
      subscription.refuse(
        new ClientError(code, message, { candidates }),
        isFinal,
        isRetried ? nowMs + delayMs : undefined,
      );
    }
  }

  /** Called once a second: channels whose answer did not come, and refused ones whose time has come, are asked for again. */
  sweep(nowMs: number, isPaused: boolean): void {
    for (const subscription of this.subscriptions) {
      const { standing, isFresh, isPending, askedAtMs, retryAtMs } = subscription;
      const isAwaited = standing === "asked" || (standing === "open" && !isFresh && !isPending && !isPaused);
      if (isAwaited && nowMs - askedAtMs > ANSWER_TIME_MS) subscription.wantAgain();
      if (standing === "failed" && nowMs >= retryAtMs) subscription.wantAgain();
    }
  }

  /** Called for every message, so it makes no list. */
  #hasSome(standing: Subscription["standing"]): boolean {
    for (const subscription of this.subscriptions) if (subscription.standing === standing) return true;
    return false;
  }

  #wanted(nowMs: number): readonly Subscription[] {
    return [...this.subscriptions].filter(
      ({ standing, askedAtMs }) => standing === "wanted" && nowMs - askedAtMs >= ASK_AGAIN_MS,
    );
  }

  #awaiting(id: string | number | undefined): readonly Subscription[] {
    return [...this.subscriptions].filter(({ standing, askedId }) => standing === "asked" && askedId === id);
  }

  /** Waits until no response is awaited: until then it is not known which channels are still used. */
  #unused(): readonly string[] {
    if (this.#hasSome("asked")) return [];
    const unused = [...this.#leaving].filter((canonical) => !this.#byChannel.has(canonical));
    this.#leaving.clear();
    return unused;
  }
}
