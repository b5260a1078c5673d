/** Names of channels: what a client may write, and which topic of the bus it means. */

import { edgeFields, type SortField, type StatsField, sortFields, statsFields } from "@swapstats/protocol/figures.ts";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import { messageLimits } from "@swapstats/protocol/websocket.ts";
import type { Preference, Topic } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { type ChainAddresses, canonicalId, NO_CHAIN_ADDRESSES } from "../../shared/token-id.ts";
import { ProblemError } from "../problems.ts";

/** What a subscribe request asks for beside its channels, checked. */
export type ChannelOptions = {
  /** Names of configured windows, in their order; undefined: a token's data has all, a row of a ranking `stats` of the one it is ranked by. */
  readonly windows: readonly string[] | undefined;
  /** Names of figures in the order of service, without the edges of windows; empty: all. */
  readonly fields: readonly string[];
  /** For overview channels. */
  readonly limit: number;
  /** At most one update in this time; 0: every one. */
  readonly conflateMs: number;
  /** Undefined: as configured. */
  readonly prefer: Preference | undefined;
};

const KINDS = ["token", "overview"];

/** Throws ProblemError `unknown_channel` or `not_implemented` with what to write instead. */
export function topicOf(
  channel: string,
  options: ChannelOptions,
  windows: readonly string[],
  chains: ChainAddresses = NO_CHAIN_ADDRESSES,
): Topic {
  const colon = channel.indexOf(":");
  const kind = colon < 0 ? channel : channel.slice(0, colon);
  const rest = colon < 0 ? "" : channel.slice(colon + 1);
  if (kind === "token" && rest !== "") return tokenTopic(rest, options, windows, chains);
  if (kind === "overview") return overviewTopic(channel, rest, options, windows);
  if (kind === "swaps") {
    throw new ProblemError(
      "not_implemented",
      "Channels swaps:<id> are not part of this version; subscribe to token:<id>.",
    );
  }
  throw new ProblemError(
    "unknown_channel",
    `${quoted(channel)} is not a channel${didYouMean(kind, KINDS)}. There are token:<id> and overview:<window>:<sort>.`,
  );
}

function tokenTopic(token: string, options: ChannelOptions, windows: readonly string[], chains: ChainAddresses): Topic {
  if (token.length > requestLimits.tokenTextMax) {
    throw new ProblemError("unknown_channel", `A token has at most ${requestLimits.tokenTextMax} characters.`);
  }
  // The canonical form is known here without asking, so that clients who write it otherwise share the topic at once.
  const canonical = canonicalId(token, chains);
  const { fields, prefer } = options;
  return { kind: "token", token: canonical, windows: options.windows ?? windows, fields, prefer };
}

function overviewTopic(channel: string, rest: string, options: ChannelOptions, windows: readonly string[]): Topic {
  const [window = "", sort = "", ...more] = rest.split(":");
  if (more.length > 0 || !windows.includes(window)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(channel)} names no window of this service${didYouMean(window, windows)}. Write overview:<window>:<sort> with one of ${windows.join(", ")}.`,
    );
  }
  if (!sortFields.includes(sort as SortField)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(channel)} names no figure to rank by${didYouMean(sort, sortFields)}. Write overview:<window>:<sort> with one of ${sortFields.join(", ")}.`,
    );
  }
  return {
    kind: "overview",
    window,
    sort,
    limit: options.limit,
    windows: rowWindows(window, options.windows, windows),
    fields: options.fields,
  };
}

/** Windows whose figures the topic's data holds. */
/** As over HTTP: those that are asked for and the one that the ranking goes by, in the configured order; none: `stats` alone. */
function rowWindows(
  ranked: string,
  asked: readonly string[] | undefined,
  windows: readonly string[],
): readonly string[] {
  return asked === undefined ? [] : windows.filter((name) => name === ranked || asked.includes(name));
}

export const windowsOfTopic = (topic: Topic): readonly string[] =>
  topic.kind === "token" ? topic.windows : [topic.window, ...(topic.windows ?? [])];

