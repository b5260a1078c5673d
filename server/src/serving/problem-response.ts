/** A problem as an HTTP response, for every door that begins with an HTTP request. */
import { STATUS_CODES } from "node:http";
import { type ProblemError, problemDocument, problemTable } from "./problems.ts";

export const PROBLEM_CONTENT_TYPE = "application/problem+json";
/** Characters of a request's path and query that a problem document repeats. */
const INSTANCE_CHARS_MAX = 1024;

export function instanceOf(url: string | undefined): string {
  return (url ?? "/").slice(0, INSTANCE_CHARS_MAX);
}

/** Returns a whole response with a problem document, for sockets without a response object. It announces the end of the connection. */
export function rawProblem(problem: ProblemError, url: string | undefined): string {
  const { status, retryAfterSeconds } = problemTable[problem.code];
  const body = JSON.stringify(problemDocument(problem, instanceOf(url)));
  const retry = retryAfterSeconds === undefined ? "" : `retry-after: ${retryAfterSeconds}\r\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n${retry}cache-control: no-store\r\nconnection: close\r\n\r\n${body}`
  );
}
