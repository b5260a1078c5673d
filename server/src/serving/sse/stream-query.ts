/** The query of `GET /api/stream`: its channels with their options, and the position from which they continue. */
import { createHash } from "node:crypto";
import { messageLimits } from "@swapstats/protocol/limits.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { type ChannelRequest, channelRequests } from "../live/channel-requests.ts";
import { ProblemError } from "../problems.ts";
import { parsePosition } from "./stream-position.ts";

export type StreamQuery = {
  /** In the order of the query; those that continue from a position have `from`. */
  readonly requests: readonly ChannelRequest[];
  /** Channels of a list in JSON whose options are not allowed. */
  readonly refused: readonly Refused[];
  /** Stands for the channels and everything that their data depends on. */
  readonly digest: string;
};

type Refused = { readonly channel: string; readonly problem: ProblemError };

const LISTS = ["windows", "fields"] as const;
const NUMBERS = ["limit", "conflate_ms"] as const;
const TEXTS = ["prefer", "order", "spark"] as const;
const PARAMETERS = ["channels", ...LISTS, ...NUMBERS, ...TEXTS, "checksum", "query", "last_event_id", "ticket"];
const SCREENER = "screener";
const DIGEST_CHARS = 6;

/**
 * Parses the query. `windows`: names of the configured ones. `lastEventId` is the header of that name, which browsers send when they connect again; it goes before the parameter. A
 * position of other channels or options is ignored. Throws ProblemError `invalid_parameters`, `too_many_subscriptions`, and those of `channelRequests`.
 */
export function parseStreamQuery(
  query: URLSearchParams,
  lastEventId: string | undefined,
  windows: readonly string[],
): StreamQuery {
  checkNames(query);
  const text = query.get("channels") ?? "";
  const isJson = text.startsWith("[");
  const channels = isJson
    ? jsonIn("channels", text, "list of channels")
    : text.split(",").filter((name) => name !== "");
  if (!Array.isArray(channels)) throw invalid("channels", "must be a list");
  if (channels.length === 0) {
    const example = "such as channels=token:1:0x...,overview:5m:volume_usd";
    throw invalid("channels", `must name at least one channel, ${example}`);
  }
  const shared: Record<string, unknown> = { checksum: flagIn(query.get("checksum")) };
  for (const name of TEXTS) shared[name] = query.get(name);
  for (const name of LISTS) shared[name] = query.get(name)?.split(",");
  for (const name of NUMBERS) shared[name] = numberIn(query.get(name));
  const rules = { member: "channels", windows, isResumed: undefined };
  const list = withScreenerQuery(channels, query.get("query"));
  const { requests, refused } = isJson
    ? requestsOfJson(list, shared, rules)
    : { requests: channelRequests(list, shared, { ...rules, isResumed: false }), refused: [] };
  const { streamChannelsMax: channelsMax } = messageLimits;
  if (requests.length + refused.length > channelsMax) {
    const message = `The stream names ${requests.length + refused.length} channels; a stream may have ${channelsMax}. Open another one for the rest.`;
    throw new ProblemError("too_many_subscriptions", message);
  }
  const digest = digestOf(requests);
  const position = lastEventId ?? query.get("last_event_id") ?? "";
  const held = parsePosition(position, digest, requests.length) ?? [];
  return { digest, refused, requests: requests.map((request, i) => withPosition(request, held[i])) };
}

function withPosition(request: ChannelRequest, held: { epoch: string; number: number } | undefined): ChannelRequest {
  if (held === undefined) return request;
  const { epoch, number } = held;
  // Channels of items continue after the number of an item, the others after a revision.
  const from = request.channel.startsWith("swaps:") ? { epoch, seq: number } : { epoch, rev: number };
  return { ...request, from };
}

function digestOf(requests: readonly ChannelRequest[]): string {
  const what = requests.map(({ channel, options: { conflateMs: _, ...options } }) => [channel, options]);
  return createHash("sha256").update(JSON.stringify(what)).digest("base64url").slice(0, DIGEST_CHARS);
}

/** Gives the screener among the channels its query. */
function withScreenerQuery(channels: readonly unknown[], text: string | null): readonly unknown[] {
  if (text === null) return channels;
  if (!channels.includes(SCREENER))
    throw invalid("query", `is for the channel ${SCREENER}, which channels does not name`);
  const query = jsonIn("query", text, "query of the screener");
  return channels.map((channel) => (channel === SCREENER ? { channel, query } : channel));
}

/**
 * Returns the channels of a list in JSON. Each has options of its own, and may have a position. One whose options are wrong is refused for itself, as the
 * others are the channels of other views of a page. Throws ProblemError when the list names a channel twice.
 */
function requestsOfJson(
  list: readonly unknown[],
  shared: Record<string, unknown>,
  rules: Parameters<typeof channelRequests>[2],
): Pick<StreamQuery, "requests" | "refused"> {
  const names = new Set<string>();
  const requests: ChannelRequest[] = [];
  const refused: Refused[] = [];
  for (const item of list) {
    const name = typeof item === "object" && item !== null && "channel" in item ? item.channel : item;
    if (typeof name !== "string")
      throw invalid("channels", "must have a name, or an object with channel, for each channel");
    // A response names its channels by the names of the request.
    if (names.has(name)) throw invalid("channels", `names ${printableCut(name)} twice`);
    names.add(name);
    try {
      requests.push(...channelRequests(item, shared, rules));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      refused.push({ channel: name, problem: error });
    }
  }
  return { requests, refused };
}

function jsonIn(name: string, text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(name, `must be the JSON of a ${what}`);
  }
}

/** A text that is neither stays as it is, so that its check names it. */
const flagIn = (given: string | null): unknown => (given === "true" ? true : given === "false" ? false : given);

/** A text that is no number stays as it is, so that its check names it. */
function numberIn(given: string | null): unknown {
  return given !== null && /^\d{1,15}$/.test(given) ? Number(given) : given;
}

function checkNames(query: URLSearchParams): void {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) {
      throw invalid(printableCut(name), `is not a parameter of this call${didYouMean(name, PARAMETERS)}`);
    }
    if (query.getAll(name).length > 1)
      throw invalid(name, "is given more than once; separate several values by commas");
  }
}

const invalid = (name: string, message: string): ProblemError =>
  new ProblemError("invalid_parameters", `${name} ${message}`, { errors: [{ in: "query", name, message }] });
