/** Routes of statistics, candles and swaps of tokens, and of their ranking. The query executor (query-executor.ts) responds. */
import type {
  CheckedQuery,
  candlesQuery,
  overviewQuery,
  selectionQuery,
  shortStatsQuery,
  swapsQuery,
  TokensStatsRequest,
  tokenPath,
} from "@swapstats/protocol/schemas/requests.ts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ProblemError } from "../problems.ts";
import { type QueryExecutor, type StatsResponse, shortStatsText, type TaggedText } from "../query-executor.ts";
import type { NamedSelection } from "../selections.ts";
import { matchesEtag, textTag, weakEtag } from "./etag.ts";
import { parseJsonBody } from "./json-body.ts";
import { JSON_CONTENT_TYPE, type Replies } from "./replies.ts";
import { type RouteContext, repliesOf, routeOf } from "./route-context.ts";
import { statsPayload } from "./stats-payload.ts";

type Path = CheckedQuery<typeof tokenPath>;
type SelectionQuery = CheckedQuery<typeof selectionQuery>;

export function registerTokenRoutes(app: FastifyInstance, context: RouteContext): void {
  registerStats(app, context);
  registerManyStats(app, context);
  registerRanges(app, context);
  registerOverview(app, context);
}

type StatsRequest = FastifyRequest<{ Querystring: SelectionQuery }>;

function registerStats(app: FastifyInstance, context: RouteContext): void {
  const { executor, lane } = context;
  const byId = repliesOf(context, "tokenStats");
  app.route<{ Params: Path; Querystring: SelectionQuery }>({
    ...routeOf(context, "tokenStats"),
    handler: async (request, reply) => {
      const { id } = request.params;
      const { selection, response } = await statsOf(executor, request, id);
      lane.learn(request.raw.url as string, id, selection);
      const etag = statsEtag(id, selection, response);
      reply.header("etag", etag);
      if (matchesEtag(request.headers["if-none-match"], etag)) return byId.notModified(request, reply);
      const { bytes, coding } = statsPayload(response, request.headers["accept-encoding"]);
      return byId.bytes(request, reply, JSON_CONTENT_TYPE, bytes, coding);
    },
  });
  const short = repliesOf(context, "shortStats");
  app.route<{ Querystring: CheckedQuery<typeof shortStatsQuery> }>({
    ...routeOf(context, "shortStats"),
    handler: async (request, reply) => {
      const { token } = request.query;
      const { selection, response } = await statsOf(executor, request, token);
      const etag = statsEtag(token, selection, response);
      return short.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => shortStatsText(response));
    },
  });
}

async function statsOf(
  executor: QueryExecutor,
  request: StatsRequest,
  token: string,
): Promise<{ selection: NamedSelection; response: StatsResponse }> {
  const selection = executor.selections.parse(request.query.windows, request.query.fields);
  const response =
    executor.tokenStatsNow(token, selection) ?? (await executor.tokenStats(token, selection, request.query.prefer));
  return { selection, response };
}

/** Returns the ETag. A name may stand for another token later, with the same revision by chance, so the tag for a name includes the id. */
export function statsEtag(token: string, selection: NamedSelection, response: StatsResponse): string {
  const name = token === response.id ? selection.tag : `${selection.tag}:${encodeURIComponent(response.id)}`;
  const what = response.chosen === undefined ? name : `${name}:${response.chosen.by}:${response.chosen.of}`;
  return weakEtag(response.epoch, response.rev, response.stale ? `${what}:stale` : what);
}

function registerManyStats(app: FastifyInstance, context: RouteContext): void {
  const { bodies, executor } = context;
  const { gate, limits } = context.options;
  const { jsonDepthMax } = limits;
  const replies = repliesOf(context, "tokensStats");
  app.route<{ Body: TokensStatsRequest }>({
    ...routeOf(context, "tokensStats"),
    preValidation: (request, _reply, done) => {
      const bytes = request.body as unknown;
      if (!(bytes instanceof Uint8Array)) {
        done(new ProblemError("bad_request", 'The request has no body; send {"ids":[..]}.'));
        return;
      }
      (request as { body: unknown }).body = parseJsonBody(bytes, jsonDepthMax);
      bodies.release(request.raw);
      done();
    },
    handler: async (request, reply) => {
      const { ids, windows, fields, prefer } = request.body;
      // The request itself has passed the gate already.
      const problem = gate.admit(gate.identify(request.raw), "tokensStats", ids.length - 1);
      if (problem !== undefined) throw problem;
      const text = await executor.tokensStats(ids, executor.selections.of(windows ?? [], fields ?? []), prefer);
      return replies.text(request, reply, JSON_CONTENT_TYPE, text);
    },
  });
}

function registerRanges(app: FastifyInstance, context: RouteContext): void {
  const { executor } = context;
  const candles = repliesOf(context, "candles");
  const swaps = repliesOf(context, "swaps");
  app.route<{ Params: Path; Querystring: CheckedQuery<typeof candlesQuery> }>({
    ...routeOf(context, "candles"),
    handler: async (request, reply) => {
      const { interval, from: fromMs, to: toMs, limit, prefer } = request.query;
      if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) throw emptyRange();
      const response = await executor.candles(request.params.id, { interval, fromMs, toMs, limit, prefer });
      return sendWhole(candles, request, reply, response);
    },
  });
  app.route<{ Params: Path; Querystring: CheckedQuery<typeof swapsQuery> }>({
    ...routeOf(context, "swaps"),
    handler: async (request, reply) =>
      sendWhole(
        swaps,
        request,
        reply,
        await executor.tokenText({ kind: "swaps", token: request.params.id, ...request.query }),
      ),
  });
}

function registerOverview(app: FastifyInstance, context: RouteContext): void {
  const replies = repliesOf(context, "overview");
  app.route<{ Querystring: CheckedQuery<typeof overviewQuery> }>({
    ...routeOf(context, "overview"),
    handler: async (request, reply) => {
      const { window, sort, order, limit, cursor, windows, fields } = request.query;
      const rows = context.executor.selections.ofRows(window, windows, fields);
      const response = await context.executor.overview({ window, sort, order, limit, cursor, rows });
      const page = cursor === undefined ? "" : `:${textTag(cursor)}`;
      const what = `${rows.tag}:${window}:${sort}:${order}:${limit}${page}${response.stale ? ":stale" : ""}`;
      const etag = weakEtag(response.epoch, response.rev, what);
      return replies.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => response.text);
    },
  });
}

/** Sends a text whose tag depends on the text too: available_from and complete candles change without a new revision. */
function sendWhole(replies: Replies, request: FastifyRequest, reply: FastifyReply, response: TaggedText): FastifyReply {
  const etag = weakEtag(response.epoch, response.rev, textTag(response.text));
  return replies.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => response.text);
}

const emptyRange = (): ProblemError =>
  new ProblemError("invalid_parameters", "from is later than to", {
    errors: [{ in: "query", name: "from", message: "must not be later than to" }],
  });
