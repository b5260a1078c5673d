/** Names of channels: what a client may write, and which topic of the bus it means. */

import { requestLimits, type SortField, sortFields } from "@swapstats/protocol/stats.ts";
import { messageLimits } from "@swapstats/protocol/websocket.ts";
import type { Topic } from "../../bus/stats-bus.ts";
import { ProblemError } from "../problems.ts";

/** What a subscribe request asks for beside its channels, checked. */
export type ChannelOptions = {
  /** For token channels: names of configured windows, in their order. */
  readonly windows: readonly string[];
  /** For overview channels. */
  readonly limit: number;
  /** At most one update in this time; 0: every one. */
  readonly conflateMs: number;
};

const HEX_TOKEN_ID = /^[0-9]+:0[xX][0-9a-fA-F]+$/;

/** Throws ProblemError `unknown_channel` or `not_implemented` with what to write instead. */
export function topicOf(channel: string, options: ChannelOptions, windows: readonly string[]): Topic {
  const colon = channel.indexOf(":");
  const kind = colon < 0 ? channel : channel.slice(0, colon);
  const rest = colon < 0 ? "" : channel.slice(colon + 1);
  if (kind === "token" && rest !== "") return tokenTopic(rest, options);
  if (kind === "overview") return overviewTopic(channel, rest, options, windows);
  if (kind === "swaps") {
    throw new ProblemError(
      "not_implemented",
      "Channels swaps:<id> are not part of this version; subscribe to token:<id>.",
    );
  }
  throw new ProblemError(
    "unknown_channel",
    `${quoted(channel)} is not a channel. There are token:<id> and overview:<window>:<sort>.`,
  );
}

function tokenTopic(token: string, options: ChannelOptions): Topic {
  if (token.length > requestLimits.tokenTextMax) {
    throw new ProblemError("unknown_channel", `A token has at most ${requestLimits.tokenTextMax} characters.`);
  }
  // The canonical form is known here without asking, so that clients who write it in capitals share the topic at once.
  const canonical = HEX_TOKEN_ID.test(token) ? token.toLowerCase() : token;
  return { kind: "token", token: canonical, windows: options.windows };
}

function overviewTopic(channel: string, rest: string, options: ChannelOptions, windows: readonly string[]): Topic {
  const [window = "", sort = "", ...more] = rest.split(":");
  if (more.length > 0 || !windows.includes(window)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(channel)} names no window of this service. Write overview:<window>:<sort> with one of ${windows.join(", ")}.`,
    );
  }
  if (!sortFields.includes(sort as SortField)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(channel)} names no figure to rank by. Write overview:<window>:<sort> with one of ${sortFields.join(", ")}.`,
    );
  }
  return { kind: "overview", window, sort, limit: options.limit };
}

/** Windows whose figures the topic's data holds. */
export const windowsOfTopic = (topic: Topic): readonly string[] =>
  topic.kind === "token" ? topic.windows : [topic.window];

/** Equal for topics with equal data. */
export function keyOfTopic(topic: Topic): string {
  return topic.kind === "token"
    ? keyOf(`token:${topic.token}`, topic)
    : keyOf(`overview:${topic.window}:${topic.sort}`, topic);
}

/** The key of a topic under the canonical name of its channel. */
export function keyOf(channel: string, topic: Topic): string {
  return topic.kind === "token" ? `${channel}\n${topic.windows.join(",")}` : `${channel}\n${topic.limit}`;
}

/** Throws ProblemError `invalid_parameters`. Undefined selects all windows, the default limit, no conflation. */
export function channelOptions(
  given: { readonly windows: unknown; readonly limit: unknown; readonly conflateMs: unknown },
  windows: readonly string[],
): ChannelOptions {
  const limit = given.limit ?? requestLimits.overviewDefault;
  if (!isIntegerIn(limit, 1, requestLimits.overviewMax)) {
    throw invalid(`limit must be an integer from 1 to ${requestLimits.overviewMax}`);
  }
  const conflateMs = given.conflateMs ?? 0;
  if (!isIntegerIn(conflateMs, 0, messageLimits.conflateMsMax)) {
    throw invalid(`conflate_ms must be an integer from 0 to ${messageLimits.conflateMsMax}`);
  }
  return { windows: windowNames(given.windows, windows), limit, conflateMs };
}

function windowNames(given: unknown, windows: readonly string[]): readonly string[] {
  if (given === undefined || given === null) return windows;
  if (!Array.isArray(given) || given.length === 0) {
    throw invalid(`windows must be a list of at least one of ${windows.join(", ")}`);
  }
  const unknown = given.filter((name) => !windows.includes(name));
  if (unknown.length > 0) {
    const names = unknown.slice(0, NAMES_IN_MESSAGE_MAX).map((name) => quoted(JSON.stringify(name)));
    throw invalid(`${names.join(", ")} is not a window of this service; it has ${windows.join(", ")}`);
  }
  return windows.filter((name) => given.includes(name));
}

const NAMES_IN_MESSAGE_MAX = 5;
const QUOTED_CHARS_MAX = 80;

/** The text as it may appear in a message: cut, so that an answer is never much longer than what it answers. */
function quoted(text: string): string {
  return text.length <= QUOTED_CHARS_MAX ? text : `${text.slice(0, QUOTED_CHARS_MAX)}...`;
}

const isIntegerIn = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

const invalid = (message: string): ProblemError => new ProblemError("invalid_parameters", message);
