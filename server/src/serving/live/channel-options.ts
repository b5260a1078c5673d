/** Checks the options that a client gives with its channels. */
import { edgeFields, type StatsField, statsFields } from "@swapstats/protocol/figures.ts";
import { messageLimits, requestLimits } from "@swapstats/protocol/limits.ts";
import type { Preference } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";

/** The options of a channel, checked. */
export type ChannelOptions = {
  /** Names of configured windows, in their order; undefined: all for a token; for a row of a ranking, `stats` of the window that it is ranked by. */
  readonly windows: readonly string[] | undefined;
  /** Names of figures in the order of service, without the edges of windows; empty: all. */
  readonly fields: readonly string[];
  /** Items of the data; undefined: as many as is usual for the kind of channel, which also has a limit of its own. */
  readonly limit: number | undefined;
  /** Of a ranking; undefined: descending. */
  readonly order: "asc" | "desc" | undefined;
  /** At most one update in this time; 0: every one. */
  readonly conflateMs: number;
  /** Undefined: as configured. */
  readonly prefer: Preference | undefined;
  /** Whether checksums are sent. */
  readonly checksum: boolean;
  /** Sparkline of the rows of a ranking, unchecked; undefined: none. */
  readonly spark: unknown;
  /** Of a screener channel, unchecked; undefined for other channels. */
  readonly query: unknown;
};

/** Options as far as they were given. */
export type GivenOptions = { readonly [Name in keyof ChannelOptions]: ChannelOptions[Name] | undefined };

/** Members of a request in which options are given. */
export const optionMembers = [
  "windows",
  "fields",
  "limit",
  "order",
  "conflate_ms",
  "prefer",
  "checksum",
  "spark",
  "query",
] as const;

/** Values of these members, unchecked. Undefined or null: not given. */
export type OptionMembers = { readonly [Name in (typeof optionMembers)[number]]?: unknown };

/**
 * Checks the options that are given. Throws ProblemError `invalid_parameters`. `where` stands in messages before the name of a member, such
 * as `subscribe[2].`.
 */
export function givenOptions(given: OptionMembers, windows: readonly string[], where: string): GivenOptions {
  return {
    windows: namesOf(given.windows, `${where}windows`, windows, "a window of this service; it has"),
    fields: fieldsOf(namesOf(given.fields, `${where}fields`, statsFields, "a figure; there are")),
    limit: integerOf(given.limit, `${where}limit`, 1, requestLimits.channelItemsMax),
    order: choiceOf(given.order, `${where}order`, ["asc", "desc"]),
    conflateMs: integerOf(given.conflate_ms, `${where}conflate_ms`, 0, messageLimits.conflateMsMax),
    prefer: choiceOf(given.prefer, `${where}prefer`, ["refuse", "largest"]),
    checksum: flagOf(given.checksum, `${where}checksum`),
    spark: given.spark ?? undefined,
    query: given.query,
  };
}

/** Returns the options of a channel: its own, then those of its request, then the defaults: all figures, and no conflation. */
export function channelOptions(own: GivenOptions, shared: GivenOptions): ChannelOptions {
  return {
    windows: own.windows ?? shared.windows,
    fields: own.fields ?? shared.fields ?? [],
    limit: own.limit ?? shared.limit,
    order: own.order ?? shared.order,
    conflateMs: own.conflateMs ?? shared.conflateMs ?? 0,
    prefer: own.prefer ?? shared.prefer,
    checksum: own.checksum ?? shared.checksum ?? false,
    spark: own.spark ?? shared.spark,
    query: own.query ?? shared.query,
  };
}

function choiceOf<T extends string>(given: unknown, member: string, choices: readonly [T, T]): T | undefined {
  if (given === undefined || given === null) return undefined;
  const choice = choices.find((one) => one === given);
  if (choice === undefined) throw invalid(`${member} must be ${choices.join(" or ")}`);
  return choice;
}

/** Clients may name the edges of windows, as over HTTP, but no channel's data has them. `complete` is always in the data. */
function fieldsOf(names: readonly string[] | undefined): readonly string[] | undefined {
  if (names === undefined) return undefined;
  const channelFields = statsFields.filter((name) => name === "complete" || !isEdge(name));
  const wanted = channelFields.filter((name) => name === "complete" || names.includes(name));
  return wanted.length === channelFields.length ? [] : wanted;
}

const isEdge = (name: StatsField): boolean => (edgeFields as readonly string[]).includes(name);

/** Returns the names of a list that a client gave, in the order of `known`, each once. */
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
    throw invalid(`${member}: ${names.join(", ")} is not ${what} ${known.join(", ")}`);
  }
  return known.filter((name) => wanted.has(name));
}

const NAMES_IN_MESSAGE_MAX = 5;

function flagOf(given: unknown, member: string): boolean | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "boolean") return given;
  throw invalid(`${member} must be true or false`);
}

function integerOf(given: unknown, member: string, min: number, max: number): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (Number.isInteger(given) && (given as number) >= min && (given as number) <= max) return given as number;
  throw invalid(`${member} must be an integer from ${min} to ${max}`);
}

const invalid = (message: string): ProblemError => new ProblemError("invalid_parameters", message);
