/**
 * Messages of channels: binary messages of the WebSocket's encoding `swapstats.v1.protobuf`, and responses of `Subscribe`.
 *
 * Messages are small. A number, which `Subscribed` and each snapshot give, stands for the channel. Figures that several windows have in common
 * are sent once. A patch of a ranking names its rows by their places.
 *
 * A patch is a message of the same type as the data, with the fields that changed. A scalar, a list or a message that is absent in a patch did
 * not change. A message is merged into the message at its place, and an entry of a map into the entry with its key. `cleared` lists the numbers of the
 * fields that have no value any more (a list is empty then), and `removed_<map>` the keys that are gone.
 */
import { type TObject, type TSchema, Type } from "typebox";
import { ChannelFigures } from "../schemas/figures.ts";
import { Swap } from "../schemas/tokens.ts";
import { count, optional, refTo, split, uint32 } from "../schemas/values.ts";
import {
  CandlesData,
  ErrorMessage,
  MarketData,
  PatchMessage,
  PausedMessage,
  ReplayMessage,
  SetMessage,
  SnapshotMessage,
  SubscribedMessage,
  SwapsData,
  TokenData,
  UnsubscribedMessage,
} from "../schemas/websocket.ts";
import { figureNumbers } from "./figure-messages.ts";
import { choiceOf, dataMessageOf, type Field, messageOf, oneOf } from "./message.ts";
import { swapNumbers } from "./token-messages.ts";

const text = () => Type.String();
const ref = (name: string) => refTo(name, Type.Object({}));
const mapOf = (name: string) => Type.Record(Type.String(), ref(name));

const TokenFields = Type.Object({
  ...TokenData.properties,
  window_names: optional(Type.Array(text(), { description: "In a snapshot: the windows of the channel" })),
  windows: Type.Array(ref("WindowGroup"), { description: "Each group is merged into its windows" }),
});
const WindowGroup = Type.Object({
  windows: optional(
    Type.Array(uint32, {
      description: "Places of the windows in `window_names` of the snapshot, from 0. None: all windows",
    }),
  ),
  ...ChannelFigures.properties,
});
/** Not of the numbers of figures: these are in the table of figures. */
const GROUP_WINDOWS = 100;
const { open_time: _, close_time: __, ...groupNumbers } = figureNumbers;

/** Members of a swap that are sent as bytes where they are hexadecimal, in the order of the numbers of their fields. */
export const hexMembers = ["tx_hash", "token", "pool", "who", "block_hash"] as const;
const HEX_NUMBER = 20;
const StreamedSwap = Type.Object({
  ...Type.Partial(Swap).properties,
  event_id: optional(Type.String({ description: "Absent if it is `<chain_id>:<tx_hash>:<log_index>`" })),
  ...Object.fromEntries(hexMembers.map((name) => [`${name}_bytes`, optional(text())])),
});
const RankedRow = Type.Object({
  ...{ id: optional(text()), symbol: optional(text()), split, stats: optional(ref("WindowFigures")) },
  ...{ windows: optional(mapOf("WindowFigures")) },
  spark: optional(Type.Array(ref("SparkValue"))),
});
const RankingPatch = Type.Object({
  order: Type.Array(uint32, {
    description:
      "The new order, if it changed: for each place, the place of the token in the order before plus 1, or 0 for a token that entered. The other tokens left",
  }),
  rows: mapOf("RankedRow"),
});
/** Returns the schema of the values of an object with any keys. */
const entryOf = (record: TSchema): TObject =>
  Object.values((record as TSchema & { readonly patternProperties: object }).patternProperties)[0];
const sums = {
  ...{ trades: 1, buys: 2, sells: 3, volume_usd: 4, buy_volume_usd: 5, sell_volume_usd: 6, net_volume_usd: 7 },
} as const;
const marketFigures = entryOf(MarketData.properties.windows);

