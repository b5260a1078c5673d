/**
 * Pages of other origins. A list of origins lets their pages do what any client can; `*` lets the pages of all origins read, and takes no
 * swaps from any of them: a browser asks before it sends a body of these media types, and is told no. Credentials are never allowed.
 */
import type { IncomingMessage } from "node:http";
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";
import type { HostRules } from "../../shared/host-rules.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";
import type { RepliesByRoute } from "./replies.ts";

/** How long a browser need not ask again; Chromium asks after two hours, Firefox after a day at the latest. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;
export const EXPOSED_FIELDS = "etag, retry-after";
/** Of an origin, what a refusal repeats. */
const ORIGIN_CHARS_SHOWN = 200;
const INGEST_PATH = "/api/swaps";

/** Whether every page may read. */
export const isOpenToAll = (origins: readonly string[]): boolean => origins.includes("*");

/**
 * Why a request of a page is refused that would change something; undefined: it may, or no page sent it. Browsers tell the origin of a
 * page with every POST. That they ask before most of these requests is not relied on.
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
    allowedHeaders: ["content-type", "content-encoding", "if-none-match"],
    exposedHeaders: EXPOSED_FIELDS,
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    strictPreflight: false,
  });
}

/** The answer to the browser's question has none of the fields that would allow it. */
function refuseIngest(app: FastifyInstance, replies: RepliesByRoute): void {
  const text = "Pages of other origins may read here, and not send swaps; api.cors would have to list their origin.";
  app.addHook("onRequest", async (request, reply) => {
    if (request.method !== "OPTIONS" || request.url.split("?", 1)[0] !== INGEST_PATH) return;
    return replies.ofRequest(request).problem(request, reply, new ProblemError("origin_not_allowed", text));
  });
}
