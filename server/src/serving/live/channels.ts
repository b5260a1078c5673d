/**
 * The kinds of channels, one entry each: how a name is read, what identifies the data, and what it costs. The table is total by types. All
 * kinds are opened by the bus's `subscribe`, and are sent by a ChannelFeed.
 */
import { createHash } from "node:crypto";
import { candleIntervals } from "@swapstats/protocol/limits.ts";
import type { ServedWindow, Spark } from "@swapstats/protocol/screener/query.ts";
import type { ChannelSpec, RowSelection } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { type ChainAddresses, formatTokenId, NO_CHAIN_ADDRESSES, parseTokenId } from "../../shared/token-id.ts";
import { ProblemError } from "../problems.ts";
import { ScreenerRequests } from "../screener-requests.ts";
import {
  type Asked,
  candlesChannel,
  marketChannel,
  overviewChannel,
  quoted,
  screenerChannel,
  swapsChannel,
  tokenChannel,
} from "./channel-names.ts";
import type { ChannelOptions } from "./channel-options.ts";

type ChannelKind<T extends ChannelSpec> = {
  /** How a name is written. */
  readonly form: string;
  /**
   * Returns undefined for a name that is not of this form. Throws ProblemError `unknown_channel` if it names something that does not exist, and
   * `invalid_parameters` for options that channels of this kind cannot have.
   */
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

/** Candles that are as long as a row. */
const CANDLES_PER_ROW = 3;
/** Rows of the market in a window: all, and a few chains. */
const MARKET_ROWS = 5;

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
  candles: {
    form: "candles:<id>:<interval>",
    parse: candlesChannel,
    nameOf: ({ token, interval }) => `candles:${token}:${interval}`,
    selectionOf: ({ limit }) => [limit],
    readingOf: ({ prefer }) => String(prefer),
    windowsOf: () => [],
    rowsOf: ({ limit }) => Math.ceil(limit / CANDLES_PER_ROW),
    awaitedIdOf: ({ token }) => idThatMayCome(token),
  },
  swaps: {
    form: "swaps:<id>",
    parse: swapsChannel,
    nameOf: ({ token }) => `swaps:${token}`,
    selectionOf: ({ limit }) => [limit],
    readingOf: ({ prefer }) => String(prefer),
    windowsOf: () => [],
    rowsOf: ({ limit }) => limit,
    awaitedIdOf: ({ token }) => idThatMayCome(token),
  },
  market: {
    form: "market",
    parse: marketChannel,
    nameOf: () => "market",
    selectionOf: ({ windows }) => [windows.join(",")],
    readingOf: () => "",
    windowsOf: ({ windows }) => windows,
    rowsOf: ({ windows }) => windows.length * MARKET_ROWS,
    awaitedIdOf: () => undefined,
  },
  overview: {
    form: "overview:<window>:<sort>",
    parse: overviewChannel,
    nameOf: ({ window, sort }) => `overview:${window}:${sort}`,
    selectionOf: (spec) => [
      ...selectionOfNames(spec),
      ...[spec.limit, spec.order ?? "desc", spec.spark === undefined ? "" : JSON.stringify(spec.spark)],
    ],
    readingOf: () => "",
    windowsOf: ({ window, windows }) => [window, ...(windows ?? [])],
    rowsOf: ({ limit, windows, spark }) => limit * (Math.max(1, windows?.length ?? 0) + sparkRows(spark)),
    awaitedIdOf: () => undefined,
  },
  screener: {
    form: "screener with a query",
    parse: screenerChannel,
    nameOf: ({ query }) => `screener:${createHash("sha256").update(JSON.stringify(query)).digest("hex").slice(0, 16)}`,
    // The name stands for the whole query.
    selectionOf: () => [],
    readingOf: () => "",
    windowsOf: ({ query }) => query.windows,
    rowsOf: ({ query }) => query.limit * (query.windows.length + sparkRows(query.spark)),
    awaitedIdOf: () => undefined,
  },
};

/** A sparkline is about as long as the figures of a window. */
const sparkRows = (spark: Spark | undefined): number => (spark === undefined ? 0 : 1);

const kindOf = (spec: ChannelSpec): ChannelKind<ChannelSpec> => kinds[spec.kind];
const kindNamed = (name: string): ChannelKind<ChannelSpec> | undefined =>
  Object.hasOwn(kinds, name) ? kinds[name as ChannelSpec["kind"]] : undefined;

/** Parses the name of a channel. Throws ProblemError `unknown_channel` with the correct form, or `invalid_parameters`. */
export function specOf(
  name: string,
  options: ChannelOptions,
  windows: readonly ServedWindow[],
  chains: ChainAddresses = NO_CHAIN_ADDRESSES,
  intervals: readonly string[] = Object.keys(candleIntervals),
): ChannelSpec {
  const names = windows.map((window) => window.name);
  const screens = new ScreenerRequests(windows, chains);
  const colon = name.indexOf(":");
  const kind = colon < 0 ? name : name.slice(0, colon);
  const rest = colon < 0 ? "" : name.slice(colon + 1);
  const spec = kindNamed(kind)?.parse({ name, rest, options, windows: names, chains, intervals, screens });
  if (spec !== undefined) return spec;
  const forms = Object.values(kinds).map(({ form }) => form);
  throw new ProblemError(
    "unknown_channel",
    `${quoted(name)} is not a channel${didYouMean(kind, Object.keys(kinds))}. There are ${forms.join(" and ")}.`,
  );
}

/** Returns the canonical name, where the spec has its token by the canonical id. */
export const nameOfChannel = (spec: ChannelSpec): string => kindOf(spec).nameOf(spec);

/** Returns the name of a channel that waits for a token with this id. */
export const nameOfAwaited = (spec: ChannelSpec, id: string): string =>
  nameOfChannel("token" in spec ? { ...spec, token: id } : spec);

export const windowsOfChannel = (spec: ChannelSpec): readonly string[] => kindOf(spec).windowsOf(spec);

export const rowsOfChannel = (spec: ChannelSpec): number => kindOf(spec).rowsOf(spec);

export const awaitedIdOf = (spec: ChannelSpec): string | undefined => kindOf(spec).awaitedIdOf(spec);

/** Returns equal keys for channels with equal data. */
export const keyOfChannel = (spec: ChannelSpec): string =>
  [nameOfChannel(spec), ...kindOf(spec).selectionOf(spec)].join("\n");

/** Returns equal keys for channels that may share one opening: the same name may stand for another token to a client that takes the largest. */
export const openingKeyOf = (spec: ChannelSpec): string => `${keyOfChannel(spec)}\n${kindOf(spec).readingOf(spec)}`;

function selectionOfNames(spec: RowSelection): readonly string[] {
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
