/** From what the framework and its validator report to problems. */
import type { ParameterError } from "@swapstats/protocol/problems.ts";
import type { FastifyError } from "fastify";
import { ProblemError, problemOf } from "../problems.ts";

/** Errors that a document lists; more are cut. */
const LISTED_ERRORS_MAX = 100;

type ValidationItem = {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
};

const placeOf = { params: "path", querystring: "query", body: "body", headers: "header" } as const;

/** The problem for anything that a route, a hook or the framework threw. */
export function problemOfRequest(error: unknown): ProblemError {
  const failure = error as Partial<FastifyError>;
  if (Array.isArray(failure.validation)) {
    return invalidParameters(
      failure.validation as readonly ValidationItem[],
      placeOf[failure.validationContext as keyof typeof placeOf],
    );
  }
  switch (failure.code) {
    case "FST_ERR_BAD_URL":
      return new ProblemError("bad_request", "The path is not valid percent-encoded UTF-8.");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new ProblemError("uri_too_long", "A part of the path is too long.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new ProblemError("unsupported_media_type", "The Content-Type cannot be read; send application/json.");
    default:
      return problemOf(error);
  }
}

function invalidParameters(items: readonly ValidationItem[], place: ParameterError["in"]): ProblemError {
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
    return {
      in: place,
      name: memberOf(at, params.additionalProperty, place),
      message: "is not a parameter of this call",
    };
  }
  const expected = parentSchema?.["x-expected"];
  const allowed = params.allowedValues;
  const name = at === "" ? place : at;
  if (expected !== undefined) return { in: place, name, message: `must be ${expected}` };
  if (Array.isArray(allowed)) return { in: place, name, message: `must be one of ${allowed.join(", ")}` };
  return { in: place, name, message: item.message ?? "is not valid" };
}

const memberOf = (at: string, member: unknown, place: ParameterError["in"]): string =>
  place === "body" ? `${at}/${String(member)}` : `${at === "" ? "" : `${at}.`}${String(member)}`;
