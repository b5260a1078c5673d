/** The few ways in which a call answers. Bodies are texts that are ready: no serialiser of the framework runs. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ProblemError, problemDocument, problemTable } from "../problems.ts";
import { matchesEtag } from "./etag.ts";

export const JSON_CONTENT_TYPE = "application/json; charset=utf-8";
export const HTML_CONTENT_TYPE = "text/html; charset=utf-8";
export const PROBLEM_CONTENT_TYPE = "application/problem+json";
/** Of a request's path and query, what a problem document repeats. */
const INSTANCE_CHARS_MAX = 1024;

/** Answers that browsers must not take for something else, and that must be asked for again each time. */
export function sendText(reply: FastifyReply, contentType: string, text: string): FastifyReply {
  reply.header("cache-control", "no-cache");
  reply.header("x-content-type-options", "nosniff");
  return reply.type(contentType).send(text);
}

/** The text with its tag, or 304 when the client has it already. `text` is called only when it is needed. */
export function sendTagged(
  request: FastifyRequest,
  reply: FastifyReply,
  contentType: string,
  etag: string,
  text: () => string,
): FastifyReply {
  reply.header("etag", etag);
  if (matchesEtag(request.headers["if-none-match"], etag)) {
    return reply.code(304).header("cache-control", "no-cache").send();
  }
  return sendText(reply, contentType, text());
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: ProblemError): FastifyReply {
  const { status, retryAfterSeconds } = problemTable[problem.code];
  const document = problemDocument(problem, instanceOf(request.raw.url));
  reply.code(status);
  if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
  reply.header("cache-control", "no-store");
  reply.header("x-content-type-options", "nosniff");
  // A Buffer, because the framework adds a charset to the type of a text, which this type does not have.
  return reply.type(PROBLEM_CONTENT_TYPE).send(Buffer.from(JSON.stringify(document)));
}

export function instanceOf(url: string | undefined): string {
  return (url ?? "/").slice(0, INSTANCE_CHARS_MAX);
}
