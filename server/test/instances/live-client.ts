/**
 * What a client of live data of any door holds, and is told. It stays for the whole test: when its connection ends it connects again through the
 * balancer and continues each channel from its position. It notes every breach of what a client relies on:
 *
 * - After `recovered: true` comes one message that leads on from the held revision, and after `false` a snapshot.
 * - A patch fits the held data. Neither a revision nor an epoch's data goes back on a connection.
 * - Whoever holds a revision of a channel holds the same data, at any instance, through any door and encoding (see `Ledger`).
 */
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type {
  PatchMessage,
  ServerMessage,
  SnapshotMessage,
  SwapsMessage,
} from "@swapstats/protocol/schemas/websocket.ts";
import jsonPatch from "fast-json-patch";

const CONNECT_AGAIN_MS = 250;

export type Held = { readonly epoch: string; readonly rev: number; readonly data: Json; readonly isStale: boolean };
/** A channel as a request names it, with its options. */
export type Wanted = { readonly channel: string; readonly [option: string]: unknown };
type Position = {
  readonly channel: string;
  readonly epoch: string;
  readonly rev?: number;
  readonly seq?: number;
};

/** Data by channel, epoch and revision, from all clients. */
export class Ledger {
  readonly #seen = new Map<string, { readonly text: string; readonly by: string }>();

  /** Returns a fault if somebody holds other data at this revision. */
  note(by: string, channel: string, { epoch, rev, data }: Held): string | undefined {
    const key = `${channel} ${epoch} ${rev}`;
    const text = canonicalJson(data);
    const before = this.#seen.get(key);
    if (before === undefined) this.#seen.set(key, { text, by });
    return before === undefined || before.text === text
      ? undefined
      : `${by} and ${before.by} hold different data at ${key}: ${text} and ${before.text}`;
  }
}

export abstract class LiveClient {
  readonly name: string;
  /** By canonical channel. */
  readonly held = new Map<string, Held>();
  readonly faults: string[] = [];
  /** What it was told, counted over all connections. `stale`: channels whose data was said to be old. */
  readonly told = { recovered: 0, restarted: 0, shutdown: 0, errors: 0, stale: new Set<string>() };
  connections = 0;
  /** Between the end of a connection and the next one. */
  isCut = false;
  protected readonly wanted: readonly Wanted[];
  protected isClosed = false;
  readonly #ledger: Ledger;
  /** Channels without a message on this connection, and whether they were said to continue. */
  readonly #awaited = new Map<string, boolean | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #lastError = "";
  #reconnectMs = CONNECT_AGAIN_MS;

  constructor(name: string, wanted: readonly Wanted[], ledger: Ledger) {
    this.name = name;
    this.wanted = wanted;
    this.#ledger = ledger;
  }

  /** Connects, and asks for its channels from `positions()`. Calls `ended` when the connection has ended or was refused. */
  abstract connect(): void;
  /** Ends the connection. */
  protected abstract cut(): void;

  close(): void {
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.cut();
  }

  /** Whether every channel has had a message on this connection, and none is old. */
  get isCurrent(): boolean {
    return (
      this.held.size === this.wanted.length &&
      this.#awaited.size === 0 &&
      [...this.held.values()].every(({ isStale }) => !isStale)
    );
  }

  get waitsFor(): string {
    const old = [...this.held].filter(([, { isStale }]) => isStale).map(([channel]) => channel);
    return `${this.name} waits for [${[...this.#awaited.keys()]}], holds ${this.held.size} of ${this.wanted.length}, old are [${old}], last error: ${this.#lastError}`;
  }

  /** The canonical name of a channel of the request; the screener gets its own. */
  protected canonical({ channel }: Wanted): string | undefined {
    if (channel !== "screener") return channel;
    return [...this.held.keys()].find((name) => name.startsWith("screener:"));
  }

  /** Each wanted channel, with the position that it continues from if something is held. */
  protected positions(): { readonly wanted: Wanted; readonly from: Position | undefined }[] {
    return this.wanted.map((wanted) => {
      const channel = this.canonical(wanted);
      const held = channel === undefined ? undefined : this.held.get(channel);
      if (channel === undefined || held === undefined) return { wanted, from: undefined };
      const { epoch, rev } = held;
      return { wanted, from: { channel, epoch, ...(channel.startsWith("swaps:") ? { seq: rev } : { rev }) } };
    });
  }

