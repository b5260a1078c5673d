/** Parses a client's text message into a checked request. */
import { messageLimits } from "@swapstats/protocol/limits.ts";
import type { RequestId } from "@swapstats/protocol/schemas/websocket.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { type ChannelOptions, channelOptions } from "../live/channel-options.ts";
import { ProblemError } from "../problems.ts";

export type ClientRequest =
  | {
      readonly kind: "subscribe";
      readonly id: RequestId | undefined;
      /** As the client wrote them, without repetition. */
      readonly channels: readonly string[];
      readonly options: ChannelOptions;
    }
  | { readonly kind: "unsubscribe"; readonly id: RequestId | undefined; readonly channels: readonly string[] }
  | {
      readonly kind: "refused";
      readonly id: RequestId | undefined;
      /** As far as they could be read. */
      readonly channels: readonly string[];
      readonly problem: ProblemError;
    };

export type RequestRules = {
  /** Names of the configured windows. */
  readonly windows: readonly string[];
  /** Channels that a connection may have open. */
  readonly channelsMax: number;
};

const WHAT_TO_SEND =
  'Send {"subscribe":"token:<id>"} or {"unsubscribe":"token:<id>"}, each also with a list of channels.';

const ACTIONS = ["subscribe", "unsubscribe", "resume"] as const;
const MEMBERS_OF = {
  subscribe: ["subscribe", "id", "windows", "fields", "limit", "conflate_ms", "prefer"],
  unsubscribe: ["unsubscribe", "id"],
} as const;
const UNKNOWN_MEMBERS_TOLD_MAX = 5;

type Members = Readonly<Record<string, unknown>>;

/** Never throws. Its work is linear in the length of the text. */
export function parseRequest(text: string, rules: RequestRules): ClientRequest {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return refused(
      undefined,
      [],
      new ProblemError("bad_message", `The message is not JSON. ${WHAT_TO_SEND}`, {}, error),
    );
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return refused(undefined, [], new ProblemError("bad_message", `The message is not a JSON object. ${WHAT_TO_SEND}`));
  }
  const members = message as Members;
  const id = requestId(members.id);
  if (id === false) {
    const rule = `a string of at most ${messageLimits.requestIdBytesMax} bytes, or an integer`;
    return refused(undefined, channelsNamed(members), new ProblemError("bad_message", `id must be ${rule}.`));
  }
  try {
    return requestOf(members, id, rules);
  } catch (error) {
    if (error instanceof ProblemError) return refused(id, channelsNamed(members), error);
    throw error;
  }
}

function requestOf(members: Members, id: RequestId | undefined, rules: RequestRules): ClientRequest {
  if (Object.hasOwn(members, "resume")) {
    throw new ProblemError(
      "not_implemented",
      "resume is not part of this version; subscribe again, a snapshot follows.",
    );
  }
  const isSubscribe = Object.hasOwn(members, "subscribe");
  const isUnsubscribe = Object.hasOwn(members, "unsubscribe");
  if (isSubscribe === isUnsubscribe) {
    const unknown = isSubscribe ? "" : unknownText(Object.keys(members), [...ACTIONS, ...MEMBERS_OF.subscribe]);
    throw new ProblemError(
      "bad_message",
      `The message must have one of subscribe and unsubscribe.${unknown} ${WHAT_TO_SEND}`,
    );
  }
  const action = isSubscribe ? "subscribe" : "unsubscribe";
  const known: readonly string[] = MEMBERS_OF[action];
  const unknown = unknownText(Object.keys(members), known);
  if (unknown !== "") {
    throw new ProblemError(
      "invalid_parameters",
      `A message with ${action} has the members ${known.join(", ")}.${unknown}`,
    );
  }
  const channels = channelList(members[action]);
  if (isUnsubscribe) return { kind: "unsubscribe", id, channels: atMost(channels, rules.channelsMax) };
  const { windows, fields, limit, conflate_ms: conflateMs, prefer } = members;
  return {
    kind: "subscribe",
    id,
    channels,
    options: channelOptions({ windows, fields, limit, conflateMs, prefer }, rules.windows),
  };
}

/** Names each unknown member, with a similar known name; empty if all members are known. */
function unknownText(names: readonly string[], known: readonly string[]): string {
  const unknown = names.filter((name) => !known.includes(name));
  const told = unknown
    .slice(0, UNKNOWN_MEMBERS_TOLD_MAX)
    .map((name) => ` ${JSON.stringify(printableCut(name))} is not one of them${didYouMean(name, known)}.`);
  const more = unknown.length - told.length;
  return `${told.join("")}${more > 0 ? ` ${more} more are not.` : ""}`;
}

function channelList(given: unknown): readonly string[] {
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list) || list.length === 0 || !list.every((name) => typeof name === "string")) {
    throw new ProblemError(
      "bad_message",
      `Channels must be a string, or a list of at least one string. ${WHAT_TO_SEND}`,
    );
  }
  return [...new Set<string>(list)];
}

/** Throws if there are more channels than a connection may have open: they cannot all be open, and each would get an error of its own. */
function atMost(channels: readonly string[], channelsMax: number): readonly string[] {
  if (channels.length <= channelsMax) return channels;
  const text = `The message names ${channels.length} channels to unsubscribe from; a connection may have ${channelsMax} open.`;
  throw new ProblemError("too_many_subscriptions", text);
}

/** Returns the channels of a request that is refused as a whole. */
function channelsNamed({ subscribe, unsubscribe }: Members): readonly string[] {
  const given = subscribe ?? unsubscribe;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.filter((name) => typeof name === "string");
}

/** Returns false for an id that is not allowed. */
function requestId(given: unknown): RequestId | undefined | false {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "string") return Buffer.byteLength(given) <= messageLimits.requestIdBytesMax ? given : false;
  return Number.isSafeInteger(given) ? (given as number) : false;
}

const refused = (id: RequestId | undefined, channels: readonly string[], problem: ProblemError): ClientRequest => ({
  kind: "refused",
  id,
  channels,
  problem,
});
