/**
 * The link to other instances. Items for one instance in one turn of the event loop go out in as few messages as their size allows. Requests wait for
 * their responses for a limited time, and everything that waits is bounded.
 */

import type { CoveredResponse } from "../bus/bus-workers.ts";
import type { RequestKind, RequestOf, WorkerRequest, WorkerResponses } from "../bus/requests.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { fromWire } from "../shared/wire-error.ts";
import { cutFrames, FrameReader, MESSAGE_BYTES_MAX } from "./frames.ts";
import { decodeMessage, type Encoded, encodeItem, encodeItems } from "./payload.ts";
import {
  ANNOUNCEMENT_FORMAT,
  type Announcement,
  type ClusterMessage,
  type Format,
  type ItemType,
  type ItemTypes,
  type ResponseItem,
} from "./protocol.ts";
import type { ClusterTransport, LinkState } from "./transport.ts";

/** Largest number of requests to others that wait for a response. Further ones fail at once. */
const PENDING_MAX = 20_000;
/** Largest number of characters that wait to be sent to one instance within a turn. Further items are dropped, and dropped requests fail. */
const OUTBOX_CHARS_MAX = MESSAGE_BYTES_MAX;
/** Part of the largest message that items may fill, because characters may need several bytes. */
const FILL_FACTOR = 0.4;
const SWEEP_MS = 50;

type Pending = {
  readonly address: string;
  readonly resolve: (answered: CoveredResponse<RequestKind>) => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
};
type Waiting = { readonly type: ItemType; readonly format: Format; readonly encoded: Encoded };
type Outbox = { readonly items: Waiting[]; chars: number };

type LinkOptions = {
  readonly transport: ClusterTransport;
  readonly address: string;
  /** The newest format that this instance reads. */
  readonly newestFormat: Format;
  /** Format of messages to an instance. */
  readonly formatFor: (address: string) => Format;
  readonly askTimeoutMs: number;
  readonly nowMs: () => number;
  /** Highest event time with an event clock, else 0. Every message carries it. */
  readonly high: () => number;
  readonly onMessage: (from: string, message: ClusterMessage) => void;
  readonly onForeign: (from: string, format: number) => void;
  readonly onState: (state: LinkState) => void;
};

