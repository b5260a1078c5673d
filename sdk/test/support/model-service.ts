/** A service as a model: it keeps the data of every revision, and answers requests of clients as the real one does, or worse. */
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { ServerMessage } from "../../src/wire/server-messages.ts";

type Position = { readonly epoch: string; readonly rev: number };
type Request = {
  readonly id?: string;
  readonly subscribe?: readonly Item[];
  readonly resume?: readonly Item[];
  readonly unsubscribe?: readonly string[];
};
type Item = {
  readonly channel: string;
  readonly epoch?: string;
  readonly rev?: number;
  readonly windows?: readonly string[];
};

/** The data of all channels, by epoch and revision. */
export class ModelTruth {
  readonly channels: readonly string[];
  /** Other names of channels. */
  readonly names: ReadonlyMap<string, string>;
  readonly #data = new Map<string, JsonObject>();
  readonly #newest = new Map<string, Position>();
  #epochs = 0;

  constructor(channels: readonly string[], names: ReadonlyMap<string, string>) {
    this.channels = channels;
    this.names = names;
    for (const channel of channels) this.takeOver(channel);
  }

  newest(channel: string): Position {
    return this.#newest.get(channel) as Position;
  }

  /** Data for these options of a channel. */
  at(channel: string, { epoch, rev }: Position, windows: Json | undefined): JsonObject {
    const data = this.#data.get(`${channel} ${epoch} ${rev}`);
    if (data === undefined) throw new Error(`${channel} never had revision ${rev} of ${epoch}`);
    return windows === undefined ? data : { ...data, windows };
  }

  change(channel: string, data: JsonObject): void {
    const { epoch, rev } = this.newest(channel);
    this.#set(channel, { epoch, rev: rev + 1 }, JSON.parse(JSON.stringify(data)) as JsonObject);
  }

  /** Another owner begins, with an epoch of its own. */
  takeOver(channel: string): void {
    const before = this.#newest.get(channel);
    const data = before === undefined ? {} : this.at(channel, before, undefined);
    this.#set(channel, { epoch: `e${++this.#epochs}`, rev: 1 }, data);
  }

  #set(channel: string, position: Position, data: JsonObject): void {
    this.#data.set(`${channel} ${position.epoch} ${position.rev}`, data);
    this.#newest.set(channel, position);
  }
}

/** An instance, which may be behind. */
export class ModelInstance {
  readonly truth: ModelTruth;
  readonly #seen = new Map<string, Position>();

  constructor(truth: ModelTruth) {
    this.truth = truth;
    for (const channel of truth.channels) this.catchUp(channel);
  }

  catchUp(channel: string): void {
    this.#seen.set(channel, this.truth.newest(channel));
  }

  position(channel: string): Position {
    return this.#seen.get(channel) as Position;
  }
}

/** A connection to an instance. `queue` holds its messages, which a test delivers, loses, repeats or exchanges. */
export class ModelConnection {
  readonly instance: ModelInstance;
  readonly queue: ServerMessage[] = [];
  readonly #open = new Map<string, { sent: Position | undefined; windows: Json | undefined }>();

  constructor(instance: ModelInstance) {
    this.instance = instance;
  }

  request({ id, subscribe, resume, unsubscribe }: Request): void {
    for (const channel of unsubscribe ?? []) this.#open.delete(channel);
    const list = subscribe ?? resume;
    if (list === undefined) return;
    const { truth } = this.instance;
    const names: Record<string, string> = {};
    for (const { channel: name, epoch, rev, windows } of list) {
      const channel = truth.names.get(name) ?? name;
      names[name] = channel;
      const here = this.instance.position(channel);
      const isKnown = epoch === here.epoch && rev !== undefined && rev <= here.rev;
      this.#open.set(channel, { sent: isKnown ? { epoch, rev } : undefined, windows });
    }
    const channels = [...new Set(Object.values(names))];
    this.queue.push({ type: "subscribed", ...(id === undefined ? {} : { id }), channels, names, windows: {} });
    for (const channel of channels) this.#push(channel, true);
  }

  /** Sends what changed. */
  flush(): void {
    for (const channel of this.#open.keys()) this.#push(channel, false);
  }

  #push(channel: string, isAnswer: boolean): void {
    const { instance } = this;
    const open = this.#open.get(channel);
    if (open === undefined) return;
    const here = instance.position(channel);
    const { sent, windows } = open;
    if (sent?.epoch === here.epoch && sent.rev === here.rev && !isAnswer) return;
    const data = instance.truth.at(channel, here, windows);
    const standing = { as_of: here.rev, lag_ms: 0 };
    open.sent = here;
    if (sent === undefined || sent.epoch !== here.epoch) {
      this.queue.push({ type: "snapshot", channel, ...here, ...standing, data: structuredClone(data) as never });
      return;
    }
    const patch = diffMergePatch(instance.truth.at(channel, sent, windows), data);
    this.queue.push({
      type: "patch",
      channel,
      ...here,
      prev_rev: sent.rev,
      ...standing,
      patch: structuredClone(patch),
    });
  }
}
