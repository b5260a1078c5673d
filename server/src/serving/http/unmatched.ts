/** Requests that no call takes: unknown paths, other methods, calls that this version does not have, `/ws` without WebSocket. */
import type { FastifyInstance } from "fastify";
import { ProblemError } from "../problems.ts";
import { WEBSOCKET_PATH } from "./connections.ts";
import { absentCalls } from "./operations.ts";
import type { RouteContext } from "./route-context.ts";

export function registerUnmatched(app: FastifyInstance, { operations, replies }: RouteContext): void {
  const known = [...operations, ...absentCalls].map(({ method, path }) => ({ method, path, pattern: patternOf(path) }));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] as string;
    const here = known.filter(({ pattern }) => pattern.test(path));
    if (path === WEBSOCKET_PATH) {
      reply.header("upgrade", "websocket");
      return replies
        .ofRequest(request)
        .problem(request, reply, new ProblemError("upgrade_required", "Connect to this path with WebSocket."));
    }
    if (here.length === 0) {
      const text = `There is no ${path.slice(0, PATH_CHARS_MAX)}; /docs lists all calls.`;
      return replies.ofRequest(request).problem(request, reply, new ProblemError("not_found", text));
    }
    if (here.some(({ method }) => method === request.method)) {
      const absent = absentCalls.find((call) => patternOf(call.path).test(path));
      return replies
        .ofRequest(request)
        .problem(request, reply, new ProblemError("not_implemented", `${absent?.what} is not part of this version.`));
    }
    const allowed = [...new Set(here.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])))].join(
      ", ",
    );
    reply.header("allow", allowed);
    const text = `${request.method} is not possible here; the path has ${allowed}.`;
    return replies.ofRequest(request).problem(request, reply, new ProblemError("method_not_allowed", text));
  });
}

/** Of a path that was asked for, what the answer repeats. */
const PATH_CHARS_MAX = 200;

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
