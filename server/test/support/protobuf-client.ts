/**
 * A client of messages in protobuf, as a program in another language would be: it reads a binary message into the message that a client with JSON
 * gets, and holds the data of each channel.
 */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { decode } from "../../src/serving/protobuf/decode.ts";

type Draft = { [member: string]: Json };

/** Members of messages with data, and whether the message is a patch. */
const DATA_MEMBERS = ["token", "ranking", "candles", "market", "swaps"] as const;

export class ProtobufClient {
  readonly held = new Map<string, JsonObject>();
  readonly #channels = new Map<number, string>();
  /** By channel, as all that a client that resumes keeps. */
  readonly #epochs = new Map<string, string>();
  readonly #orders = new Map<string, readonly string[]>();
  /** Names of the windows. */
  readonly #windows = new Map<string, readonly string[]>();

  /** Takes over what an earlier connection has left. */
  continueFrom(before: ProtobufClient): void {
    for (const [channel, data] of before.held) this.held.set(channel, data);
    for (const [channel, epoch] of before.#epochs) this.#epochs.set(channel, epoch);
    for (const [channel, order] of before.#orders) this.#orders.set(channel, order);
    for (const [channel, names] of before.#windows) this.#windows.set(channel, names);
  }

  /** Takes a message. Returns it in the form of JSON, with the patch or data as it came, and the data after it. */
  take(bytes: Uint8Array): { readonly message: JsonObject; readonly data: JsonObject | undefined } {
    const isPatch = Object.hasOwn(decode("SubscribeResponse", bytes), "patch");
    const [[type, inner]] = Object.entries(decode("SubscribeResponse", bytes, isPatch)) as [[string, JsonObject]];
    const { channel_number: number, request_id: _, id_number, channel_numbers, ...members } = inner as Draft;
    const id = id_number === undefined ? {} : { id: id_number };
    if (type === "subscribed") this.#name(members.channels as string[], channel_numbers as number[]);
    if (typeof number !== "number") return { message: { type, ...id, ...members }, data: undefined };
    if (type === "snapshot") {
      this.#channels.set(number, members.channel as string);
      this.#epochs.set(members.channel as string, members.epoch as string);
    }
    const channel = this.#channels.get(number) as string;
    const head = { type, channel, epoch: this.#epochs.get(channel) ?? "" };
    if (type === "swaps") {
      const items = (members.items as readonly { action: string; swap: JsonObject }[]).map(({ action, swap }) => ({
        action,
        ...swapFromWire(swap),
      }));
      return { message: { ...head, ...members, items }, data: undefined };
    }
    const member = DATA_MEMBERS.find((name) => members[name] !== undefined);
    if (member === undefined) return { message: { ...head, ...members }, data: this.held.get(channel) };
    const { [member]: value, ...standing } = members;
    const before = this.held.get(channel);
    const change = this.#json(channel, member, value as JsonObject, isPatch);
    const data = isPatch ? (applyMergePatch(before, change) as JsonObject) : change;
    this.held.set(channel, data);
    return { message: { ...head, ...standing, [isPatch ? "patch" : "data"]: change }, data };
  }

  #name(channels: readonly string[], numbers: readonly number[]): void {
    for (const [i, channel] of channels.entries())
      if (numbers[i] !== 0) this.#channels.set(numbers[i] as number, channel);
  }

  #json(channel: string, member: (typeof DATA_MEMBERS)[number], value: JsonObject, isPatch: boolean): JsonObject {
    if (member === "ranking") return isPatch ? this.#rankingPatch(channel, value) : this.#ranking(channel, value);
    if (member === "swaps") return { items: (value.items as readonly JsonObject[]).map(swapFromWire) };
    if (member !== "token" || value.windows === undefined) return value;
    const { window_names: names, windows, ...rest } = value;
    if (names !== undefined) this.#windows.set(channel, names as readonly string[]);
    return {
      ...rest,
      windows: windowsOf(windows as readonly JsonObject[], this.#windows.get(channel) as readonly string[]),
    };
  }

  #ranking(channel: string, { rows }: JsonObject): JsonObject {
    const order = (rows as readonly JsonObject[]).map(({ id }) => id as string);
    this.#orders.set(channel, order);
    return { order, rows: Object.fromEntries((rows as JsonObject[]).map(({ id, ...row }) => [id, rowFromWire(row)])) };
  }

  #rankingPatch(channel: string, { order: places, rows }: JsonObject): JsonObject {
    const before = this.#orders.get(channel) as readonly string[];
    const changed = (rows ?? {}) as { readonly [place: string]: JsonObject };
    const isNew = (places as readonly number[] | undefined)?.length;
    const after = !isNew
      ? before
      : (places as number[]).map((place, i) => before[place - 1] ?? (changed[i]?.id as string));
    this.#orders.set(channel, after);
    const patched: Draft = {};
    for (const id of before) if (!after.includes(id)) patched[id] = null;
    for (const [place, { id: _, ...row }] of Object.entries(changed))
      patched[after[Number(place)] as string] = rowFromWire(row);
    return {
      ...(isNew ? { order: after } : {}),
      ...(Object.keys(patched).length === 0 ? {} : { rows: patched }),
    };
  }
}

/** Returns the messages of a `SubscribeBatch`. */
export function messagesOfBatch(bytes: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const messages: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number] = reader.tag();
    if (number !== 1) throw new Error(`field ${number} of a batch`);
    messages.push(reader.bytes());
  }
  return messages;
}

/** Returns the figures of each window. */
function windowsOf(groups: readonly JsonObject[], names: readonly string[]): JsonObject {
  const windows: { [window: string]: JsonObject } = {};
  for (const { windows: places, ...figures } of groups) {
    const group = places === undefined ? names : (places as readonly number[]).map((place) => names[place] as string);
    for (const name of group) windows[name] = { ...windows[name], ...figures };
  }
  return windows;
}

/** Returns a swap as JSON has it. */
function swapFromWire(wire: JsonObject): JsonObject {
  const swap: Draft = {};
  for (const [name, value] of Object.entries(wire)) swap[name.replace(/_bytes$/, "")] = value;
  return { ...swap, event_id: swap.event_id ?? `${swap.chain_id}:${swap.tx_hash}:${swap.log_index}` };
}

function rowFromWire(row: JsonObject): JsonObject {
  if (row.spark === undefined) return row;
  return { ...row, spark: (row.spark as readonly JsonObject[]).map(({ decimal, count }) => decimal ?? count ?? null) };
}
