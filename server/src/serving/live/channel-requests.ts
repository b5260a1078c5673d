/** Checks the list of channels of a request. Every door turns its requests into this form. */
import { messageLimits } from "@swapstats/protocol/limits.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";
import {
  type ChannelOptions,
  channelOptions,
  type GivenOptions,
  givenOptions,
  type OptionMembers,
  optionMembers,
} from "./channel-options.ts";
import { unknownMembers } from "./unknown-members.ts";

/** What a client holds of a channel: the data of a revision, or the items up to a number. */
export type Position = { readonly epoch: string } & ({ readonly rev: number } | { readonly seq: number });

/** A channel that a client asks for. */
export type ChannelRequest = {
  /** As the client wrote it. */
  readonly channel: string;
  readonly options: ChannelOptions;
  /** From where it is to continue; undefined: it starts with the whole data. */
  readonly from?: Position | undefined;
};

type ListRules = {
  /** The member of the request that holds the list; messages about its items name it. */
  readonly member: string;
  /** Names of the configured windows. */
  readonly windows: readonly string[];
  /** Whether each item has a position from which the channel continues; undefined: some may have one. */
  readonly isResumed: boolean | undefined;
};

type Members = Readonly<Record<string, unknown>>;

const POSITION_MEMBERS = ["epoch", "rev", "seq"] as const;
const MEMBERS: readonly string[] = ["channel", ...optionMembers];
const MEMBERS_RESUMED: readonly string[] = ["channel", ...POSITION_MEMBERS, ...optionMembers];

/**
 * Returns the channels of a list, or of a single item. An item is a name, or an object with `channel` and options of its own, which go before
 * those of the whole request, `shared`. A channel that is named again has the options of the last time. Throws ProblemError `bad_message` or
 * `invalid_parameters`.
 */
export function channelRequests(given: unknown, shared: OptionMembers, rules: ListRules): readonly ChannelRequest[] {
  const { member, isResumed } = rules;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw new ProblemError("bad_message", `${member} must name at least one channel.`);
  const sharedOptions = givenOptions(shared, rules.windows, "");
  const plain = channelOptions(sharedOptions, sharedOptions);
  const requests = new Map<string, ChannelRequest>();
  for (const [i, item] of list.entries()) {
    const where = Array.isArray(given) ? `${member}[${i}]` : member;
    let request: ChannelRequest;
    if (typeof item === "string" && isResumed !== true) request = { channel: item, options: plain };
    else request = requestOf(item, where, sharedOptions, rules);
    requests.set(keyOf(request), request);
  }
  return [...requests.values()];
}

/** Channels of one name and different queries are different channels. */
function keyOf({ channel, options: { query } }: ChannelRequest): string {
  return query === undefined ? channel : `${channel}\n${JSON.stringify(query)}`;
}

function requestOf(item: unknown, where: string, shared: GivenOptions, rules: ListRules): ChannelRequest {
  const isObject = typeof item === "object" && item !== null && !Array.isArray(item);
  const members = (isObject ? item : {}) as Members;
  const { channel } = members;
  if (typeof channel !== "string") {
    const text = rules.isResumed
      ? 'an object {"channel":"<name>","epoch":"..","rev":n}'
      : 'the name of a channel, or an object {"channel":"<name>"} with options';
    throw new ProblemError("bad_message", `${where} must be ${text}.`);
  }
  const isResumed = rules.isResumed ?? Object.hasOwn(members, "epoch");
  const known = isResumed ? MEMBERS_RESUMED : MEMBERS;
  const unknown = unknownMembers(members, known);
  if (unknown !== "") {
    throw new ProblemError("invalid_parameters", `${where} may have the members ${known.join(", ")}.${unknown}`);
  }
  const own = givenOptions(members, rules.windows, `${where}.`);
  const options = channelOptions(own, shared);
  return { channel, options, ...(isResumed ? { from: positionOf(members, where) } : {}) };
}

function positionOf({ epoch, rev, seq }: Members, where: string): Position {
  if (typeof epoch !== "string" || epoch.length > messageLimits.epochCharsMax) {
    const text = `${where}.epoch must be the epoch of the last message of the channel, a string; got ${shown(epoch)}.`;
    throw new ProblemError("invalid_parameters", text);
  }
  const isRev = rev !== undefined;
  const number = isRev ? rev : seq;
  if (isRev === (seq !== undefined) || !Number.isSafeInteger(number) || (number as number) < 0) {
    const text = `${where} must have rev, or seq for a channel of items, of the last message of the channel, an integer from 0.`;
    throw new ProblemError("invalid_parameters", text);
  }
  return isRev ? { epoch, rev: number as number } : { epoch, seq: number as number };
}

const SHOWN_CHARS_MAX = 40;
const shown = (value: unknown): string => printableCut(JSON.stringify(value) ?? "nothing", SHOWN_CHARS_MAX);
