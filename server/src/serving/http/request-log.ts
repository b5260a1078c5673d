/** What is noted of every request: its time in a metric, and at level debug a line in the log. */
import type { FastifyInstance } from "fastify";
import type { Logger } from "../../observability/logger.ts";
import type { Metrics } from "../../observability/metrics.ts";

/** Route of requests that match none, so that made-up paths make no series of their own. */
const UNMATCHED = "unmatched";

export function observeRequests(app: FastifyInstance, metrics: Metrics, logger: Logger): void {
  const logs = logger.isLevelEnabled("debug");
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.config.route ?? UNMATCHED;
    const elapsedMs = reply.elapsedTime;
    metrics.observeRequest(request.method, route, reply.statusCode, elapsedMs / 1000);
    if (logs) {
      logger.debug(
        { method: request.method, route, url: request.url, status: reply.statusCode, elapsed_ms: elapsedMs },
        "request",
      );
    }
    done();
  });
}