  /** Called by the door at the end of a connection, and when a channel had an error that passes. */
  protected ended(): void {
    this.isCut = true;
    if (this.isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.connect(), this.#reconnectMs);
    this.#reconnectMs = CONNECT_AGAIN_MS;
  }

  protected take(message: ServerMessage): void {
    switch (message.type) {
      case "subscribed":
        this.connections += 1;
        this.isCut = false;
        this.#awaited.clear();
        for (const [i, channel] of message.channels.entries()) this.#awaited.set(channel, message.recovered?.[i]);
        return;
      case "shutdown":
        this.told.shutdown += 1;
        this.#reconnectMs = message.reconnect_after_ms;
        return;
      case "error":
        this.told.errors += 1;
        this.#lastError = `${message.channel} ${message.message}`;
        this.cut();
        return;
      case "snapshot":
      case "patch":
      case "swaps":
        this.#takeData(message);
    }
  }

  #takeData(message: SnapshotMessage | PatchMessage | SwapsMessage): void {
    const { channel, epoch } = message;
    const before = this.held.get(channel);
    this.#checkPromise(message, before);
    const rev = message.type === "swaps" ? message.seq : message.rev;
    if (message.type !== "snapshot") {
      const from = message.type === "patch" ? message.prev_rev : message.seq - message.items.length - message.skipped;
      if (before?.epoch !== epoch || before.rev !== from) {
        this.faults.push(
          `${this.name}: ${channel} got a ${message.type} from ${epoch} ${from} to ${before?.epoch} ${before?.rev}`,
        );
        return;
      }
    }
    if (before?.epoch === epoch && rev < before.rev && message.type !== "snapshot")
      this.faults.push(`${this.name}: ${channel} went from ${before.rev} back to ${rev}`);
    const isStale = message.type === "swaps" ? (before?.isStale ?? false) : message.stale === true;
    if (isStale) this.told.stale.add(channel);
    const held = { epoch, rev, isStale, data: dataAfter(message, before?.data ?? {}) };
    this.held.set(channel, held);
    // Removals leave a gap at the end of a client's list of swaps, so lists of the same revision differ in length.
    const fault = channel.startsWith("swaps:") ? undefined : this.#ledger.note(this.name, channel, held);
    if (fault !== undefined) this.faults.push(fault);
  }

  #checkPromise({ channel, type }: { channel: string; type: string }, before: Held | undefined): void {
    if (!this.#awaited.has(channel)) return;
    const isRecovered = this.#awaited.get(channel);
    this.#awaited.delete(channel);
    if (isRecovered === undefined) return;
    this.told[isRecovered ? "recovered" : "restarted"] += 1;
    const isWhole = type === "snapshot";
    // Operations of JSON Patch need the data at the position. Where it is gone, a snapshot comes in their place.
    const isInPlace = isWhole && this.name.startsWith("json-patch");
    if ((isRecovered === isWhole && !isInPlace) || (isRecovered && before === undefined))
      this.faults.push(`${this.name}: ${channel} has recovered ${isRecovered}, and then came a ${type}`);
  }
}

function dataAfter(message: SnapshotMessage | PatchMessage | SwapsMessage, before: Json): Json {
  if (message.type === "snapshot") return message.data as unknown as Json;
  if (message.type === "swaps") return swapsAfter(before as never, message.items as never);
  const { patch } = message;
  if (!Array.isArray(patch)) return applyMergePatch(before, patch);
  return jsonPatch.applyPatch(structuredClone(before) as object, patch as jsonPatch.Operation[], true)
    .newDocument as Json;
}

type Swap = {
  readonly event_time: number;
  readonly block_number: number;
  readonly tx_index: number;
  readonly log_index: number;
  readonly event_id: string;
};
/** In protobuf the swap is a member of its own. */
type Change = { readonly action: string; readonly swap?: Swap } & Swap;

/** The newest swaps, newest first, of the span that the list covers. */
function swapsAfter({ items }: { items: readonly Swap[] }, changes: readonly Change[]): Json {
  const oldestMs = items.at(-1)?.event_time ?? 0;
  let list = [...items];
  for (const { action, swap: inner, ...own } of changes) {
    const swap = inner ?? own;
    list = list.filter(({ event_id: id }) => id !== swap.event_id);
    if (action === "applied" && swap.event_time > oldestMs) list.push(swap);
  }
  return { items: list.sort(newestFirst).slice(0, items.length) } as unknown as Json;
}

const newestFirst = (a: Swap, b: Swap): number =>
  b.event_time - a.event_time ||
  b.block_number - a.block_number ||
  b.tx_index - a.tx_index ||
  b.log_index - a.log_index;