const dataMessages = [
  dataMessageOf("TokenData", "Data of a channel `token:<id>`.", TokenFields, {
    ...{
      id: 1,
      symbol: 2,
      split: 3,
      late: 4,
      removed: 5,
      unresolved: 6,
      replaced: 7,
      removals_unmatched: 8,
      windows: 9,
    },
    window_names: 10,
  }),
  dataMessageOf("WindowGroup", "Figures that windows have in common.", WindowGroup, {
    ...groupNumbers,
    windows: GROUP_WINDOWS,
  }),
  messageOf(
    "RankingData",
    "Data of a ranking: of a channel `overview:<window>:<sort>` or `screener`.",
    Type.Object({ rows: Type.Array(ref("RankedRow"), { description: "In the order of the ranking" }) }),
    { rows: 1 },
  ),
  messageOf("RankingPatch", "Change of a ranking.", RankingPatch, {
    order: 1,
    rows: { number: 2, key: "uint32", doc: "Rows that changed or entered, by their place in the new order, from 0" },
  }),
  dataMessageOf("RankedRow", "A token in a ranking.", RankedRow, {
    id: { number: 1, doc: "In a patch only if the token entered" },
    ...{ symbol: 2, split: 3, stats: 4, windows: { number: 5, doc: "Figures by window, instead of stats" } },
    spark: { number: 6, doc: "A value for each slice, the oldest first" },
  }),
  dataMessageOf("CandlesData", "Data of a channel `candles:<id>:<interval>`.", CandlesData, {
    ...{ id: 1, interval: 2, split: 4 },
    items: { number: 3, key: "int64", message: "Candle", doc: "Candles by open_time" },
  }),
  messageOf("SwapsData", "Data of a channel `swaps:<id>`.", SwapsData, {
    items: { number: 1, message: "StreamedSwap", doc: "The newest first" },
  }),
  messageOf("StreamedSwap", "A swap in a stream. Hashes and addresses are bytes where they can be.", StreamedSwap, {
    ...swapNumbers,
    ...Object.fromEntries(
      hexMembers.map((name, i) => [
        `${name}_bytes`,
        {
          number: HEX_NUMBER + i,
          type: "bytes" as const,
          doc: `Instead of ${name}, if that is 0x and hexadecimal digits in lower case`,
        },
      ]),
    ),
  }),
  dataMessageOf("MarketData", "Data of the channel `market`: sums over all tokens.", MarketData, {
    ...{ tokens_active: 1, windows: { number: 2, message: "MarketFigures", doc: "Sums by window" } },
    chains: { number: 3, key: "uint32", message: "MarketChain", doc: "Sums by chain" },
  }),
  dataMessageOf("MarketChain", "Sums over the tokens of a chain.", entryOf(MarketData.properties.chains), {
    ...{ tokens_active: 1, windows: { number: 2, message: "MarketFigures", doc: "Sums by window" } },
  }),
  dataMessageOf("MarketFigures", "Sums in a window.", marketFigures, {
    ...sums,
    ...{ complete: 8, previous: { number: 9, message: "MarketSpan" } },
  }),
  dataMessageOf(
    "MarketSpan",
    "Sums of the same span before the window.",
    marketFigures.properties.previous as TObject,
    sums,
  ),
];

const channelNumber: Field = {
  ...{ name: "channel_number", number: 1, type: "uint32", form: "single", isRequired: true },
  doc: "Number of the channel in this stream",
};
const channelNumbers: Field = {
  ...{ name: "channel_numbers", number: 8, type: "uint32", form: "repeated", isRequired: false },
  doc: "Number of each of the channels. 0 for a channel that is pending: its snapshot gives the number",
};
const idChoice = { form: "optional", choice: "request_id", isRequired: false } as const;
const idChoices: readonly Field[] = [
  { name: "id", number: 1, type: "string", ...idChoice, doc: "Id of the request, if it was a text" },
  { name: "id_number", number: 2, type: "int64", ...idChoice, doc: "Id of the request, if it was a number" },
];
const dataChoices = (choice: "data" | "patch"): readonly Field[] => [
  choiceOf(choice, "token", 10, "TokenData"),
  choiceOf(choice, "ranking", 11, choice === "patch" ? "RankingPatch" : "RankingData"),
  choiceOf(choice, "candles", 12, "CandlesData"),
  choiceOf(choice, "market", 13, "MarketData"),
];
const standing = { rev: 3, as_of: 4, watermark: 5, lag_ms: 6, stale: 7 } as const;

