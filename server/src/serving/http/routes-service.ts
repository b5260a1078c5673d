/** Routes for health, readiness, status and documents of the service. */
import type { Status } from "@swapstats/protocol/schemas/service.ts";
import type { ReadOnly } from "@swapstats/protocol/schemas/values.ts";
import type { FastifyInstance } from "fastify";
import { ProblemError } from "../problems.ts";
import { type Readiness, readinessOf } from "../readiness.ts";
import { docsPage } from "./docs-page.ts";
import { textTag } from "./etag.ts";
import { indexLinks, indexPage } from "./index-page.ts";
import { openApiOf } from "./openapi.ts";
import { PageAssets, registerAssets } from "./page-assets.ts";
import { HTML_CONTENT_TYPE, JSON_CONTENT_TYPE } from "./replies.ts";
import { type RouteContext, repliesOf, routeOf } from "./route-context.ts";

/** Pages load only files of this service, and contain no inline script or style. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
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
      const { partitions, counters, tokens, instances, problems } = await executor.status();
      const { instanceId, version, nowMs } = options;
      const uptimeMs = Math.max(0, nowMs() - context.startedMs);
      const body: ReadOnly<Status> = {
        instance: instanceId,
        version,
        uptime_ms: uptimeMs,
        tokens,
        partitions,
        counters,
        ...(instances === undefined ? {} : { instances }),
        ...(problems === undefined ? {} : { problems }),
      };
      return repliesOf(context, "status").text(request, reply, JSON_CONTENT_TYPE, JSON.stringify(body));
    },
  });
}

function registerDocuments(app: FastifyInstance, context: RouteContext): void {
  const { operations, options } = context;
  const document = openApiOf(operations, options.version, context.executor.windows);
  const documentText = JSON.stringify(document, undefined, 2);
  const documentTag = `W/"${textTag(documentText)}"`;
  const assets = new PageAssets();
  registerAssets(app, context, assets);
  const page = docsPage(operations, options.version, assets);
  const pageTag = `W/"${textTag(page)}"`;
  app.route({
    ...routeOf(context, "openapi"),
    handler: (request, reply) =>
      repliesOf(context, "openapi").tagged(request, reply, JSON_CONTENT_TYPE, documentTag, () => documentText),
  });
  app.route({
    ...routeOf(context, "docs"),
    handler: (request, reply) => {
      reply.header("content-security-policy", PAGE_POLICY);
      return repliesOf(context, "docs").tagged(request, reply, HTML_CONTENT_TYPE, pageTag, () => page);
    },
  });
  const links = indexLinks(context.executor.windows);
  app.route({
    ...routeOf(context, "index"),
    handler: (request, reply) => {
      reply.header("vary", "accept");
      if (!(request.headers.accept ?? "").includes("text/html")) {
        const text = JSON.stringify({ name: "swapstats", version: options.version, links });
        return repliesOf(context, "index").text(request, reply, JSON_CONTENT_TYPE, text);
      }
      reply.header("content-security-policy", PAGE_POLICY);
      return repliesOf(context, "index").text(
        request,
        reply,
        HTML_CONTENT_TYPE,
        indexPage(links, options.version, assets),
      );
    },
  });
}