export class ClusterLink {
  readonly #options: LinkOptions;
  readonly #frames: FrameReader;
  readonly #pending = new Map<number, Pending>();
  readonly #outboxes = new Map<string, Outbox>();
  readonly #sweep: NodeJS.Timeout;
  // Numbers of an earlier incarnation never collide with these, because addresses differ.
  #nextId = 1;
  #nextNumber = 1;
  #isScheduled = false;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#frames = new FrameReader(options.newestFormat);
    this.#sweep = setInterval(() => this.#failOverdue(), SWEEP_MS);
    this.#sweep.unref();
  }

  get isLinked(): boolean {
    return this.#options.transport.state === "connected" && !this.#isClosed;
  }

  start(): void {
    const { transport, address, onState } = this.#options;
    transport.start(address, {
      onMessage: (bytes) => this.#receive(bytes),
      onState: (state) => {
        if (state !== "connected") this.#failAll(() => true, "the way to the other instances is interrupted");
        onState(state);
      },
    });
  }

  announce(announcement: Announcement): void {
    const { transport } = this.#options;
    const content = Buffer.from(JSON.stringify(announcement));
    for (const frame of this.#cut(content, ANNOUNCEMENT_FORMAT)) transport.announce(frame);
  }

  ask<K extends RequestKind>(address: string, host: number, request: RequestOf<K>): Promise<CoveredResponse<K>> {
    if (!this.isLinked) return Promise.reject(away("the way to the other instances is interrupted"));
    if (this.#pending.size >= PENDING_MAX) {
      return Promise.reject(away(`${PENDING_MAX} requests to other instances wait already`));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const deadlineMs = this.#options.nowMs() + this.#options.askTimeoutMs;
      this.#pending.set(id, { address, resolve: resolve as Pending["resolve"], reject, deadlineMs });
      if (!this.post(address, "questions", { id, host, request: request as WorkerRequest })) {
        this.#pending.delete(id);
        reject(away("too much waits to be sent to another instance"));
      }
    });
  }

  /** Queues an item for the end of this turn. Returns false when too much waits; the item is then dropped. */
  post<T extends ItemType>(address: string, type: T, item: ItemTypes[T]): boolean {
    if (!this.isLinked) return false;
    let outbox = this.#outboxes.get(address);
    if (outbox === undefined) {
      outbox = { items: [], chars: 0 };
      this.#outboxes.set(address, outbox);
    }
    const format = this.#options.formatFor(address);
    const encoded = encodeItem(item, format);
    if (outbox.chars + encoded.chars > OUTBOX_CHARS_MAX) return false;
    outbox.items.push({ type, format, encoded });
    outbox.chars += encoded.chars;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#flush());
    }
    return true;
  }

  /** Fails the pending requests to an instance that is away. */
  failPeer(address: string): void {
    this.#failAll((pending) => pending.address === address, "the owner of the tokens has gone away");
    this.#outboxes.delete(address);
  }

  close(): void {
    this.#flush();
    this.#isClosed = true;
    clearInterval(this.#sweep);
    this.#failAll(() => true, "the service is stopping");
    this.#outboxes.clear();
  }

  #flush(): void {
    this.#isScheduled = false;
    const outboxes = this.isLinked ? [...this.#outboxes] : [];
    this.#outboxes.clear();
    for (const [address, { items }] of outboxes) {
      let from = 0;
      while (from < items.length) from = this.#sendSome(address, items, from);
    }
  }

  /** Sends the items from `from` on that are of one type and fit into one message. Returns where the rest begins. */
  #sendSome(address: string, items: Outbox["items"], from: number): number {
    const { transport, high } = this.#options;
    const { type, format, encoded } = items[from] as Waiting;
    const roomChars = transport.messageBytesMax * FILL_FACTOR;
    let end = from + 1;
    let { chars } = encoded;
    for (let next = items[end]; next?.type === type && next.format === format; next = items[end]) {
      chars += next.encoded.chars;
      if (chars > roomChars) break;
      end += 1;
    }
    const list = items.slice(from, end).map((item) => item.encoded);
    for (const frame of this.#cut(encodeItems(type, high(), list, format), format)) transport.send(address, frame);
    return end;
  }

  #cut(content: Buffer, format: Format): Buffer[] {
    const { transport, address } = this.#options;
    return cutFrames(format, address, this.#nextNumber++, content, transport.messageBytesMax);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const received = this.#frames.take(bytes);
    if (received === undefined || received.from === this.#options.address) return;
    if (received.kind === "foreign") {
      this.#options.onForeign(received.from, received.format);
      return;
    }
    const message = decodeMessage(received.content, received.format);
    if (message === undefined) return;
    if (message.type === "answers") for (const item of message.items) this.#takeResponse(item);
    this.#options.onMessage(received.from, message);
  }

  #takeResponse(item: ResponseItem): void {
    const pending = this.#pending.get(item.id);
    if (pending === undefined) return;
    this.#pending.delete(item.id);
    if ("error" in item) pending.reject(fromWire(item.error));
    else {
      const { covers } = item;
      pending.resolve({ response: item.answer as WorkerResponses[RequestKind], covers });
    }
  }

  #failAll(which: (pending: Pending) => boolean, message: string): void {
    for (const [id, pending] of this.#pending) {
      if (!which(pending)) continue;
      this.#pending.delete(id);
      pending.reject(away(message));
    }
  }

  #failOverdue(): void {
    const nowMs = this.#options.nowMs();
    for (const [id, pending] of this.#pending) {
      // Ids grow and all requests have the same timeout. The first one that is in time ends the pass.
      if (pending.deadlineMs > nowMs) return;
      this.#pending.delete(id);
      pending.reject(away(`the owner of the tokens did not respond within ${this.#options.askTimeoutMs} ms`));
    }
  }
}

function away(message: string): SwapstatsError {
  return new SwapstatsError("unavailable", `${message}; ask again`, { retryable: true });
}
