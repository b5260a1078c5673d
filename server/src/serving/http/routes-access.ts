/** Routes for credentials: tickets, and tokens for development. */
import type { MintedToken, Ticket, TokenBody } from "@swapstats/protocol/schemas/access.ts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TOKEN_TTL_MS } from "../../access/identity/token-signer.ts";
import { ProblemError, problemOf } from "../problems.ts";
import { writingPageProblem } from "./cross-origin.ts";
import { parseJsonBody } from "./json-body.ts";
import { JSON_CONTENT_TYPE } from "./replies.ts";
import { type RouteContext, repliesOf, routeOf } from "./route-context.ts";

export function registerAccessRoutes(app: FastifyInstance, context: RouteContext): void {
  const { options } = context;
  // A page of another site must not get credentials of its visitor.
  const onRequest = (request: FastifyRequest, _reply: unknown, done: (error?: Error) => void): void =>
    done(writingPageProblem(request.raw, context.hosts, options.corsOrigins));
  const tickets = repliesOf(context, "authTicket");
  app.route({
    ...routeOf(context, "authTicket"),
    onRequest,
    handler: async (request, reply) => {
      const { address: _, ...identity } = request.identity;
      const { text, expiresAtMs } = await options.credentials.issueTicket(identity).catch((error) => {
        throw problemOf(error);
      });
      const body: Ticket = { ticket: text, expires_at: expiresAtMs };
      return tickets.bytes(request, reply, JSON_CONTENT_TYPE, JSON.stringify(body), undefined, "no-store");
    },
  });
  const tokens = repliesOf(context, "authToken");
  app.route<{ Body: TokenBody }>({
    ...routeOf(context, "authToken"),
    onRequest,
    preValidation: (request, _reply, done) => {
      if (options.credentials.signer === undefined) return done(tokensOff());
      const bytes = request.body as unknown;
      if (!(bytes instanceof Uint8Array)) {
        return done(new ProblemError("bad_request", 'The request has no body; send {"sub":".."}.'));
      }
      (request as { body: unknown }).body = parseJsonBody(bytes, options.limits.jsonDepthMax);
      context.bodies.release(request.raw);
      done();
    },
    handler: async (request, reply) => {
      const { sub, scope = "read", ttl_sec: ttlSec } = request.body;
      const ttlMs = ttlSec === undefined ? TOKEN_TTL_MS : ttlSec * 1_000;
      const { signer } = options.credentials;
      if (signer === undefined) throw tokensOff();
      const { token, expiresAtMs } = await signer.sign({ subject: sub, scope, ttlMs }, options.nowMs());
      const body: MintedToken = { token, expires_at: expiresAtMs };
      return tokens.bytes(request, reply, JSON_CONTENT_TYPE, JSON.stringify(body), undefined, "no-store");
    },
  });
}

const tokensOff = (): ProblemError =>
  new ProblemError(
    "not_found",
    "This service signs no tokens; security.dev_tokens turns that on, for development alone.",
  );
