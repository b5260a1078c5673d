/**
 * The HTTP door. A request passes the listener (listener.ts), the routing, the gate, the schemas, and its handler (routes-*.ts), which responds by
 * replies.ts. Fastify routes requests and checks them by schemas. This door adds limits against slow and half-open clients,
 * problem documents for every failure, and responses that are texts made by their owners.
 */

import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import compress from "@fastify/compress";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Budget } from "../../shared/budget.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { HostRules } from "../../shared/host-rules.ts";
import { maskedTarget } from "../../shared/mask-secrets.ts";
import { type Passage, passGate } from "../gate.ts";
import { limitFields } from "../problem-response.ts";
import { ProblemError } from "../problems.ts";
import { createValidatorCompiler } from "../validators.ts";
import { BodyReader } from "./body-reader.ts";
import { createHttpBudgets } from "./budgets.ts";
import { type Listener, onUpgrade, upgradeOriginProblem } from "./connections.ts";
import { compressOptions } from "./content-coding.ts";
import { registerCors } from "./cross-origin.ts";
import { HotLane } from "./hot-lane.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import { createListener, refusalOf } from "./listener.ts";
import { operationsOf } from "./operations.ts";
import { RepliesByRoute, responseOf, startClock } from "./replies.ts";
import { problemOfRequest } from "./request-errors.ts";
import { ResponseBudget } from "./response-budget.ts";
import { type RouteContext, wantsPage } from "./route-context.ts";
import { registerAccessRoutes } from "./routes-access.ts";
import { registerIngestRoutes } from "./routes-ingest.ts";
import { registerMounts } from "./routes-mounts.ts";
import { registerScreener } from "./routes-screener.ts";
import { registerServiceRoutes } from "./routes-service.ts";
import { registerTokenRoutes, statsEtag } from "./routes-tokens.ts";
import { UnmatchedRequests } from "./unmatched.ts";

type ListenAddress = { readonly host: string; readonly port: number };

export type HttpServer = {
  /** Resources of requests, each with its limit. */
  readonly budgets: readonly Budget[];
  /** Resolves to the address with the port that was taken. Rejects with SwapstatsError `bad_config` when it cannot be used. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** From now on `/readyz` reports "not ready", and swaps and new WebSockets are refused. Queries still get responses. */
  startDraining(): void;
  /** Accepts no more connections, lets running requests end, and after `limitMs` destroys the connections that are left. */
  close(limitMs: number): Promise<void>;
};

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { limits, executor } = options;
  const { addressOf } = options.gate;
  const budgets = createHttpBudgets(limits, options.steadyMs);
  const responses = new ResponseBudget(budgets.responses, addressOf);
  const hosts = new HostRules(options.hostRule);
  const replies = new RepliesByRoute(options.metrics, options.logger, responses);
  const lane = new HotLane(options, replies.of("GET", "/api/tokens/{id}/stats"), statsEtag);
  const { app, listener } = createApp(options, replies, (handler) =>
    createListener(
      {
        ...{ limits, metrics: options.metrics, hosts, requests: budgets.requests, responses, lane, addressOf },
        refusals: replies.unmatched,
        tls: options.tls,
      },
      handler,
    ),
  );
  const context: RouteContext = {
    options,
    executor,
    operations: operationsOf(executor.windows),
    replies,
    lane,
    hosts,
    budgets,
    bodies: new BodyReader(budgets.bodies, limits, addressOf),
    startedMs: options.nowMs(),
    draining: false,
  };
  onUpgrade(
    listener,
    options.upgrade,
    () => context.draining,
    (request) => refusalOf(request, hosts, limits) ?? upgradeOriginProblem(request, hosts, options.corsOrigins),
  );

  app.decorateRequest("identity");
  app.setValidatorCompiler(createValidatorCompiler());
  respondToFailures(app, context);
  app.addHook("onRequest", (request, reply, done) => {
    // The calls of other doors (`MountContext.call`) have not passed the listener.
    if (responseOf(request.raw) === undefined) startClock(request.raw, reply.raw);
    done();
  });
  // The CORS plugin responds to preflights by itself, and adds its fields to everything that comes after it.
  passRequests(app, context, (method) => method === "OPTIONS");
  await registerCors(app, context.options.corsOrigins, context.replies);
  passRequests(app, context, (method) => method !== "OPTIONS");
  refuseUnmatched(app, context);
  await app.register(compress, compressOptions);
  readBodies(app, context);
  registerTokenRoutes(app, context);
  registerScreener(app, context);
  registerIngestRoutes(app, context);
  registerAccessRoutes(app, context);
  registerServiceRoutes(app, context);
  registerMounts(app, context, listener.guard);
  await app.ready();

  const all = [budgets.bodies, budgets.responses, budgets.requests, executor.budget];
  for (const budget of all) options.metrics.watchBudget(budget);
  options.metrics.watchBudget({
    name: "http_connections",
    limit: limits.connectionsMax,
    get used() {
      return listener.guard.connections;
    },
    get refused() {
      return options.metrics.connectionsDropped;
    },
  });
  return {
    budgets: all,
    listen: (address) => listen(app, address),
    startDraining: () => {
      context.draining = true;
    },
    close: (limitMs) => close(app, listener, limitMs, context),
  };
}

type RequestHandler = Parameters<typeof createListener>[1];

