/** Parses a client's text message into a checked request. */
import { messageLimits } from "@swapstats/protocol/limits.ts";
import type { RequestId } from "@swapstats/protocol/schemas/websocket.ts";
import { givenOptions, optionMembers } from "../live/channel-options.ts";
import { type ChannelRequest, channelRequests } from "../live/channel-requests.ts";
import { unknownMembers } from "../live/unknown-members.ts";
import { ProblemError } from "../problems.ts";

type Opening = {
  readonly id: RequestId | undefined;
  /** As the client wrote them, without repetition. */
  readonly channels: readonly string[];
  readonly requests: readonly ChannelRequest[];
};

export type ClientRequest =
  | ({ readonly kind: "subscribe" } & Opening)
  /** Its channels continue from positions. */
  | ({ readonly kind: "resume" } & Opening)
  | { readonly kind: "unsubscribe"; readonly id: RequestId | undefined; readonly channels: readonly string[] }
  | {
      readonly kind: "set";
      readonly id: RequestId | undefined;
      /** The one channel. */
      readonly channels: readonly [string];
      /** Undefined: it stays as it is. */
      readonly conflateMs: number | undefined;
      readonly checksum: boolean | undefined;
    }
  | {
      readonly kind: "pause";
      readonly id: RequestId | undefined;
      readonly channels: readonly [];
      /** False: it goes on. */
      readonly isPaused: boolean;
    }
  | {
      readonly kind: "auth";
      readonly id: RequestId | undefined;
      readonly channels: readonly [];
      readonly token: string;
    }
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

/** Each request has one of these, and may have these other members. */
const MEMBERS_OF = {
  subscribe: optionMembers,
  unsubscribe: [],
  resume: optionMembers,
  set: [],
  pause: [],
  auth: [],
} as const satisfies Record<string, readonly string[]>;
type Action = keyof typeof MEMBERS_OF;
const ACTIONS = Object.keys(MEMBERS_OF) as readonly Action[];
const SET_MEMBERS = ["channel", "conflate_ms", "checksum"] as const;

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
  const [action, ...more] = ACTIONS.filter((name) => Object.hasOwn(members, name));
  if (action === undefined || more.length > 0) {
    const unknown = action === undefined ? unknownMembers(members, [...ACTIONS, "id", ...optionMembers]) : "";
    const names = `${ACTIONS.slice(0, -1).join(", ")} and ${ACTIONS.at(-1)}`;
    throw new ProblemError("bad_message", `The message must have one of ${names}.${unknown} ${WHAT_TO_SEND}`);
  }
  const known: readonly string[] = [action, "id", ...MEMBERS_OF[action]];
  const unknown = unknownMembers(members, known);
  if (unknown !== "") {
    throw new ProblemError(
      "invalid_parameters",
      `A message with ${action} has the members ${known.join(", ")}.${unknown}`,
    );
  }
  const given = members[action];
  if (action === "unsubscribe") {
    return { kind: action, id, channels: atMost(channelList(given), rules.channelsMax) };
  }
  if (action === "set") return { kind: action, id, ...settingOf(given, rules) };
  if (action === "pause") {
    if (typeof given === "boolean") return { kind: action, id, channels: [], isPaused: given };
    throw new ProblemError("bad_message", "pause must be true, or false to go on.");
  }
  if (action === "auth") {
    if (typeof given === "string") return { kind: action, id, channels: [], token: given };
    throw new ProblemError("bad_message", "auth must be a token, the text of a JSON Web Token.");
  }
  const listRules = { member: action, windows: rules.windows, isResumed: action === "resume" };
  const requests = channelRequests(given, members, listRules);
  return { kind: action, id, channels: requests.map(({ channel }) => channel), requests };
}

function settingOf(
  given: unknown,
  rules: RequestRules,
): Pick<Extract<ClientRequest, { kind: "set" }>, "channels" | "conflateMs" | "checksum"> {
  const channel = nameIn(given);
  if (typeof channel !== "string" || typeof given === "string") {
    throw new ProblemError(
      "bad_message",
      'set must be an object {"channel":"<name>","conflate_ms":n,"checksum":true}.',
    );
  }
  const unknown = unknownMembers(given as object, SET_MEMBERS);
  if (unknown !== "") {
    throw new ProblemError("invalid_parameters", `set has the members ${SET_MEMBERS.join(", ")}.${unknown}`);
  }
  const { conflateMs, checksum } = givenOptions(given as Members, rules.windows, "set.");
  return { channels: [channel], conflateMs, checksum };
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
function channelsNamed({ subscribe, unsubscribe, resume, set }: Members): readonly string[] {
  const given = subscribe ?? unsubscribe ?? resume ?? set;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.map(nameIn).filter((name) => typeof name === "string");
}

const nameIn = (item: unknown): unknown =>
  typeof item === "object" && item !== null ? (item as Members).channel : item;

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
