/** Requests and responses of `swapstats.v1.StatsService`, from and to the JSON that the executor and the parsers of requests have. */
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { queryFromWire, rowToWire } from "./conversions.ts";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";

type UnaryMethod = "GetStats" | "BatchGetStats" | "GetOverview" | "Screen" | "GetCandles" | "ListSwaps";

const rows = (json: JsonObject): JsonObject => ({
  ...json,
  items: (json.items as readonly JsonObject[]).map(rowToWire),
});

const SHAPES: Readonly<Record<UnaryMethod, (json: JsonObject) => JsonObject>> = {
  GetStats: (json) => ({ stats: json }),
  BatchGetStats: (json) => ({
    ...json,
    items: (json.items as readonly JsonObject[]).map((item) => ("error" in item ? { error: item } : { stats: item })),
  }),
  GetOverview: rows,
  Screen: rows,
  GetCandles: (json) => json,
  ListSwaps: (json) => json,
};

/** Returns the response of a method. `text` is the body of the HTTP response to the same request. */
export function responseMessage(method: UnaryMethod, text: string): Message {
  const json = SHAPES[method](JSON.parse(text) as JsonObject);
  return messageOf(`${method}Response`, encode(`${method}Response`, json));
}

/** Returns the message of this name that the bytes are. */
export const messageOf = (name: string, bytes: Uint8Array): Message => fromBinary(messageDesc(name), bytes);

/**
 * Returns a request as JSON, with the members of the request of HTTP or the WebSocket. Texts and numbers that are always there in protobuf are
 * there; lists without items are absent. Throws RangeError if an integer is too large for JSON.
 */
export function requestJson(name: string, message: Message): JsonObject {
  const desc = messageDesc(name);
  const json = withoutEmptyLists(decode(name, toBinary(desc, message)));
  if (name === "ScreenRequest") return queryFromWire(json);
  if (name !== "SubscribeRequest") return json;
  const channels = (json.channels as readonly JsonObject[]) ?? [];
  return { channels: channels.map((channel) => withQuery(withoutEmptyLists(channel))) };
}

function withQuery(channel: JsonObject): JsonObject {
  const { query } = channel;
  return query === undefined ? channel : { ...channel, query: queryFromWire(withoutEmptyLists(query as JsonObject)) };
}

/** A list has no presence in protobuf: an empty one is one that was not given. */
const withoutEmptyLists = (json: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(json).filter(([, value]) => !(Array.isArray(value) && value.length === 0)));
