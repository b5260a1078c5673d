/** The route of the screener. The body is checked by the parser of queries, whose messages name the path in the query. */
import type { FastifyInstance } from "fastify";
import { PAST_WEIGHT } from "../operation-rules.ts";
import { historyOff, ProblemError } from "../problems.ts";
import { parseJsonBody } from "./json-body.ts";
import { JSON_CONTENT_TYPE } from "./replies.ts";
import { payForItems, type RouteContext, repliesOf, routeOf } from "./route-context.ts";

export function registerScreener(app: FastifyInstance, context: RouteContext): void {
  const { bodies, executor } = context;
  const { jsonDepthMax } = context.options.limits;
  const replies = repliesOf(context, "screener");
  app.route<{ Body: unknown }>({
    ...routeOf(context, "screener"),
    handler: async (request, reply) => {
      const bytes = request.body;
      if (!(bytes instanceof Uint8Array)) {
        throw new ProblemError("bad_request", "The request has no body; send a query, {} for all tokens.");
      }
      const value = parseJsonBody(bytes, jsonDepthMax);
      bodies.release(request.raw);
      const query = executor.screens.query(value);
      const { limit, windows } = query.query;
      if (query.at !== undefined) {
        const { past } = context.options;
        if (past === undefined) throw historyOff("at");
        await payForItems(context, request, reply, "screener", PAST_WEIGHT * limit * windows.length);
        return replies.text(request, reply, JSON_CONTENT_TYPE, await past.screener(query));
      }
      await payForItems(context, request, reply, "screener", limit * windows.length);
      const { text } = await executor.screener(query);
      return replies.text(request, reply, JSON_CONTENT_TYPE, text);
    },
  });
}