const streamMessages = [
  messageOf(
    "Snapshot",
    "All data of a channel. It replaces the data that the client has.",
    SnapshotMessage,
    { type: null, channel: 2, epoch: 8, ...standing, data: null, seq: null },
    [channelNumber, ...dataChoices("data"), choiceOf("data", "swaps", 14, "SwapsData")],
  ),
  messageOf(
    "Patch",
    "Leads the data of revision `prev_rev` to revision `rev` of the same epoch.",
    PatchMessage,
    { type: null, channel: null, epoch: null, ...standing, prev_rev: 2, patch: null },
    [channelNumber, ...dataChoices("patch")],
  ),
  messageOf(
    "Swaps",
    "Swaps of a channel `swaps:<id>`, in the order of the log.",
    Type.Object({
      seq: count("Grows with every swap of the channel"),
      items: Type.Array(ref("SwapAction")),
      skipped: count("Swaps that were left out, because the client was too far behind"),
    }),
    { seq: 2, items: 3, skipped: 4 },
    [channelNumber],
  ),
  messageOf(
    "SwapAction",
    "A swap that was applied or removed.",
    Type.Object({ action: text(), swap: ref("StreamedSwap") }),
    { action: { number: 1, doc: "`applied` or `removed`" }, swap: 2 },
  ),
  messageOf(
    "Subscribed",
    "The channels of a request that are open.",
    SubscribedMessage,
    {
      ...{ type: null, id: null, channels: 3, names: 4, pending: 5, recovered: 7 },
      windows: { number: 6, message: "WindowShape" },
    },
    [channelNumbers, ...idChoices],
  ),
  messageOf("WindowShape", "Length and step of a window.", Type.Object({ length_ms: count(), step_ms: count() }), {
    ...{ length_ms: 1, step_ms: 2 },
  }),
  messageOf(
    "Unsubscribed",
    "The channels of a request that were closed.",
    UnsubscribedMessage,
    { type: null, id: null, channels: 3 },
    idChoices,
  ),
  messageOf(
    "Error",
    "What is wrong with a request or a channel.",
    ErrorMessage,
    {
      ...{ type: null, id: null, code: 3, message: 4, channel: 5, channels: 6 },
      ...{ candidates: { number: 7, message: "Candidate" }, more: 8 },
    },
    idChoices,
  ),
  messageOf("Set", "Response to a change of a channel.", SetMessage, { type: null, id: null, channel: 3 }, idChoices),
  messageOf("Paused", "Response to a pause.", PausedMessage, { type: null, id: null, paused: 3 }, idChoices),
  messageOf(
    "Heartbeat",
    "Sent when nothing else was sent for a while, or with the checksum of a channel's data.",
    Type.Object({
      time: optional(Type.Integer()),
      channel_number: optional(uint32),
      epoch: optional(text()),
      rev: optional(count()),
      crc32: optional(uint32),
    }),
    {
      ...{ time: 1, channel_number: 2, epoch: 3, rev: 4 },
      crc32: { number: 5, doc: "Checksum of the canonical JSON of the channel's data" },
    },
  ),
  messageOf("Shutdown", "The service stops.", Type.Object({ reconnect_after_ms: count() }), { reconnect_after_ms: 1 }),
  messageOf("AuthExpiring", "The credentials of the connection expire.", Type.Object({ at: Type.Integer() }), {
    at: 1,
  }),
  messageOf(
    "Authenticated",
    "Response to new credentials.",
    Type.Object({ expires_at: optional(Type.Integer()) }),
    { expires_at: 3 },
    idChoices,
  ),
  messageOf("Replay", "The clock of a WebSocket with `at` begins, or its session ends.", ReplayMessage, {
    type: null,
    state: 1,
    as_of: 2,
    speed: 3,
    reason: 4,
    message: 5,
  }),
  oneOf("SubscribeResponse", "A message of the stream, and a binary message of the WebSocket.", [
    choiceOf("message", "snapshot", 1, "Snapshot"),
    choiceOf("message", "patch", 2, "Patch"),
    choiceOf("message", "swaps", 3, "Swaps"),
    choiceOf("message", "subscribed", 4, "Subscribed"),
    choiceOf("message", "unsubscribed", 5, "Unsubscribed"),
    choiceOf("message", "error", 6, "Error"),
    choiceOf("message", "heartbeat", 7, "Heartbeat"),
    choiceOf("message", "shutdown", 8, "Shutdown"),
    choiceOf("message", "auth_expiring", 9, "AuthExpiring"),
    choiceOf("message", "authenticated", 10, "Authenticated"),
    choiceOf("message", "set", 11, "Set"),
    choiceOf("message", "paused", 12, "Paused"),
    choiceOf("message", "replay", 13, "Replay"),
  ]),
  messageOf(
    "SubscribeBatch",
    "A binary message of the WebSocket with the sub-protocol `swapstats.v1.protobuf.batch`.",
    Type.Object({ messages: Type.Array(ref("SubscribeResponse"), { description: "In their order" }) }),
    { messages: 1 },
  ),
];

export const channelMessages = [...dataMessages, ...streamMessages];