/** How many rows of figures, of one token in one window each, the topic's data holds at most: the measure of its cost. */
export const rowsOfTopic = (topic: Topic): number =>
  topic.kind === "token" ? topic.windows.length : topic.limit * Math.max(1, topic.windows?.length ?? 0);

/** Equal for topics with equal data. */
export function keyOfTopic(topic: Topic): string {
  return topic.kind === "token"
    ? keyOf(`token:${topic.token}`, topic)
    : keyOf(`overview:${topic.window}:${topic.sort}`, topic);
}

/** The key of a topic under the canonical name of its channel. */
export function keyOf(channel: string, topic: Topic): string {
  const selection = `${channel}\n${topic.windows?.join(",")}\n${topic.fields?.join(",")}`;
  return topic.kind === "token" ? selection : `${selection}\n${topic.limit}`;
}

export type GivenOptions = {
  readonly windows: unknown;
  readonly fields: unknown;
  readonly limit: unknown;
  readonly conflateMs: unknown;
  readonly prefer: unknown;
};

/** Throws ProblemError `invalid_parameters`. Undefined or null selects all windows and figures, the default limit, no conflation. */
export function channelOptions(given: GivenOptions, windows: readonly string[]): ChannelOptions {
  const limit = given.limit ?? requestLimits.overviewDefault;
  if (!isIntegerIn(limit, 1, requestLimits.overviewMax)) {
    throw invalid(`limit must be an integer from 1 to ${requestLimits.overviewMax}`);
  }
  const conflateMs = given.conflateMs ?? 0;
  if (!isIntegerIn(conflateMs, 0, messageLimits.conflateMsMax)) {
    throw invalid(`conflate_ms must be an integer from 0 to ${messageLimits.conflateMsMax}`);
  }
  return {
    windows: namesOf(given.windows, "windows", windows, "a window of this service; it has"),
    fields: fieldsOf(namesOf(given.fields, "fields", statsFields, "a figure; there are")),
    limit,
    conflateMs,
    prefer: preference(given.prefer),
  };
}

function preference(given: unknown): Preference | undefined {
  if (given === undefined || given === null) return undefined;
  if (given === "refuse" || given === "largest") return given;
  throw invalid("prefer must be refuse or largest");
}

/** The edges of windows may be named as over HTTP, and are in no channel's data; `complete` is in it always. */
function fieldsOf(names: readonly string[] | undefined): readonly string[] {
  if (names === undefined) return [];
  const channelFields = statsFields.filter((name) => name === "complete" || !isEdge(name));
  const wanted = channelFields.filter((name) => name === "complete" || names.includes(name));
  return wanted.length === channelFields.length ? [] : wanted;
}

const isEdge = (name: StatsField): boolean => (edgeFields as readonly string[]).includes(name);

/** Names of a list that a client gave, in the order of `known`, each once. */
function namesOf(
  given: unknown,
  member: string,
  known: readonly string[],
  what: string,
): readonly string[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given) || given.length === 0 || !given.every((name) => typeof name === "string")) {
    throw invalid(`${member} must be a list of at least one of ${known.join(", ")}`);
  }
  const wanted = new Set<string>(given);
  const unknown = [...wanted].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const names = unknown
      .slice(0, NAMES_IN_MESSAGE_MAX)
      .map((name) => `${JSON.stringify(printableCut(name))}${didYouMean(name, known)}`);
    throw invalid(`${names.join(", ")} is not ${what} ${known.join(", ")}`);
  }
  return known.filter((name) => wanted.has(name));
}

const NAMES_IN_MESSAGE_MAX = 5;
const QUOTED_CHARS_MAX = 80;

/** The text as it may appear in a message: cut, so that an answer is never much longer than what it answers. */
const quoted = (text: string): string => printableCut(text, QUOTED_CHARS_MAX);

const isIntegerIn = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

const invalid = (message: string): ProblemError => new ProblemError("invalid_parameters", message);
