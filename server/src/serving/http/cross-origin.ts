/**
 * Pages of other origins. With a list of origins, their pages may do whatever any client may. With `*`, the pages of all origins may read, and none
 * may send swaps: a browser sends a preflight before a body of these media types, and the preflight is refused. Credentials are never allowed.
 */
import type { IncomingMessage } from "node:http";
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";
import type { HostRules } from "../../shared/host-rules.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";
import type { RepliesByRoute } from "./replies.ts";

/** Time for which a browser may cache a preflight. Chromium repeats it after two hours, Firefox after a day at the latest. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;
/** Fields that pages may read, of Connect and gRPC-Web too. */
export const EXPOSED_FIELDS =
  "etag, retry-after, ratelimit, ratelimit-policy, grpc-status, grpc-message, grpc-status-details-bin";
/** Fields that pages may send: those of this API, and those of Connect and gRPC-Web. */
const ALLOWED_FIELDS = [
  ...["authorization", "x-api-key", "content-type", "content-encoding", "if-none-match", "last-event-id"],
  ...["connect-protocol-version", "connect-timeout-ms", "grpc-timeout", "x-grpc-web", "x-user-agent"],
];
/** Characters of an origin that a refusal repeats. */
const ORIGIN_CHARS_SHOWN = 200;
const INGEST_PATH = "/api/swaps";

/** Whether every page may read. */
export const isOpenToAll = (origins: readonly string[]): boolean => origins.includes("*");

/**
 * Returns why a writing request of a page is refused. Undefined: the page may write, or the request is not from a page. Browsers send the origin of a
 * page with every POST. Preflights, which they send before most of these requests, are not relied on.
 */
export function writingPageProblem(
  { headers }: IncomingMessage,
  hosts: HostRules,
  allowed: readonly string[],
): ProblemError | undefined {
  const { origin } = headers;
  if (origin === undefined) {
    const site = headers["sec-fetch-site"];
    return site === "cross-site" || site === "same-site" ? refusedPage("another site") : undefined;
  }
  return allowed.includes(origin) || hosts.isOwnOrigin(origin, headers.host) ? undefined : refusedPage(origin);
}

const refusedPage = (origin: string): ProblemError =>
  new ProblemError(
    "origin_not_allowed",
    `Pages of ${printableCut(origin, ORIGIN_CHARS_SHOWN)} may not do this; api.cors lists the origins that may, api.hosts the names of this service.`,
  );

export async function registerCors(
  app: FastifyInstance,
  corsOrigins: readonly string[],
  replies: RepliesByRoute,
): Promise<void> {
  if (corsOrigins.length === 0) return;
  if (isOpenToAll(corsOrigins)) refuseIngest(app, replies);
  await app.register(cors, {
    origin: isOpenToAll(corsOrigins) ? "*" : [...corsOrigins],
    methods: ["GET", "HEAD", "POST"],
    allowedHeaders: ALLOWED_FIELDS,
    exposedHeaders: EXPOSED_FIELDS,
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    strictPreflight: false,
  });
}

/** Refuses preflights for swaps: the response has none of the fields that would allow the request. */
function refuseIngest(app: FastifyInstance, replies: RepliesByRoute): void {
  const text = "Pages of other origins may read here, and not send swaps; api.cors would have to list their origin.";
  app.addHook("onRequest", async (request, reply) => {
    if (request.method !== "OPTIONS" || request.url.split("?", 1)[0] !== INGEST_PATH) return;
    return replies.ofRequest(request).problem(request, reply, new ProblemError("origin_not_allowed", text));
  });
}
