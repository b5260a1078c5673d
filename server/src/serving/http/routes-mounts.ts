/** Routes of other doors at this address; see `serving/mounts.ts`. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiCall } from "../../mcp/tools.ts";
import type { ConnectionGuard } from "../../shared/connection-guard.ts";
import { maskedTarget } from "../../shared/mask-secrets.ts";
import type { MountContext, MountRoute } from "../mounts.ts";
import { ProblemError, problemOf } from "../problems.ts";
import { isOpenToAll, writingPageProblem } from "./cross-origin.ts";
import { releasePlace } from "./listener.ts";
import type { RouteContext } from "./route-context.ts";

export function registerMounts(app: FastifyInstance, context: RouteContext, guard: ConnectionGuard): void {
  const { mounts, corsOrigins } = context.options;
  for (const mount of mounts) {
    const { method, path, operation, isWriting } = mount;
    app.route({
      method,
      url: path,
      config: {
        ...{ route: path, operation, operationMethod: method, mount },
        ...(isWriting && isOpenToAll(corsOrigins) ? { cors: false } : {}),
      },
      // Refuses before the body is read.
      onRequest: (request, _reply, done) => done(refusal(context, mount, request.raw)),
      handler: (request, reply) => handOver(app, context, guard, mount, request, reply),
    });
  }
}

function refusal(
  { draining, hosts, options }: RouteContext,
  { isStream, isWriting }: MountRoute,
  request: IncomingMessage,
): ProblemError | undefined {
  if (draining && (isStream || isWriting)) {
    return new ProblemError("shutting_down", "The service is shutting down; ask again in a moment.");
  }
  return isWriting ? writingPageProblem(request, hosts, options.corsOrigins) : undefined;
}

async function handOver(
  app: FastifyInstance,
  { options, replies }: RouteContext,
  guard: ConnectionGuard,
  mount: MountRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const response = reply.raw;
  reply.hijack();
  // Fields of the rules so far, such as those of CORS. The framework sends no response of its own any more.
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  if (mount.isStream) {
    releasePlace(request.raw);
    guard.stream(request.raw.socket);
  }
  const route = replies.of(mount.method, mount.path);
  try {
    await mount.handle(request.raw, response, contextOf(app, request));
    route.note(request.raw, response.statusCode);
  } catch (error) {
    const problem = problemOf(error);
    if (problem.code === "internal")
      options.logger.error({ err: problem, url: maskedTarget(request.url) }, "request failed");
    if (response.headersSent) response.destroy();
    else route.refuse(request.raw, response, problem);
  }
}

function contextOf(app: FastifyInstance, request: FastifyRequest): MountContext {
  const { body } = request;
  return {
    identity: request.identity,
    url: new URL(request.raw.url as string, "http://swapstats"),
    body: body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined,
    call: callOf(app, request),
  };
}

/** Fields by which the gate knows a client. */
const IDENTIFYING = ["authorization", "x-api-key", "x-forwarded-for", "forwarded", "host"] as const;

function callOf(app: FastifyInstance, { headers, raw }: FastifyRequest): ApiCall {
  const known = IDENTIFYING.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
  const { remoteAddress } = raw.socket;
  return async ({ method, path, body }) => {
    const { statusCode, payload } = await app.inject({
      ...{ method, url: path },
      headers: { ...Object.fromEntries(known), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body }),
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
    });
    return { status: statusCode, text: payload };
  };
}
