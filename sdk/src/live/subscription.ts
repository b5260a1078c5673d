/** One channel with its options, which any number of stores share: its data, and where it stands with the service. */
import type { ClientError } from "../client-error.ts";
import type { ChecksumMessage } from "../wire/server-messages.ts";
import { type ChannelState, type DataMessage, EMPTY_CHANNEL, isAbout, isAhead, receive } from "./channel-state.ts";
import { checksumSteps } from "./checksum.ts";
import { inSlices } from "./slices.ts";

/** Options of a channel, as the wire names them. */
export type ChannelOptions = { readonly [name: string]: unknown };

/**
 * `wanted`: has to be asked for. `asked`: the response is awaited. `open`: messages of the channel are those of this subscription. `failed`: the service
 * refused it.
 */
type Standing = "wanted" | "asked" | "open" | "failed";

const ITEMS_DEFAULT = 20;

export class Subscription {
  /** The name by which the user asked. */
  readonly name: string;
  readonly options: ChannelOptions;
  /** Equal for equal options. */
  readonly optionsKey: string;
  /** The name that the service gave it. Later requests use it, because a symbol may come to stand for another token. */
  canonical: string | undefined;
  standing: Standing = "wanted";
  /** Id of the last request. */
  askedId: string | undefined;
  askedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether it is asked for in a request of its own, because one with others was refused. */
  isAlone = false;
  /** Whether a message came since the connection was lost, or since a message did not fit. */
  isFresh = false;
  isPending = false;
  error: ClientError | undefined;
  /** Whether `error` stays as long as nothing changes at the service. */
  isFinal = false;
  /** When a failed one is asked for again; infinite: after the next connection. */
  retryAtMs = 0;
  refusals = 0;
  receivedAtMs = 0;
  /** Called after each change of what a store shows. */
  readonly listeners = new Set<() => void>();
  #state: ChannelState = EMPTY_CHANNEL;
  /** Drops the verification in progress. */
  #dropCheck: () => void = () => {};

  constructor(name: string, options: ChannelOptions) {
    this.name = name;
    this.options = options;
    this.optionsKey = JSON.stringify(options);
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** The name for the next request. */
  get requestName(): string {
    return this.canonical ?? this.name;
  }

  /** Whether what it shows may be out of date, as far as the channel itself tells. */
  get isStale(): boolean {
    const { shown } = this.#state;
    return !this.isFresh || shown?.isStale === true || isAhead(this.#state);
  }

  /** Takes a message of the channel. One that does not fit makes it wanted again. */
  take(message: DataMessage | ChecksumMessage, nowMs: number): void {
    if (message.type === "heartbeat") {
      this.#verify(message);
      return;
    }
    // A snapshot replaces the data. A patch does not: it builds on what is being verified.
    if (message.type === "snapshot") this.#dropCheck();
    const { limit } = this.options;
    const next = receive(this.#state, message, typeof limit === "number" ? limit : ITEMS_DEFAULT);
    if (next === undefined) {
      this.forget();
      return;
    }
    this.#state = next;
    this.isFresh = true;
    this.isPending = false;
    this.isAlone = false;
    this.#forgetError();
    this.receivedAtMs = nowMs;
    this.changed();
  }

  /** A request for it was sent. */
  asked(id: string | undefined, nowMs: number): void {
    this.standing = "asked";
    this.askedId = id;
    this.askedAtMs = nowMs;
  }

  /** The service has opened it: its messages follow. */
  opened(isPending: boolean): void {
    this.standing = "open";
    this.isPending = isPending;
    this.#forgetError();
    this.changed();
  }

  /** Asks for a snapshot the next time. What is shown stays. */
  forget(): void {
    this.#dropCheck();
    this.#state = { ...this.#state, base: undefined };
    this.wantAgain();
  }

  /** The connection is gone, or the answer to the request did not come. */
  wantAgain(): void {
    this.standing = "wanted";
    this.isFresh = false;
    this.changed();
  }

  /** The service refused it. `retryAtMs`: when it is asked for again; undefined: with the next connection. */
  refuse(error: ClientError, isFinal: boolean, retryAtMs = Number.POSITIVE_INFINITY): void {
    this.standing = "failed";
    this.isFresh = false;
    this.error = error;
    this.isFinal = isFinal;
    this.retryAtMs = retryAtMs;
    this.changed();
  }

  /** Nobody wants it any more. */
  close(): void {
    this.#dropCheck();
  }

  /** Thousands of rows take longer than a frame, so they are verified in slices. The data is immutable: it is that of the message however long this takes. */
  #verify(message: ChecksumMessage): void {
    const { base } = this.#state;
    if (base === undefined) return;
    this.#dropCheck();
    if (!isAbout(this.#state, message)) {
      this.forget();
      return;
    }
    this.#dropCheck = inSlices(checksumSteps(base.data), (sum) => {
      if (sum !== message.crc32) this.forget();
    });
  }

  #forgetError(): void {
    this.error = undefined;
    this.isFinal = false;
    this.refusals = 0;
  }

  changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
