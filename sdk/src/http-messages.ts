/** Requests of calls as HTTP has them, and errors of responses. Pure: no call is made here. */
import { ClientError } from "./client-error.ts";
import type { Operation } from "./wire/operations.ts";
import type { ProblemDocument } from "./wire/problems.ts";

/** What a caller passes: path parameters in order, then the body, then the query, as the operation has them. */
type CallArguments = { readonly path: readonly string[]; readonly body: unknown; readonly query: object };

/** Splits the arguments of a call; those behind them are the options. */
export function splitArguments(operation: Operation, given: readonly unknown[]): CallArguments & { options: unknown } {
  const { path, body: hasBody, query: hasQuery } = operation;
  const rest = [...given];
  const params = rest.splice(0, path.split("{").length - 1) as readonly string[];
  const body = hasBody ? rest.shift() : undefined;
  const query = hasQuery ? ((rest.shift() as object | undefined) ?? {}) : {};
  return { path: params, body, query, options: rest[0] };
}

/** Returns address, method, header fields and body of a call. @param base address of the service without a slash at its end */
export function requestOf(
  base: string,
  { method, path, accept }: Operation,
  given: CallArguments,
): [string, RequestInit] {
  let at = 0;
  const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(given.path[at++]!));
  const query = queryText(given.query);
  const headers: Record<string, string> = { accept };
  const init: RequestInit = { method, headers };
  if (given.body !== undefined) {
    const isText = typeof given.body === "string";
    headers["content-type"] = isText ? "application/x-ndjson" : "application/json";
    init.body = isText ? (given.body as string) : JSON.stringify(given.body);
  }
  return [`${base}${filled}${query === "" ? "" : `?${query}`}`, init];
}

/** Lists are written with commas. Members without a value are left out. */
function queryText(query: object): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value != null) params.set(name, String(value));
  return params.toString();
}

/** Returns the error of a response that is no success. @param text its body */
export function errorOf(response: Response, text: string, nowMs: number): ClientError {
  const { status } = response;
  const retryAfterMs = waitOf(response.headers.get("retry-after"), nowMs);
  const problem = problemIn(text);
  if (problem !== undefined) return new ClientError(problem.code, problem.detail, { status, retryAfterMs, problem });
  const message = `${response.url} responded with status ${status} and no problem document. A proxy may have responded in place of the service.`;
  return new ClientError("bad_response", message, { status, retryAfterMs });
}

function problemIn(text: string): ProblemDocument | undefined {
  try {
    const document = JSON.parse(text) as Partial<ProblemDocument> | null;
    const isProblem = typeof document?.code === "string" && typeof document.detail === "string";
    return isProblem ? (document as ProblemDocument) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the milliseconds of the field Retry-After, which has seconds or a date. Undefined without the field. */
function waitOf(field: string | null, nowMs: number): number | undefined {
  if (field === null) return undefined;
  const seconds = Number(field);
  const waitMs = Number.isNaN(seconds) ? Date.parse(field) - nowMs : seconds * 1_000;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
