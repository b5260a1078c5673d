/**
 * The kinds of channels, one entry each: how a name is read, what identifies the data, and what it costs. The table is total by types. All
 * kinds are opened by the bus's `subscribe`, and are sent as snapshots and merge patches by a ChannelFeed.
 */
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import {
  type ChainAddresses,
  canonicalId,
  formatTokenId,
  NO_CHAIN_ADDRESSES,
  parseTokenId,
} from "../../shared/token-id.ts";
import { ProblemError } from "../problems.ts";
import type { ChannelOptions } from "./channel-options.ts";

type Asked = {
  /** The whole name, as the client wrote it. */
  readonly name: string;
  /** The part of the name after the kind and its colon. */
  readonly rest: string;
  readonly options: ChannelOptions;
  /** Names of the configured windows. */
  readonly windows: readonly string[];
  readonly chains: ChainAddresses;
};

type ChannelKind<T extends ChannelSpec> = {
  /** How a name is written. */
  readonly form: string;
  /** Returns undefined for a name that is not of this form. Throws ProblemError `unknown_channel` if it names something that does not exist. */
  parse(asked: Asked): T | undefined;
  /** The canonical name as far as it is known without asking the owner. */
  nameOf(spec: T): string;
  /** Everything that determines the data, except the name. */
  selectionOf(spec: T): readonly (string | number)[];
  /** Distinguishes channels of the same name and selection while it is not known what the name stands for. */
  readingOf(spec: T): string;
  /** Windows whose figures the data holds. */
  windowsOf(spec: T): readonly string[];
  /** The most rows that the data holds, which is the measure of its cost. A row is the figures of one token in one window. */
  rowsOf(spec: T): number;
  /** The canonical id of a token that a later swap may name; undefined if there is none. */
  awaitedIdOf(spec: T): string | undefined;
};

const kinds: { readonly [K in ChannelSpec["kind"]]: ChannelKind<Extract<ChannelSpec, { kind: K }>> } = {
  token: {
    form: "token:<id>",
    parse: tokenChannel,
    nameOf: ({ token }) => `token:${token}`,
    selectionOf: selectionOfNames,
    readingOf: ({ prefer }) => String(prefer),
    windowsOf: ({ windows }) => windows,
    rowsOf: ({ windows }) => windows.length,
    awaitedIdOf: ({ token }) => idThatMayCome(token),
  },
  overview: {
    form: "overview:<window>:<sort>",
    parse: overviewChannel,
    nameOf: ({ window, sort }) => `overview:${window}:${sort}`,
    selectionOf: (spec) => [...selectionOfNames(spec), spec.limit],
    readingOf: () => "",
    windowsOf: ({ window, windows }) => [window, ...(windows ?? [])],
    rowsOf: ({ limit, windows }) => limit * Math.max(1, windows?.length ?? 0),
    awaitedIdOf: () => undefined,
  },
};

/** Channels of a later version. */
const PLANNED: Readonly<Record<string, string>> = {
  swaps: "Channels swaps:<id> are not part of this version; subscribe to token:<id>.",
};

const kindOf = (spec: ChannelSpec): ChannelKind<ChannelSpec> => kinds[spec.kind];
const kindNamed = (name: string): ChannelKind<ChannelSpec> | undefined =>
  Object.hasOwn(kinds, name) ? kinds[name as ChannelSpec["kind"]] : undefined;

/** Parses the name of a channel. Throws ProblemError `unknown_channel` or `not_implemented` with the correct form. */
export function specOf(
  name: string,
  options: ChannelOptions,
  windows: readonly string[],
  chains: ChainAddresses = NO_CHAIN_ADDRESSES,
): ChannelSpec {
  const colon = name.indexOf(":");
  const kind = colon < 0 ? name : name.slice(0, colon);
  const rest = colon < 0 ? "" : name.slice(colon + 1);
  const spec = kindNamed(kind)?.parse({ name, rest, options, windows, chains });
  if (spec !== undefined) return spec;
  if (Object.hasOwn(PLANNED, kind)) throw new ProblemError("not_implemented", PLANNED[kind] as string);
  const forms = Object.values(kinds).map(({ form }) => form);
  throw new ProblemError(
    "unknown_channel",
    `${quoted(name)} is not a channel${didYouMean(kind, Object.keys(kinds))}. There are ${forms.join(" and ")}.`,
  );
}

/** Returns the canonical name, where the spec has its token by the canonical id. */
export const nameOfChannel = (spec: ChannelSpec): string => kindOf(spec).nameOf(spec);

export const windowsOfChannel = (spec: ChannelSpec): readonly string[] => kindOf(spec).windowsOf(spec);

export const rowsOfChannel = (spec: ChannelSpec): number => kindOf(spec).rowsOf(spec);

export const awaitedIdOf = (spec: ChannelSpec): string | undefined => kindOf(spec).awaitedIdOf(spec);

/** Returns equal keys for channels with equal data. */
export const keyOfChannel = (spec: ChannelSpec): string =>
  [nameOfChannel(spec), ...kindOf(spec).selectionOf(spec)].join("\n");

/** Returns equal keys for channels that may share one opening: the same name may stand for another token to a client that takes the largest. */
export const openingKeyOf = (spec: ChannelSpec): string => `${keyOfChannel(spec)}\n${kindOf(spec).readingOf(spec)}`;

function tokenChannel({ rest, options, windows, chains }: Asked): Extract<ChannelSpec, { kind: "token" }> | undefined {
  if (rest === "") return undefined;
  if (rest.length > requestLimits.tokenTextMax) {
    throw new ProblemError("unknown_channel", `A token has at most ${requestLimits.tokenTextMax} characters.`);
  }
  // The canonical form is known here without asking, so clients that write it differently share the feed at once.
  const token = canonicalId(rest, chains);
  const { fields, prefer } = options;
  return { kind: "token", token, windows: options.windows ?? windows, fields, prefer };
}

function overviewChannel({ name, rest, options, windows }: Asked): Extract<ChannelSpec, { kind: "overview" }> {
  const [window = "", sort = "", ...more] = rest.split(":");
  if (more.length > 0 || !windows.includes(window)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(name)} names no window of this service${didYouMean(window, windows)}. Write overview:<window>:<sort> with one of ${windows.join(", ")}.`,
    );
  }
  if (!sortFields.includes(sort as SortField)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(name)} names no figure to rank by${didYouMean(sort, sortFields)}. Write overview:<window>:<sort> with one of ${sortFields.join(", ")}.`,
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

/** Returns the requested windows and the window of the ranking, in the configured order, as over HTTP. Empty: only `stats`. */
function rowWindows(
  ranked: string,
  asked: readonly string[] | undefined,
  windows: readonly string[],
): readonly string[] {
  return asked === undefined ? [] : windows.filter((name) => name === ranked || asked.includes(name));
}

function selectionOfNames(spec: ChannelSpec): readonly string[] {
  return [`${spec.windows?.join(",")}`, `${spec.fields?.join(",")}`];
}

/** Bytes that a token may have in a swap. */
const TOKEN_BYTES_MAX = 128;

/** Returns undefined if the text is no id, or not one that a swap can have. */
function idThatMayCome(token: string): string | undefined {
  const id = parseTokenId(token);
  if (id === undefined || Buffer.byteLength(id.token) > TOKEN_BYTES_MAX) return undefined;
  return formatTokenId(id.chainId, id.token);
}

const QUOTED_CHARS_MAX = 80;

/** Returns the text as it may appear in a message. It is cut, so that a response is never much longer than the request. */
const quoted = (text: string): string => printableCut(text, QUOTED_CHARS_MAX);