function createApp(
  { limits }: HttpServerOptions,
  replies: RepliesByRoute,
  listen: (handler: RequestHandler) => Listener,
): { readonly app: FastifyInstance; readonly listener: Listener } {
  let listener: Listener | undefined;
  const app = Fastify({
    logger: false,
    // The context has its own flag for shutting down, and problem documents report it to clients.
    return503OnClosing: false,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: limits.uriCharsMax },
    serverFactory: (handler) => {
      listener = listen(handler);
      return listener.server;
    },
    // The listener has its own.
    clientErrorHandler: () => {},
    frameworkErrors: (error, request, reply) => {
      replies.ofRequest(request).problem(request, reply, problemOfRequest(error));
    },
  });
  return { app, listener: listener as Listener };
}

/** Passes requests with such a method through the gate, after routing and before the schemas and the body. */
function passRequests(
  app: FastifyInstance,
  { options, replies }: RouteContext,
  isMeant: (method: string) => boolean,
): void {
  const { gate } = options;
  app.addHook("onRequest", (request, reply, done) => {
    if (!isMeant(request.method)) return done();
    const { operation: ordinary, pageOperation } = request.routeOptions.config;
    const operation = (wantsPage(request) ? pageOperation : undefined) ?? ordinary ?? UNMATCHED_OPERATION;
    const go = ({ problem, limits, identity }: Passage): void => {
      for (const [name, value] of limitFields(limits)) reply.header(name, value);
      if (problem !== undefined) return void replies.ofRequest(request).problem(request, reply, problem);
      request.identity = identity;
      done();
    };
    const passage = passGate(gate, request.raw, operation, 1);
    if (passage instanceof Promise) void passage.then(go);
    else go(passage);
  });
}

/** Returns the handler of requests that no operation takes. */
function refuserOf({ operations, options, replies }: RouteContext) {
  const unmatched = new UnmatchedRequests([...operations, ...options.mounts]);
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { problem, headers } = unmatched.explain(request.method, request.url);
    return replies.ofRequest(request).problem(request, reply.headers(headers), problem);
  };
}

/** Refuses requests that match no operation before their body is read. */
function refuseUnmatched(app: FastifyInstance, context: RouteContext): void {
  const refuse = refuserOf(context);
  app.addHook("onRequest", (request, reply, done) => {
    if (request.is404) refuse(request, reply);
    else done();
  });
}

function respondToFailures(app: FastifyInstance, context: RouteContext): void {
  const { options, replies } = context;
  const refuse = refuserOf(context);
  app.setNotFoundHandler(refuse);
  app.setErrorHandler((error, request, reply) => {
    // If no operation matches, other problems of the request do not matter.
    if (request.routeOptions.config.route === undefined) return refuse(request, reply);
    const problem = problemOfRequest(error);
    if (problem.code === "internal")
      options.logger.error({ err: problem, url: maskedTarget(request.url) }, "request failed");
    return replies.ofRequest(request).problem(request, reply, problem);
  });
}

/** Reads bodies as bytes, and only those of the API's media types. Routes parse them. */
function readBodies(app: FastifyInstance, context: RouteContext): void {
  const { limits, maxBodyBytes } = context.options;
  app.removeAllContentTypeParsers();
  type Done = (error: Error | null, body?: unknown) => void;
  const read = (request: FastifyRequest, payload: IncomingMessage, done: Done): void => {
    const { isIngest, mount } = request.routeOptions.config;
    const bytesMax = isIngest === true ? maxBodyBytes : (mount?.bodyBytesMax ?? limits.queryBodyBytesMax);
    context.bodies.read(payload, responseOf(payload), bytesMax).then(
      (body) => done(null, body),
      (error: Error) => done(error),
    );
  };
  app.addContentTypeParser(["application/json", "application/x-ndjson"], read);
  app.addContentTypeParser("*", (request, payload, done) => {
    // The format of a mapping decides how its records are read, and another door has formats of its own.
    const { isIngest, mount } = request.routeOptions.config;
    const isMapped = isIngest === true && "mapping" in (request.query as object);
    if (isMapped || mount !== undefined) {
      read(request, payload, done);
      return;
    }
    const given = request.headers["content-type"];
    const what =
      given === undefined
        ? "The body has no Content-Type"
        : `The Content-Type ${JSON.stringify(given)} is not supported`;
    done(new ProblemError("unsupported_media_type", `${what}; send application/json or application/x-ndjson.`));
  });
}

async function listen(app: FastifyInstance, address: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen({ host: address.host, port: address.port });
  } catch (cause) {
    const at = `${address.host}:${address.port}`;
    throw new SwapstatsError(
      "bad_config",
      `The API cannot listen on ${at}: ${(cause as Error).message}. Set api.http.addr to a free address, or empty to turn it off.`,
      { cause },
    );
  }
  return { host: address.host, port: (app.server.address() as AddressInfo).port };
}

/** The gate's name for requests that match no operation, preflights among them. */
const UNMATCHED_OPERATION = "unmatched";

/** While closing, how often idle connections are closed. */
const CLOSE_IDLE_MS = 20;

async function close(app: FastifyInstance, { guard }: Listener, limitMs: number, context: RouteContext): Promise<void> {
  context.draining = true;
  // A connection whose running request ends after this point would be kept alive, and delay the end.
  const closeIdle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_MS);
  const timer = setTimeout(() => guard.destroyAll(), limitMs);
  try {
    await app.close();
  } finally {
    clearInterval(closeIdle);
    clearTimeout(timer);
  }
}
