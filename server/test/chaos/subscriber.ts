/**
 * A client that stays subscribed at one instance, whatever happens to it. It reconnects when it was cut off, subscribes again to refused
 * channels, and checks the guarantees that every customer relies on: a patch applies to the held data, no revision goes back within an
 * epoch, and no epoch goes back while the instance lives.
 */
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { PatchMessage, ServerMessage, SnapshotMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { WebSocket } from "ws";
import { compareEpochs } from "../../src/cluster/contract.ts";

const CONNECT_AGAIN_MS = 200;
const SUBSCRIBE_AGAIN_MS = 500;

type Held = { epoch: string; rev: number; data: Json; stale: boolean };

export class Subscriber {
  readonly held = new Map<string, Held>();
  /** Violations of guarantees, as sentences. */
  readonly faults: string[] = [];
  connections = 0;
  messages = 0;
  readonly #url: string;
  readonly #channels: () => readonly string[];
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Channels of this connection that have received nothing. */
  #missing = new Set<string>();
  /** The newest data of each channel in this life of the instance, over all connections. */
  readonly #newest = new Map<string, { epoch: string; rev: number }>();
  #isClosed = false;

  /** `channels` is called at each connection. */
  constructor(url: string, channels: () => readonly string[]) {
    this.#url = url;
    this.#channels = channels;
    this.#connect();
  }

  /** The instance was restarted. Its earlier messages do not bind it any more. */
  forget(): void {
    this.#newest.clear();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.on("open", () => {
      this.connections += 1;
      this.held.clear();
      this.#missing = new Set(this.#channels());
      this.#subscribe();
    });
    socket.on("message", (data: Buffer) => this.#take(JSON.parse(data.toString()) as ServerMessage));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.#isClosed) this.#later(() => this.#connect(), CONNECT_AGAIN_MS);
    });
  }

  #later(action: () => void, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, ms);
  }

  /** Subscribes to missing channels until none is missing. */
  #subscribe(): void {
    if (this.#isClosed || this.#socket?.readyState !== WebSocket.OPEN || this.#missing.size === 0) return;
    this.#socket.send(JSON.stringify({ subscribe: [...this.#missing] }));
    this.#later(() => this.#subscribe(), SUBSCRIBE_AGAIN_MS);
  }

  #take(message: ServerMessage): void {
    if (message.type !== "snapshot" && message.type !== "patch") return;
    this.messages += 1;
    this.#missing.delete(message.channel);
    this.#checkOrder(message);
    this.#hold(message);
  }

  #checkOrder({ channel, epoch, rev }: SnapshotMessage | PatchMessage): void {
    const before = this.#newest.get(channel);
    if (before !== undefined) {
      if (before.epoch === epoch && rev < before.rev) {
        this.faults.push(`${channel} went back from revision ${before.rev} to ${rev} of epoch ${epoch}`);
      }
      if (isEarlier(epoch, before.epoch)) {
        this.faults.push(`${channel} went back from epoch ${before.epoch} to ${epoch}`);
      }
    }
    this.#newest.set(channel, { epoch, rev });
  }

  #hold(message: SnapshotMessage | PatchMessage): void {
    const { channel, epoch, rev } = message;
    const stale = message.stale === true;
    if (message.type === "snapshot") {
      this.held.set(channel, { epoch, rev, stale, data: message.data as unknown as Json });
      return;
    }
    const before = this.held.get(channel);
    if (before === undefined || before.rev !== message.prev_rev || before.epoch !== epoch) {
      this.faults.push(
        `${channel}: a patch from ${epoch} ${message.prev_rev} came to ${before?.epoch} ${before?.rev ?? "nothing"}`,
      );
      return;
    }
    this.held.set(channel, { epoch, rev, stale, data: applyMergePatch(before.data, message.patch) });
  }
}

/** The epoch of a ranking lists those of all partitions in order. Returns whether one of them is earlier. */
function isEarlier(epoch: string, than: string): boolean {
  const [parts, before] = [epoch.split("."), than.split(".")];
  return parts.length === before.length && parts.some((part, i) => compareEpochs(part, before[i] as string) < 0);
}
