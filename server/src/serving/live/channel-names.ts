/** Parses the names of channels, one function for each kind. They return undefined for a name that is not of the form of their kind. */
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import { type CandleInterval, requestLimits } from "@swapstats/protocol/limits.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { type ChainAddresses, canonicalId } from "../../shared/token-id.ts";
import { ProblemError } from "../problems.ts";
import type { ScreenerRequests } from "../screener-requests.ts";
import type { ChannelOptions } from "./channel-options.ts";

type SpecOf<K extends ChannelSpec["kind"]> = Extract<ChannelSpec, { readonly kind: K }>;

export type Asked = {
  /** The whole name, as the client wrote it. */
  readonly name: string;
  /** The part of the name after the kind and its colon. */
  readonly rest: string;
  readonly options: ChannelOptions;
  /** Names of the configured windows. */
  readonly windows: readonly string[];
  readonly chains: ChainAddresses;
  /** Intervals of candles that the buckets of this service fill. */
  readonly intervals: readonly string[];
  readonly screens: ScreenerRequests;
};

export function tokenChannel({ rest, options, windows, chains }: Asked): SpecOf<"token"> | undefined {
  const token = tokenIn(rest, chains);
  if (token === undefined) return undefined;
  const { fields, prefer } = options;
  return { kind: "token", token, windows: options.windows ?? windows, fields, prefer };
}

export function overviewChannel({ name, rest, options, windows, screens }: Asked): SpecOf<"overview"> {
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
    limit: limitOf(options, requestLimits.overviewDefault, requestLimits.overviewMax),
    ...(options.order === undefined ? {} : { order: options.order }),
    windows: rowWindows(window, options.windows, windows),
    fields: options.fields,
    ...(options.spark === undefined ? {} : { spark: screens.spark(options.spark) }),
  };
}

/** Throws ProblemError `invalid_parameters` if the limit is beyond that of the kind. */
function limitOf({ limit }: ChannelOptions, usual: number, max: number): number {
  if (limit === undefined || limit <= max) return limit ?? usual;
  throw new ProblemError("invalid_parameters", `limit must be an integer from 1 to ${max} for this channel`);
}

/** Returns the requested windows and the window of the ranking, in the configured order, as over HTTP. Empty: only `stats`. */
function rowWindows(
  ranked: string,
  asked: readonly string[] | undefined,
  windows: readonly string[],
): readonly string[] {
  return asked === undefined ? [] : windows.filter((name) => name === ranked || asked.includes(name));
}

export function candlesChannel(asked: Asked): SpecOf<"candles"> | undefined {
  const { name, rest, options, chains, intervals } = asked;
  // The token itself may hold a colon.
  const colon = rest.lastIndexOf(":");
  const token = tokenIn(rest.slice(0, Math.max(0, colon)), chains);
  if (token === undefined) return undefined;
  const interval = rest.slice(colon + 1);
  if (!intervals.includes(interval)) {
    throw new ProblemError(
      "unknown_channel",
      `${quoted(name)} names no interval of candles of this service${didYouMean(interval, intervals)}. Write candles:<id>:<interval> with one of ${intervals.join(", ")}.`,
    );
  }
  const limit = limitOf(options, requestLimits.channelCandlesDefault, requestLimits.channelItemsMax);
  return { kind: "candles", token, interval: interval as CandleInterval, limit, prefer: options.prefer };
}

export function swapsChannel({ rest, options, chains }: Asked): SpecOf<"swaps"> | undefined {
  const token = tokenIn(rest, chains);
  if (token === undefined) return undefined;
  const limit = limitOf(options, requestLimits.channelSwapsDefault, requestLimits.swapsMax);
  return { kind: "swaps", token, limit, prefer: options.prefer };
}

export function marketChannel({ name, options, windows }: Asked): SpecOf<"market"> | undefined {
  return name === "market" ? { kind: "market", windows: options.windows ?? windows } : undefined;
}

/** The canonical name can be given too, if the query comes with it. */
export function screenerChannel({ options, screens }: Asked): SpecOf<"screener"> {
  if (options.query === undefined) {
    const form = '{"channel":"screener","query":{..}}';
    throw new ProblemError("invalid_parameters", `A screener channel needs a query: ${form}.`);
  }
  const { query, cursor } = screens.query(withOptions(options, screens));
  if (cursor !== undefined) throw new ProblemError("invalid_parameters", "cursor is for pages, and not for a channel");
  return { kind: "screener", query, limit: query.limit };
}

/** Returns the query with the options of the channel, as far as it does not have them itself. */
function withOptions({ query, windows, fields, limit, spark }: ChannelOptions, screens: ScreenerRequests): unknown {
  if (typeof query !== "object" || query === null || Array.isArray(query)) return query;
  return {
    ...(windows === undefined ? {} : { windows }),
    ...(fields.length === 0 ? {} : { fields }),
    ...(limit === undefined ? {} : { limit }),
    ...(spark === undefined ? {} : { spark: screens.spark(spark) }),
    ...query,
  };
}

/** Returns the token that a name names, in its canonical form. Throws ProblemError `unknown_channel` for a text that is too long. */
function tokenIn(text: string, chains: ChainAddresses): string | undefined {
  if (text === "") return undefined;
  if (text.length > requestLimits.tokenTextMax) {
    throw new ProblemError("unknown_channel", `A token has at most ${requestLimits.tokenTextMax} characters.`);
  }
  // The canonical form is known here without asking, so clients that write it differently share the feed at once.
  return canonicalId(text, chains);
}

const QUOTED_CHARS_MAX = 80;

/** Returns the text as it may appear in a message. It is cut, so that a response is never much longer than the request. */
export const quoted = (text: string): string => printableCut(text, QUOTED_CHARS_MAX);
