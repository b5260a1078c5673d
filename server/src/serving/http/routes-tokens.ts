/** Routes of statistics, candles and swaps of tokens, and of their ranking. The query executor (query-executor.ts) responds. */
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type {
  auditQuery,
  CheckedQuery,
  candlesQuery,
  marketQuery,
  overviewQuery,
  searchQuery,
  selectionQuery,
  shortStatsQuery,
  statsQuery,
  swapsQuery,
  TokensStatsRequest,
  tokenPath,
} from "@swapstats/protocol/schemas/requests.ts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { CandlesQuery } from "../history/past-candles.ts";
import type { PastQueries } from "../history/past-queries.ts";
import { PAST_WEIGHT } from "../operation-rules.ts";
import { emptyRange, historyOff, ProblemError } from "../problems.ts";
import { type QueryExecutor, type StatsResponse, shortStatsText, type TaggedText } from "../query-executor.ts";
import type { NamedSelection } from "../selections.ts";
import { matchesEtag, textTag, weakEtag } from "./etag.ts";
import { parseJsonBody } from "./json-body.ts";
import { JSON_CONTENT_TYPE, type Replies } from "./replies.ts";
import { payForItems, type RouteContext, repliesOf, routeOf } from "./route-context.ts";
import { statsPayload } from "./stats-payload.ts";

/** An audit costs as much as this many tokens of a batch: it reads every swap of its window. */
const AUDIT_WEIGHT = 100;

type Path = CheckedQuery<typeof tokenPath>;
type SelectionQuery = CheckedQuery<typeof selectionQuery>;
type StatsQuery = CheckedQuery<typeof statsQuery>;

export function registerTokenRoutes(app: FastifyInstance, context: RouteContext): void {
  registerStats(app, context);
  registerManyStats(app, context);
  registerRanges(app, context);
  registerAudit(app, context);
  registerOverview(app, context);
  registerMarket(app, context);
  registerSearch(app, context);
}

type StatsRequest = FastifyRequest<{ Querystring: SelectionQuery }>;

function registerStats(app: FastifyInstance, context: RouteContext): void {
  const { executor, lane } = context;
  const byId = repliesOf(context, "tokenStats");
  app.route<{ Params: Path; Querystring: StatsQuery }>({
    ...routeOf(context, "tokenStats"),
    handler: async (request, reply) => {
      const { id } = request.params;
      const { at } = request.query;
      if (at !== undefined) {
        return sendPast(byId, request, reply, await pastStatsOf(context, request, reply, at));
      }
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

/** Returns what answers for the past. Throws ProblemError `history_off`. */
function pastOf({ options }: RouteContext, what: string): PastQueries {
  if (options.past === undefined) throw historyOff(what);
  return options.past;
}

async function pastStatsOf(
  context: RouteContext,
  request: FastifyRequest<{ Params: Path; Querystring: StatsQuery }>,
  reply: FastifyReply,
  at: string,
): Promise<string> {
  const past = pastOf(context, "at");
  const { windows, fields, prefer } = request.query;
  const names = { windows: windows?.split(",") ?? [], fields: fields?.split(",") ?? [] };
  const selection = past.selection(names, "query");
  await payForItems(context, request, reply, "tokensStats", PAST_WEIGHT * selection.windows.length);
  return past.stats(request.params.id, selection, { at, place: "query" }, prefer);
}

async function pastOverviewOf(
  context: RouteContext,
  request: FastifyRequest<{ Querystring: CheckedQuery<typeof overviewQuery> }>,
  reply: FastifyReply,
  at: string,
): Promise<string> {
  const past = pastOf(context, "at");
  const { windows: names, fields: figures, at: _, ...ranking } = request.query;
  const { windows, fields } = context.executor.selections.ofRows(ranking.window, names, figures);
  const items = PAST_WEIGHT * ranking.limit * Math.max(1, windows.length);
  await payForItems(context, request, reply, "overview", items);
  return past.overview({ ...ranking, cursor: ranking.cursor, windows, fields }, { at, place: "query" });
}

/** Candles of a service without a history. */
function memoryCandles(executor: QueryExecutor, id: string, query: CandlesQuery): Promise<TaggedText> {
  const { interval, cursor, ...range } = query;
  if (cursor !== undefined) throw historyOff("cursor");
  if (interval === "1M") throw historyOff("interval 1M");
  return executor.candles(id, { interval, ...range });
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
  const { jsonDepthMax } = context.options.limits;
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
      const { ids, windows, fields, prefer, at } = request.body;
      if (at !== undefined) {
        const past = pastOf(context, "at");
        const selection = past.selection({ windows: windows ?? [], fields: fields ?? [] }, "body");
        await payForItems(context, request, reply, "tokensStats", PAST_WEIGHT * ids.length * selection.windows.length);
        const text = await past.manyStats(ids, selection, { at, place: "body" }, prefer);
        return replies.text(request, reply, JSON_CONTENT_TYPE, text);
      }
      await payForItems(context, request, reply, "tokensStats", ids.length);
      const text = await executor.tokensStats(ids, executor.selections.of(windows ?? [], fields ?? []), prefer);
      return replies.text(request, reply, JSON_CONTENT_TYPE, text);
    },
  });
}

function registerRanges(app: FastifyInstance, context: RouteContext): void {
  const { executor } = context;
  const { past } = context.options;
  const candles = repliesOf(context, "candles");
  const swaps = repliesOf(context, "swaps");
  app.route<{ Params: Path; Querystring: CheckedQuery<typeof candlesQuery> }>({
    ...routeOf(context, "candles"),
    handler: async (request, reply) => {
      const { interval, from: fromMs, to: toMs, limit, prefer, cursor } = request.query;
      if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) throw emptyRange();
      await payForItems(context, request, reply, "candles", limit);
      const { id } = request.params;
      const query = { interval, fromMs, toMs, limit, prefer, cursor };
      const response = await (past === undefined ? memoryCandles(executor, id, query) : past.candles(id, query));
      return sendWhole(candles, request, reply, response);
    },
  });
  app.route<{ Params: Path; Querystring: CheckedQuery<typeof swapsQuery> }>({
    ...routeOf(context, "swaps"),
    handler: async (request, reply) => {
      const { from, to, order, limit, cursor, prefer } = request.query;
      const needs = Object.entries({ from, to, order, cursor }).find(([, value]) => value !== undefined)?.[0];
      const isLong = limit > requestLimits.swapsMax;
      if (needs !== undefined || isLong) {
        const history = pastOf(context, needs ?? `limit above ${requestLimits.swapsMax}`);
        if (from !== undefined && to !== undefined && from > to) throw emptyRange();
        await payForItems(context, request, reply, "swaps", limit);
        const text = await history.swaps(request.params.id, { fromMs: from, toMs: to, order, limit, cursor, prefer });
        return sendPast(swaps, request, reply, text);
      }
      await payForItems(context, request, reply, "swaps", limit);
      const response = await executor.tokenText({ kind: "swaps", token: request.params.id, limit, prefer });
      return sendWhole(swaps, request, reply, response);
    },
  });
}

