/** Routes for swaps in, and for dead letters. */
import type { CheckedQuery, deadLettersQuery, ingestQuery } from "@swapstats/protocol/schemas/requests.ts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { IngestResult } from "../../ports/intake.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";
import { isOpenToAll, writingPageProblem } from "./cross-origin.ts";
import { JSON_CONTENT_TYPE } from "./replies.ts";
import { type RouteContext, repliesOf, routeOf } from "./route-context.ts";

/** The query after the check of its schema. */
type IngestQuery = CheckedQuery<typeof ingestQuery>;

/** Names of mappings that a message lists. */
const NAMES_SHOWN_MAX = 20;
const NAME_CHARS_MAX = 64;

export function registerIngestRoutes(app: FastifyInstance, context: RouteContext): void {
  const settings = routeOf(context, "ingest");
  app.route({
    ...settings,
    config: isOpenToAll(context.options.corsOrigins) ? { ...settings.config, cors: false } : settings.config,
    // Refuses before the body is read.
    onRequest: (request, _reply, done) => done(refusal(context, request)),
    handler: (request, reply) => takeSwaps(context, request, reply),
  });
  const replies = repliesOf(context, "deadLetters");
  app.route<{ Querystring: CheckedQuery<typeof deadLettersQuery> }>({
    ...routeOf(context, "deadLetters"),
    handler: async (request, reply) => {
      const { items: found, stale } = await context.executor.deadLetters(request.query.limit);
      // Clients may rely on partitions that are not negative. `feeder` says that this is no position in the log.
      const items = found.map((item) => (item.feeder === undefined ? item : { ...item, partition: 0 }));
      const body = stale ? { items, stale } : { items };
      return replies.text(request, reply, JSON_CONTENT_TYPE, JSON.stringify(body));
    },
  });
}

function refusal({ draining, options, hosts }: RouteContext, request: FastifyRequest): ProblemError | undefined {
  if (options.ingest.port === undefined) return disabled(options.ingest.reason);
  const page = writingPageProblem(request.raw, hosts, options.corsOrigins);
  if (page !== undefined) return page;
  if (draining)
    return new ProblemError("shutting_down", "The service is shutting down; send the swaps again in a moment.");
  const { mapping } = request.query as { mapping?: unknown };
  if (typeof mapping !== "string" || options.ingest.mappings.includes(mapping)) return undefined;
  return unknownMapping(mapping, options.ingest.mappings);
}

function unknownMapping(name: string, names: readonly string[]): ProblemError {
  const what = `There is no mapping ${JSON.stringify(printableCut(name, NAME_CHARS_MAX))}`;
  if (names.length === 0)
    return new ProblemError("not_found", `${what}: ingest.mappings names no folder with mappings.`);
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  const more = names.length > NAMES_SHOWN_MAX ? `, and ${names.length - NAMES_SHOWN_MAX} more` : "";
  return new ProblemError("not_found", `${what}${didYouMean(name, names)}; there are ${shown}${more}.`);
}

/** Hands the body over to the log (`ports/intake.ts`), and responds with 202 when its swaps are on disk. */
async function takeSwaps(context: RouteContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = request.body;
  if (!(body instanceof Uint8Array)) throw new ProblemError("bad_request", "The request has no body; send swaps.");
  const result = await handOver(context, request, body);
  const { metrics } = context.options;
  for (const { code } of result.rejected) metrics.addRejected(code, 1);
  if (result.records !== undefined) metrics.addMapped(result.records, result.skipped ?? 0);
  const isAllSkipped = result.rejected.length === 0 && (result.skipped ?? 0) > 0;
  if (result.accepted === 0 && !isAllSkipped) throw noneAccepted(result);
  reply.code(202);
  const text = JSON.stringify(result);
  return repliesOf(context, "ingest").text(request, reply, JSON_CONTENT_TYPE, text);
}

/** Resolves when the log has the accepted swaps on disk. Rejects with ProblemError `storage_failed` after the configured time. */
async function handOver(
  { options, bodies }: RouteContext,
  request: FastifyRequest,
  body: Uint8Array,
): Promise<IngestResult> {
  const { ingest } = options;
  if (ingest.port === undefined) throw disabled(ingest.reason);
  const { ingestTimeoutMs } = options.limits;
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = `The swaps were not on disk within ${ingestTimeoutMs} ms. They may be taken later; send them again, copies do no harm.`;
    reject(new ProblemError("storage_failed", text));
  }, ingestTimeoutMs).unref();
  try {
    const taken = ingest.port.ingest(body, (request.query as IngestQuery).mapping);
    // The log holds the bytes until it has finished, even if no request waits for it any more.
    bodies.keepUntil(request.raw, taken);
    return await Promise.race([taken, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const disabled = (reason: string): ProblemError => new ProblemError("ingest_disabled", reason);

function noneAccepted({ rejected, records }: IngestResult): ProblemError {
  const [first] = rejected;
  const detail =
    first === undefined
      ? `The body holds no ${records === undefined ? "event" : "record that makes a swap"}.`
      : `All ${rejected.length} events break a rule; the first: ${first.code}: ${first.message}`;
  return new ProblemError("no_event_accepted", detail, { accepted: 0, rejected });
}
