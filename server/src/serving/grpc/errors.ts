/**
 * Problems as errors of gRPC. The code follows from the problem's status over HTTP. The code of the problem itself is the `reason` of the detail
 * `google.rpc.ErrorInfo`; further details say when to try again, which parameters are wrong, and which tokens share a name.
 */
import { type DescMessage, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { type ProblemError, problemOf, problemTable } from "../problems.ts";
import { standardMessage } from "./standard-files.ts";

const CODES: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  408: Code.DeadlineExceeded,
  409: Code.FailedPrecondition,
  410: Code.FailedPrecondition,
  413: Code.ResourceExhausted,
  415: Code.InvalidArgument,
  422: Code.InvalidArgument,
  429: Code.ResourceExhausted,
  500: Code.Internal,
  501: Code.Unimplemented,
  503: Code.Unavailable,
};
const DOMAIN = "swapstats";

const errorInfo = standardMessage("google.rpc.ErrorInfo");
const retryInfo = standardMessage("google.rpc.RetryInfo");
const badRequest = standardMessage("google.rpc.BadRequest");
const lookUpError = messageDesc("LookUpError");

type Detail = { readonly desc: DescMessage; readonly value: Message };
const detail = (desc: DescMessage, json: JsonValue): Detail => ({
  desc,
  value: fromJson(desc, json, { ignoreUnknownFields: true }),
});

/** Returns the error of gRPC for an error of any kind. Errors of gRPC itself stay as they are. */
export function grpcError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const problem = problemOf(error);
  return new ConnectError(
    problem.message,
    CODES[problemTable[problem.code].status] ?? Code.Unknown,
    undefined,
    detailsOf(problem),
    problem,
  );
}

function detailsOf({ code, message, extras }: ProblemError): Detail[] {
  const { retryAfterSeconds } = problemTable[code];
  const { errors, candidates, more } = extras;
  const details = [detail(errorInfo, { reason: code, domain: DOMAIN })];
  if (retryAfterSeconds !== undefined) details.push(detail(retryInfo, { retryDelay: `${retryAfterSeconds}s` }));
  if (errors !== undefined) {
    const fieldViolations = errors.map((one) => ({ field: one.name, description: one.message }));
    details.push(detail(badRequest, { fieldViolations }));
  }
  if (candidates !== undefined) {
    const json = {
      code,
      message,
      candidates: candidates.map((one) => ({ ...one })),
      ...(more === undefined ? {} : { more }),
    };
    details.push(detail(lookUpError, json));
  }
  return details;
}
