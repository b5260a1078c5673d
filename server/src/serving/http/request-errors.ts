/** Converts the errors of the framework and its validator to problems. */
import type { FastifyError } from "fastify";
import { invalidParameters, type ValidationItem } from "../invalid-parameters.ts";
import { ProblemError, problemOf } from "../problems.ts";

const placeOf = { params: "path", querystring: "query", body: "body", headers: "header" } as const;

/** Returns the problem for an error of a route, a hook or the framework. */
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
