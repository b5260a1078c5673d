/** Converts what a validator finds wrong with a request to a problem. */
import type { ParameterError } from "@swapstats/protocol/schemas/problems.ts";
import { didYouMean } from "../shared/nearest.ts";
import { printableCut } from "../shared/printable-text.ts";
import { ProblemError } from "./problems.ts";

/** Errors that a problem document lists; the rest is cut. */
const LISTED_ERRORS_MAX = 100;

export type ValidationItem = {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  /** The value that was given. */
  readonly data?: unknown;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
};

/** Returns the problem with the errors of a validator that reports all of them, verbosely. */
export function invalidParameters(items: readonly ValidationItem[], place: ParameterError["in"]): ProblemError {
  const errors = items.slice(0, LISTED_ERRORS_MAX).map((item) => parameterError(item, place));
  const detail = errors.map(({ name, message }) => `${name} ${message}`).join("; ");
  return new ProblemError("invalid_parameters", detail, { errors });
}

function parameterError(item: ValidationItem, place: ParameterError["in"]): ParameterError {
  const { keyword, instancePath, params, parentSchema } = item;
  const at = place === "body" ? instancePath : instancePath.slice(1);
  if (keyword === "required")
    return { in: place, name: memberOf(at, params.missingProperty, place), message: "is required" };
  if (keyword === "additionalProperties") {
    const given = String(params.additionalProperty);
    const known = Object.keys((parentSchema?.properties ?? {}) as object);
    return {
      in: place,
      name: memberOf(at, given, place),
      message: `is not a parameter of this call${didYouMean(given, known)}`,
    };
  }
  const expected = parentSchema?.["x-expected"];
  const allowed = params.allowedValues;
  const name = at === "" ? place : at;
  const hint = hintOf(item);
  if (expected !== undefined) return { in: place, name, message: `must be ${expected}${hint}` };
  if (Array.isArray(allowed)) return { in: place, name, message: `must be one of ${allowed.join(", ")}${hint}` };
  return { in: place, name, message: item.message ?? "is not valid" };
}

const memberOf = (at: string, member: unknown, place: ParameterError["in"]): string =>
  place === "body" ? `${at}/${String(member)}` : `${at === "" ? "" : `${at}.`}${String(member)}`;

/** Times in ms are not below it, and times in seconds not above it until the year 5138. */
const SECONDS_MAX = 100_000_000_000;
/** Seconds of the year 1973; a smaller number is unlikely to be a time. */
const SECONDS_MIN = 100_000_000;
const HINT_CHARS_MAX = 64;

/** Returns what the given value may have meant. */
function hintOf({ data, parentSchema, params }: ValidationItem): string {
  if (parentSchema?.["x-time"] === true && typeof data === "number" && data >= SECONDS_MIN && data < SECONDS_MAX) {
    return ` (${data} looks like seconds; did you mean ${Math.round(data * 1_000)}?)`;
  }
  if (typeof data !== "string") return "";
  const names = (parentSchema?.["x-names"] ?? params.allowedValues) as readonly string[] | undefined;
  if (!Array.isArray(names)) return "";
  const wrong = data.split(",").find((part) => !names.includes(part));
  if (wrong === undefined) return "";
  const shown = data.includes(",") ? ` (not ${JSON.stringify(printableCut(wrong, HINT_CHARS_MAX))})` : "";
  return shown + didYouMean(wrong, names);
}