function registerAudit(app: FastifyInstance, context: RouteContext): void {
  const replies = repliesOf(context, "audit");
  app.route<{ Params: Path; Querystring: CheckedQuery<typeof auditQuery> }>({
    ...routeOf(context, "audit"),
    handler: async (request, reply) => {
      const { window, at, prefer } = request.query;
      const past = pastOf(context, "an audit");
      await payForItems(context, request, reply, "tokensStats", AUDIT_WEIGHT);
      const instant = at === undefined ? undefined : ({ at, place: "query" } as const);
      const text = await past.audit(request.params.id, window, instant, prefer);
      return replies.text(request, reply, JSON_CONTENT_TYPE, text);
    },
  });
}

function registerOverview(app: FastifyInstance, context: RouteContext): void {
  const replies = repliesOf(context, "overview");
  app.route<{ Querystring: CheckedQuery<typeof overviewQuery> }>({
    ...routeOf(context, "overview"),
    handler: async (request, reply) => {
      const { window, sort, order, limit, cursor, windows, fields, at } = request.query;
      if (at !== undefined) {
        return sendPast(replies, request, reply, await pastOverviewOf(context, request, reply, at));
      }
      const { selections, screens } = context.executor;
      const rows = selections.ofRows(window, windows, fields);
      await payForItems(context, request, reply, "overview", limit * Math.max(1, rows.windows.length));
      const spark = request.query.spark === undefined ? undefined : screens.spark(request.query.spark);
      const response = await context.executor.overview({ window, sort, order, limit, cursor, rows, spark });
      const page = cursor === undefined ? "" : `:${textTag(cursor)}`;
      const line = spark === undefined ? "" : `:${spark.field}:${spark.window}:${spark.points}`;
      const what = `${rows.tag}:${window}:${sort}:${order}:${limit}${line}${page}${response.stale ? ":stale" : ""}`;
      const etag = weakEtag(response.epoch, response.rev, what);
      return replies.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => response.text);
    },
  });
}

function registerMarket(app: FastifyInstance, context: RouteContext): void {
  const replies = repliesOf(context, "market");
  const { executor } = context;
  app.route<{ Querystring: CheckedQuery<typeof marketQuery> }>({
    ...routeOf(context, "market"),
    handler: async (request, reply) => {
      const selection = executor.selections.parse(request.query.windows, undefined);
      const response = await executor.market(selection);
      const etag = weakEtag(response.epoch, response.rev, `market:${selection.tag}${response.stale ? ":stale" : ""}`);
      return replies.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => response.text);
    },
  });
}

function registerSearch(app: FastifyInstance, context: RouteContext): void {
  const replies = repliesOf(context, "search");
  app.route<{ Querystring: CheckedQuery<typeof searchQuery> }>({
    ...routeOf(context, "search"),
    handler: async (request, reply) => {
      const { query, chain_id: chainId, limit } = request.query;
      return replies.text(request, reply, JSON_CONTENT_TYPE, await context.executor.search({ query, chainId, limit }));
    },
  });
}

/** Sends a text whose tag depends on the text too: available_from and complete candles change without a new revision. */
function sendWhole(replies: Replies, request: FastifyRequest, reply: FastifyReply, response: TaggedText): FastifyReply {
  const etag = weakEtag(response.epoch, response.rev, textTag(response.text));
  return replies.tagged(request, reply, JSON_CONTENT_TYPE, etag, () => response.text);
}

/** Sends a text from the history. It has no revision, so its tag is made of the text alone. */
function sendPast(replies: Replies, request: FastifyRequest, reply: FastifyReply, text: string): FastifyReply {
  return replies.tagged(request, reply, JSON_CONTENT_TYPE, weakEtag("history", 0, textTag(text)), () => text);
}
