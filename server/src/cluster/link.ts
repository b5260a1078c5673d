/**
 * The way to other instances: what is said to one of them in one turn of the event loop goes out as few messages as its size
 * allows, questions wait for their answers for a limited time, and everything that waits is bounded.
 */
import { SwapstatsError } from "../shared/errors.ts";
import { cutFrames, FrameReader, MESSAGE_BYTES_MAX } from "./frames.ts";
import {
  type Announcement,
  type AnswerItem,
  CLUSTER_FORMAT,
  type ClusterMessage,
  type Cover,
  type ItemType,
  type ItemTypes,
  type PeerAnswer,
  type PeerRequest,
  parseMessage,
} from "./protocol.ts";
import type { ClusterTransport, LinkState } from "./transport.ts";

/** Questions to others that wait for an answer; more fail at once. */
export const PENDING_MAX = 20_000;
/** What waits to be sent to one instance within a turn; more is dropped, and questions among it fail. */
export const OUTBOX_CHARS_MAX = MESSAGE_BYTES_MAX;
/** Items are put into a message up to this part of what the message system takes: characters may need several bytes. */
const FILL_FACTOR = 0.4;
const SWEEP_MS = 50;

type Pending = {
  readonly address: string;
  readonly resolve: (answer: PeerResult<PeerRequest["kind"]>) => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
};
type Outbox = { readonly items: { readonly type: ItemType; readonly text: string }[]; chars: number };

export type PeerResult<K extends PeerRequest["kind"]> = {
  readonly answer: PeerAnswer[K];
  readonly covers: readonly Cover[];
};

export type LinkOptions = {
  readonly transport: ClusterTransport;
  readonly address: string;
  readonly askTimeoutMs: number;
  readonly nowMs: () => number;
  /** With an event clock: its highest event time, which goes along with every message; else 0. */
  readonly high: () => number;
  readonly onMessage: (from: string, message: ClusterMessage) => void;
  readonly onForeign: (from: string, format: number) => void;
  readonly onState: (state: LinkState) => void;
};

export class ClusterLink {
  readonly #options: LinkOptions;
  readonly #frames = new FrameReader(CLUSTER_FORMAT);
  readonly #pending = new Map<number, Pending>();
  readonly #outboxes = new Map<string, Outbox>();
  readonly #sweep: NodeJS.Timeout;
  // Numbers of an earlier incarnation never meet those of this one: addresses differ.
  #nextId = 1;
  #nextNumber = 1;
  #isScheduled = false;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
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
    for (const frame of this.#cut(JSON.stringify(announcement))) transport.announce(frame);
  }

  ask<R extends PeerRequest>(address: string, host: number, request: R): Promise<PeerResult<R["kind"]>> {
    if (!this.isLinked) return Promise.reject(away("the way to the other instances is interrupted"));
    if (this.#pending.size >= PENDING_MAX) {
      return Promise.reject(away(`${PENDING_MAX} questions to other instances wait already`));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const deadlineMs = this.#options.nowMs() + this.#options.askTimeoutMs;
      this.#pending.set(id, { address, resolve: resolve as Pending["resolve"], reject, deadlineMs });
      if (!this.post(address, "questions", { id, host, request })) {
        this.#pending.delete(id);
        reject(away("too much waits to be sent to another instance"));
      }
    });
  }

  /** Puts something to be sent at the end of this turn; false: too much waits already, and it is dropped. */
  post<T extends ItemType>(address: string, type: T, item: ItemTypes[T]): boolean {
    if (!this.isLinked) return false;
    let outbox = this.#outboxes.get(address);
    if (outbox === undefined) {
      outbox = { items: [], chars: 0 };
      this.#outboxes.set(address, outbox);
    }
    const text = JSON.stringify(item);
    if (outbox.chars + text.length > OUTBOX_CHARS_MAX) return false;
    outbox.items.push({ type, text });
    outbox.chars += text.length;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#flush());
    }
    return true;
  }

  /** The instance is away: whoever waits for it need not wait longer. */
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

  /** Sends the items from `from` on that are of one type and fit into one message; returns where the rest begins. */
  #sendSome(address: string, items: Outbox["items"], from: number): number {
    const { transport, high } = this.#options;
    const first = items[from] as Outbox["items"][number];
    const roomChars = transport.messageBytesMax * FILL_FACTOR;
    let end = from + 1;
    let chars = first.text.length;
    while (end < items.length && items[end]?.type === first.type) {
      chars += (items[end] as typeof first).text.length;
      if (chars > roomChars) break;
      end += 1;
    }
    const list = items.slice(from, end).map((item) => item.text);
    const text = `{"type":"${first.type}","high":${high()},"items":[${list.join(",")}]}`;
    for (const frame of this.#cut(text)) transport.send(address, frame);
    return end;
  }

  #cut(text: string): Buffer[] {
    const { transport, address } = this.#options;
    return cutFrames(CLUSTER_FORMAT, address, this.#nextNumber++, text, transport.messageBytesMax);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const received = this.#frames.take(bytes);
    if (received === undefined || received.from === this.#options.address) return;
    if (received.kind === "foreign") {
      this.#options.onForeign(received.from, received.format);
      return;
    }
    const message = parseMessage(received.text);
    if (message === undefined) return;
    if (message.type === "answers") for (const item of message.items) this.#takeAnswer(item);
    this.#options.onMessage(received.from, message);
  }

  #takeAnswer(item: AnswerItem): void {
    const pending = this.#pending.get(item.id);
    if (pending === undefined) return;
    this.#pending.delete(item.id);
    if ("error" in item) {
      const { code, message, retryable } = item.error;
      pending.reject(new SwapstatsError(code, message, { retryable }));
    } else {
      pending.resolve({ answer: item.answer as PeerAnswer[PeerRequest["kind"]], covers: item.covers });
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
      // Ids grow and all have the same time, so the first that is in time ends the pass.
      if (pending.deadlineMs > nowMs) return;
      this.#pending.delete(id);
      pending.reject(away(`the owner of the tokens did not answer within ${this.#options.askTimeoutMs} ms`));
    }
  }
}

function away(message: string): SwapstatsError {
  return new SwapstatsError("unavailable", `${message}; ask again`, { retryable: true });
}
