/** Statistics, candles and swaps of tokens, and their ranking. */
import type { CandleInterval, SortField } from "@swapstats/protocol/stats.ts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ProblemError } from "../problems.ts";
import { type StatsAnswer, shortStatsText, statsText, type TaggedText } from "../query-executor.ts";
import type { NamedSelection } from "../selections.ts";
import { textTag, weakEtag } from "./etag.ts";
import { parseJsonBody } from "./json-body.ts";
import { JSON_CONTENT_TYPE, sendTagged, sendText } from "./replies.ts";
import { type RouteContext, routeOf } from "./route-context.ts";

type SelectionQuery = { readonly windows?: string; readonly fields?: string };
type TextOf = (answer: StatsAnswer) => string;

export function registerTokenRoutes(app: FastifyInstance, context: RouteContext): void {
  registerStats(app, context);
  registerManyStats(app, context);
  registerRanges(app, context);
  registerOverview(app, context);
}

function registerStats(app: FastifyInstance, context: RouteContext): void {
  app.route<{ Params: { id: string }; Querystring: SelectionQuery }>({
    ...routeOf(context, "tokenStats"),
    handler: (request, reply) => answerStats(context, request, reply, request.params.id, statsText),
  });
  app.route<{ Querystring: SelectionQuery & { token: string } }>({
    ...routeOf(context, "shortStats"),
    handler: (request, reply) => answerStats(context, request, reply, request.query.token, shortStatsText),
  });
}

/** The hot answer: given at once where the bus can, without a promise. */
function answerStats(
  { executor }: RouteContext,
  request: FastifyRequest<{ Querystring: SelectionQuery }>,
  reply: FastifyReply,
  token: string,
  textOf: TextOf,
): FastifyReply | Promise<FastifyReply> {
  const selection = executor.selections.parse(request.query.windows, request.query.fields);
  const answer = executor.tokenStatsNow(token, selection);
  if (answer !== undefined) return sendStats(request, reply, token, selection, answer, textOf);
  return executor
    .tokenStats(token, selection)
    .then((later) => sendStats(request, reply, token, selection, later, textOf));
}

function sendStats(
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  selection: NamedSelection,
  answer: StatsAnswer,
  textOf: TextOf,
): FastifyReply {
  // A name may stand for another token later, with the same revision by chance; so the tag of an answer to a name holds the id.
  const what = token === answer.id ? selection.tag : `${selection.tag}:${encodeURIComponent(answer.id)}`;
  return sendTagged(request, reply, JSON_CONTENT_TYPE, weakEtag(answer.epoch, answer.rev, what), () => textOf(answer));
}

function registerManyStats(app: FastifyInstance, context: RouteContext): void {
  const { bodies, executor } = context;
  const { jsonDepthMax } = context.options.limits;
  app.route<{ Body: { ids: string[]; windows?: string[]; fields?: string[] } }>({
    ...routeOf(context, "tokensStats"),
    preValidation: (request, _reply, done) => {
      const bytes = request.body as unknown;
      if (!(bytes instanceof Uint8Array)) {
        done(new ProblemError("bad_request", 'The request has no body; send {"ids":[..]}.'));
        return;
      }
      bodies.release(bytes.byteLength);
      (request as { body: unknown }).body = parseJsonBody(bytes, jsonDepthMax);
      done();
    },
    handler: async (request, reply) => {
      const { ids, windows, fields } = request.body;
      const text = await executor.tokensStats(ids, executor.selections.of(windows ?? [], fields ?? []));
      return sendText(reply, JSON_CONTENT_TYPE, text);
    },
  });
}

function registerRanges(app: FastifyInstance, context: RouteContext): void {
  const { executor } = context;
  app.route<{
    Params: { id: string };
    Querystring: { interval: CandleInterval; from?: number; to?: number; limit: number };
  }>({
    ...routeOf(context, "candles"),
    handler: async (request, reply) => {
      const { interval, from: fromMs, to: toMs, limit } = request.query;
      if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) throw emptyRange();
      const answer = await executor.candles(request.params.id, { interval, fromMs, toMs, limit });
      return sendWhole(request, reply, answer);
    },
  });
  app.route<{ Params: { id: string }; Querystring: { limit: number } }>({
    ...routeOf(context, "swaps"),
    handler: async (request, reply) =>
      sendWhole(request, reply, await executor.newestSwaps(request.params.id, request.query.limit)),
  });
}

function registerOverview(app: FastifyInstance, context: RouteContext): void {
  type Query = { window: string; sort: SortField; order: "asc" | "desc"; limit: number; cursor?: string };
  app.route<{ Querystring: Query }>({
    ...routeOf(context, "overview"),
    handler: async (request, reply) => {
      const { window, sort, order, limit, cursor } = request.query;
      const answer = await context.executor.overview({ window, sort, order, limit, cursor });
      const what = `${window}:${sort}:${order}:${limit}${cursor === undefined ? "" : `:${textTag(cursor)}`}`;
      return sendTagged(request, reply, JSON_CONTENT_TYPE, weakEtag(answer.epoch, answer.rev, what), () => answer.text);
    },
  });
}

/** Where an answer reaches back and which candles are complete changes without a revision; so the tag is of the text too. */
function sendWhole(request: FastifyRequest, reply: FastifyReply, answer: TaggedText): FastifyReply {
  const etag = weakEtag(answer.epoch, answer.rev, textTag(answer.text));
  return sendTagged(request, reply, JSON_CONTENT_TYPE, etag, () => answer.text);
}

const emptyRange = (): ProblemError =>
  new ProblemError("invalid_parameters", "from is later than to", {
    errors: [{ in: "query", name: "from", message: "must not be later than to" }],
  });
