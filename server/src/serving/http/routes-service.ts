/** Routes for health, readiness, status and documents of the service. */
import type { HistoryWriting, Status } from "@swapstats/protocol/schemas/service.ts";
import type { ReadOnly } from "@swapstats/protocol/schemas/values.ts";
import type { FastifyInstance } from "fastify";
import type { HistoryHealth } from "../../ports/history-stream.ts";
import { ProblemError } from "../problems.ts";
import { type Readiness, readinessOf } from "../readiness.ts";
import { type AsyncApiDocument, asyncApiOf } from "./asyncapi.ts";
import { readDashboard, registerDashboardFiles } from "./dashboard.ts";
import { docsPage } from "./docs-page.ts";
import { textTag } from "./etag.ts";
import { indexLinks, indexPage } from "./index-page.ts";
import { type OpenApiDocument, openApiOf } from "./openapi.ts";
import { PageAssets, registerAssets } from "./page-assets.ts";
import { HTML_CONTENT_TYPE, JSON_CONTENT_TYPE } from "./replies.ts";
import { type RouteContext, repliesOf, routeOf, wantsPage } from "./route-context.ts";

/** Pages load only files of this service, and contain no inline script or style. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function registerServiceRoutes(app: FastifyInstance, context: RouteContext): void {
  registerHealth(app, context);
  registerDocuments(app, context);
}

function registerHealth(app: FastifyInstance, context: RouteContext): void {
  const { executor, options } = context;
  // Probes at the same time share one request to the state: they always get a response, so they must not use up resources.
  let looking: Promise<Readiness> | undefined;
  const readiness = (): Promise<Readiness> => {
    looking ??= readinessOf({
      executor,
      draining: context.draining,
      readyLagMs: options.readyLagMs,
      timeoutMs: options.limits.readyTimeoutMs,
      budgets: [...Object.values(context.budgets), executor.budget],
    }).finally(() => {
      looking = undefined;
    });
    return looking;
  };
  app.route({
    ...routeOf(context, "healthz"),
    handler: (request, reply) =>
      repliesOf(context, "healthz").text(request, reply, JSON_CONTENT_TYPE, '{"status":"ok"}'),
  });
  app.route({
    ...routeOf(context, "readyz"),
    handler: async (request, reply) => {
      const { reasons, problems } = await readiness();
      if (reasons.length > 0) throw new ProblemError("not_ready", reasons.join(" "), { reasons });
      return repliesOf(context, "readyz").text(
        request,
        reply,
        JSON_CONTENT_TYPE,
        JSON.stringify({ status: "ready", reasons, problems }),
      );
    },
  });
  app.route({
    ...routeOf(context, "status"),
    handler: async (request, reply) => {
      const { partitions, counters, tokens, instances, circuits, problems } = await executor.status();
      const feeders = options.feeders();
      const ofFeeders = feeders.flatMap(({ name, problem }) =>
        problem === undefined ? [] : [`Feeder ${name}: ${problem}`],
      );
      const history = writingOf(await options.history());
      const ofHistory = history?.problem === undefined ? [] : [history.problem];
      const own = [...ofFeeders, ...ofHistory];
      const { instanceId, version, nowMs } = options;
      const timeMs = nowMs();
      const uptimeMs = Math.max(0, timeMs - context.startedMs);
      const body: ReadOnly<Status> = {
        instance: instanceId,
        version,
        uptime_ms: uptimeMs,
        time: timeMs,
        tokens,
        partitions,
        counters,
        ...(instances === undefined ? {} : { instances }),
        ...(circuits === undefined || circuits.length === 0 ? {} : { circuits }),
        ...(feeders.length === 0 ? {} : { feeders: [...feeders] }),
        ...(history === undefined ? {} : { history }),
        ...(problems === undefined && own.length === 0 ? {} : { problems: [...(problems ?? []), ...own] }),
      };
      return repliesOf(context, "status").text(request, reply, JSON_CONTENT_TYPE, JSON.stringify(body));
    },
  });
}

function writingOf(health: HistoryHealth | undefined): HistoryWriting | undefined {
  if (health === undefined) return undefined;
  const { store, partitions, memoryBytes, spoolBytes, rowsWritten, rowsLost, gaps, isFull, problem } = health;
  return {
    store,
    partitions: partitions.map(({ partition, durable, waitingRows, lagMs }) => {
      return { partition, durable, waiting_rows: waitingRows, lag_ms: lagMs };
    }),
    ...{ memory_bytes: memoryBytes, spool_bytes: spoolBytes, rows_written: rowsWritten, rows_lost: rowsLost },
    ...{ gaps, full: isFull },
    ...(problem === undefined ? {} : { problem }),
  };
}

function registerDocuments(app: FastifyInstance, context: RouteContext): void {
  const { operations, options } = context;
  const { windows } = context.executor;
  registerDocument(app, context, "openapi", openApiOf(operations, options.version, windows));
  registerDocument(app, context, "asyncapi", asyncApiOf(options.version, windows));
  const assets = new PageAssets();
  registerAssets(app, context, assets);
  const page = docsPage(operations, options.version, assets);
  const pageTag = `W/"${textTag(page)}"`;
  app.route({
    ...routeOf(context, "docs"),
    handler: (request, reply) => {
      reply.header("content-security-policy", PAGE_POLICY);
      return repliesOf(context, "docs").tagged(request, reply, HTML_CONTENT_TYPE, pageTag, () => page);
    },
  });
  registerIndex(app, context, assets);
}

/** Browsers get the dashboard at `/`, or a page with links if there is none. Others get the links as JSON. */
function registerIndex(app: FastifyInstance, context: RouteContext, assets: PageAssets): void {
  const { dashboardDir, version } = context.options;
  const links = indexLinks(context.executor.windows);
  const text = JSON.stringify({ name: "swapstats", version, links });
  const dashboard = dashboardDir === undefined ? undefined : readDashboard(dashboardDir);
  if (dashboard !== undefined) registerDashboardFiles(app, context, dashboard);
  const isMissing = dashboardDir !== undefined && dashboard === undefined;
  const page = dashboard?.page ?? indexPage(links, version, assets, isMissing);
  const route = routeOf(context, "index");
  app.route({
    ...route,
    config: { ...route.config, ...(dashboard === undefined ? {} : { pageOperation: "dashboard" }) },
    handler: (request, reply) => {
      reply.header("vary", "accept");
      const replies = repliesOf(context, "index");
      if (!wantsPage(request)) return replies.text(request, reply, JSON_CONTENT_TYPE, text);
      reply.header("content-security-policy", PAGE_POLICY);
      reply.header("referrer-policy", "no-referrer");
      return replies.text(request, reply, HTML_CONTENT_TYPE, page);
    },
  });
}

function registerDocument(
  app: FastifyInstance,
  context: RouteContext,
  operation: "openapi" | "asyncapi",
  document: OpenApiDocument | AsyncApiDocument,
): void {
  const text = JSON.stringify(document, undefined, 2);
  const tag = `W/"${textTag(text)}"`;
  app.route({
    ...routeOf(context, operation),
    handler: (request, reply) =>
      repliesOf(context, operation).tagged(request, reply, JSON_CONTENT_TYPE, tag, () => text),
  });
}
