/** Checks the options that a client gives with its channels. */
import { edgeFields, type StatsField, statsFields } from "@swapstats/protocol/figures.ts";
import { messageLimits, requestLimits } from "@swapstats/protocol/limits.ts";
import type { Preference } from "../../ports/stats-bus.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";

/** The options of a subscribe request, checked. */
export type ChannelOptions = {
  /** Names of configured windows, in their order; undefined: all for a token; for a row of a ranking, `stats` of the window that it is ranked by. */
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

type GivenOptions = {
  readonly windows: unknown;
  readonly fields: unknown;
  readonly limit: unknown;
  readonly conflateMs: unknown;
  readonly prefer: unknown;
};

/** Throws ProblemError `invalid_parameters`. Undefined or null selects all windows and figures, the default limit, and no conflation. */
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

/** Clients may name the edges of windows, as over HTTP, but no channel's data has them. `complete` is always in the data. */
function fieldsOf(names: readonly string[] | undefined): readonly string[] {
  if (names === undefined) return [];
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
    throw invalid(`${names.join(", ")} is not ${what} ${known.join(", ")}`);
  }
  return known.filter((name) => wanted.has(name));
}

const NAMES_IN_MESSAGE_MAX = 5;

const isIntegerIn = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

const invalid = (message: string): ProblemError => new ProblemError("invalid_parameters", message);
