/**
 * Makes the messages of channels in protobuf, of the messages that clients with JSON get. A patch of a ranking names rows by their places before, so the
 * order of each revision that was sent is remembered for a while. A client whose order is forgotten gets a snapshot.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { LRUCache } from "lru-cache";
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { ChannelHead } from "../live/channel-head.ts";
import type { MessageContent } from "../live/messages.ts";
import type { SharedMessage } from "../live/shared-message.ts";
import { groupsOf, rankingPatchToWire, rankingToWire, swapToWire } from "./conversions.ts";
import { encode } from "./encode.ts";
import { WireWriter } from "./writer.ts";

/** Bytes of all remembered orders. An order of 50 tokens takes about 5 KB. */
const ORDERS_BYTES_MAX = 16 * 2 ** 20;
const ID_BYTES = 100;

const RESPONSE = "SubscribeResponse";
/** Tag of `SubscribeBatch.messages`: number 1, with a length. */
const MESSAGES_TAG = (1 << 3) | 2;

/** The members of `Snapshot` and `Patch` that hold data, by the kind of the channel. */
const MEMBERS: Readonly<Record<string, string>> = {
  token: "token",
  overview: "ranking",
  screener: "ranking",
  candles: "candles",
  market: "market",
  swaps: "swaps",
};

export class ChannelMessages {
  readonly #orders = new LRUCache<string, readonly string[]>({
    maxSize: ORDERS_BYTES_MAX,
    sizeCalculation: (order) => ID_BYTES * (order.length + 1),
  });

  /** Names of the windows of each token channel. */
  readonly #windows = new WeakMap<ChannelHead, readonly string[]>();

  /** Returns the message as a `SubscribeResponse`. */
  of({ head, update, content }: SharedMessage): Buffer {
    switch (content.kind) {
      case "snapshot":
        return this.#snapshot(head, update);
      case "patch":
        return this.#patch(head, update, content.prevRev, content.patch) ?? this.#snapshot(head, update);
      case "swaps":
        return encode(RESPONSE, { swaps: { channel_number: head.number, seq: update.rev, ...swapsToWire(content) } });
      case "checksum":
        return encode(RESPONSE, {
          heartbeat: { channel_number: head.number, epoch: update.epoch, rev: update.rev, crc32: content.crc32 },
        });
    }
  }

  #snapshot(head: ChannelHead, update: ChannelUpdate): Buffer {
    const member = memberOf(head);
    const data = JSON.parse(update.data) as JsonObject;
    if (member === "ranking") this.#remember(head, update, data.order as readonly string[]);
    return encode(RESPONSE, {
      snapshot: {
        ...{ channel_number: head.number, channel: head.channel, epoch: update.epoch, ...standingOf(update) },
        [member]: dataToWire(member, data),
      },
    });
  }

  /** Returns undefined if the patch cannot be said in protobuf. */
  #patch(head: ChannelHead, update: ChannelUpdate, prevRev: number, text: string): Buffer | undefined {
    const member = memberOf(head);
    const patch = JSON.parse(text) as JsonObject;
    const change = this.#change(member, head, update, prevRev, patch);
    if (change === undefined) return undefined;
    return encode(RESPONSE, {
      patch: { channel_number: head.number, ...standingOf(update), prev_rev: prevRev, [member]: change },
    });
  }

  #change(
    member: string,
    head: ChannelHead,
    update: ChannelUpdate,
    prevRev: number,
    patch: JsonObject,
  ): JsonObject | undefined {
    if (member === "ranking") return this.#rankingPatch(head, update, prevRev, patch);
    const { windows } = patch;
    if (member !== "token" || windows === undefined) return patch;
    const groups = groupsOf(windows as JsonObject, this.#windowsOf(head, update));
    return groups === undefined ? undefined : { ...patch, windows: groups };
  }

  #windowsOf(head: ChannelHead, update: ChannelUpdate): readonly string[] {
    let names = this.#windows.get(head);
    if (names === undefined) {
      names = Object.keys((JSON.parse(update.data) as JsonObject).windows as JsonObject);
      this.#windows.set(head, names);
    }
    return names;
  }

  #rankingPatch(head: ChannelHead, update: ChannelUpdate, prevRev: number, patch: JsonObject): JsonObject | undefined {
    const before = this.#orders.get(keyOf(head, update.epoch, prevRev));
    if (before === undefined) return undefined;
    this.#remember(head, update, (patch.order as readonly string[] | undefined) ?? before);
    return rankingPatchToWire(patch, before);
  }

  #remember(head: ChannelHead, update: ChannelUpdate, order: readonly string[]): void {
    this.#orders.set(keyOf(head, update.epoch, update.rev), order);
  }
}

const keyOf = (head: ChannelHead, epoch: string, rev: number): string => `${head.number} ${epoch} ${rev}`;

function memberOf({ channel }: ChannelHead): string {
  const kind = channel.split(":", 1)[0] as string;
  const member = MEMBERS[kind];
  if (member === undefined) throw new Error(`channels of the kind ${kind} have no message in protobuf`);
  return member;
}

function swapsToWire({ items, skipped }: Extract<MessageContent, { kind: "swaps" }>): JsonObject {
  const actions = items.map((item) => {
    const { action, ...swap } = JSON.parse(item) as JsonObject;
    return { action, swap: swapToWire(swap) } as JsonObject;
  });
  return { items: actions, skipped };
}

function dataToWire(member: string, data: JsonObject): JsonObject {
  if (member === "ranking") return rankingToWire(data);
  if (member === "swaps") return { items: (data.items as readonly JsonObject[]).map(swapToWire) };
  if (member !== "token") return data;
  const windows = data.windows as JsonObject;
  const names = Object.keys(windows);
  return { ...data, window_names: names, windows: groupsOf(windows, names) ?? [] };
}

function standingOf({ rev, asOf, watermark, lagMs, stale }: ChannelUpdate): JsonObject {
  return {
    ...{ rev, as_of: asOf, lag_ms: lagMs },
    ...(watermark === undefined ? {} : { watermark }),
    ...(stale ? { stale } : {}),
  };
}

/** Returns a `SubscribeBatch` with one message. Several of them one after the other are one with all their messages. */
export function batchOf(message: Buffer): Buffer {
  const writer = new WireWriter(message.length + 10);
  writer.uint32(MESSAGES_TAG);
  writer.uint32(message.length);
  return Buffer.concat([writer.finish(), message]);
}

/** Returns a reply to a request, or a message about the connection, of its JSON text. `numbers`: of the channels of a `subscribed`, by name. */
export function replyMessage(text: string, numbers?: ReadonlyMap<string, number>): Buffer {
  const { type, id, ...members } = JSON.parse(text) as JsonObject;
  const name = String(type);
  const channels = members.channels as readonly string[] | undefined;
  return encode(RESPONSE, {
    [name]: {
      ...members,
      ...(typeof id === "number" ? { id_number: id } : id === undefined ? {} : { id }),
      ...(name === "subscribed"
        ? { channel_numbers: (channels ?? []).map((channel) => numbers?.get(channel) ?? 0) }
        : {}),
    },
  });
}
