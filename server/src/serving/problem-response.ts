/** A problem as an HTTP response, for every door that begins with an HTTP request. */
import { STATUS_CODES } from "node:http";
import type { RateLimitState } from "../access/rate-limit-state.ts";
import { type ProblemError, problemDocument, problemTable } from "./problems.ts";

export const PROBLEM_CONTENT_TYPE = "application/problem+json";
/** Characters of a request's path and query that a problem document repeats. */
const INSTANCE_CHARS_MAX = 1024;

export function instanceOf(url: string | undefined): string {
  return (url ?? "/").slice(0, INSTANCE_CHARS_MAX);
}

/** Returns the header fields that a refusal has because of its problem and the limits of its sender. */
export function refusalFields(
  problem: ProblemError,
  limits: RateLimitState | undefined,
): [name: string, value: string][] {
  const { retryAfterSeconds } = problemTable[problem.code];
  const retry: [string, string][] = retryAfterSeconds === undefined ? [] : [["retry-after", String(retryAfterSeconds)]];
  return [...new Map([...retry, ...Object.entries(problem.fields), ...limitFields(limits)])];
}

/** Returns the header fields of every response to a sender who has a limit. */
export function limitFields(limits: RateLimitState | undefined): [name: string, value: string][] {
  if (limits === undefined) return [];
  return [
    ["ratelimit-policy", limits.policy],
    ["ratelimit", limits.limit],
  ];
}

/** Returns a whole response with a problem document, for sockets without a response object. It announces the end of the connection. */
export function rawProblem(problem: ProblemError, url: string | undefined, limits?: RateLimitState): string {
  const { status } = problemTable[problem.code];
  const body = JSON.stringify(problemDocument(problem, instanceOf(url)));
  const fields = refusalFields(problem, limits).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n${fields.join("")}cache-control: no-store\r\nconnection: close\r\n\r\n${body}`
  );
}
