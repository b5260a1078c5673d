/**
 * The few forms of a response. Bodies are finished texts, so the framework's serialiser does not run. A request is recorded (its
 * time in a metric, and at level debug a line in the log) when its response is passed on, because the framework's
 * own hooks for that cost a tenth of the fastest response.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../../observability/logger.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { RequestTimes } from "../../observability/serving-metrics.ts";
import { maskedTarget } from "../../shared/mask-secrets.ts";
import { instanceOf, PROBLEM_CONTENT_TYPE, refusalFields } from "../problem-response.ts";
import { ProblemError, problemDocument, problemTable } from "../problems.ts";
import { acceptedCoding, type ContentCoding, isPacked } from "./content-coding.ts";
import { matchesEtag } from "./etag.ts";
import { type ResponseBudget, tooManyUnread } from "./response-budget.ts";

export const JSON_CONTENT_TYPE = "application/json; charset=utf-8";
export const HTML_CONTENT_TYPE = "text/html; charset=utf-8";
/** Every response varies by this header. In lower case, because the compression plug-in expects it so. */
export const VARY = "accept-encoding";
/** See content-coding.ts. */
const CODINGS: readonly ContentCoding[] = ["br", "gzip"];
/** Characters of a problem's detail that are sent when too many responses wait to be read. */
const SHORT_DETAIL_CHARS = 1024;
/** Route of requests that match none, so that arbitrary paths make no time series of their own. */
const UNMATCHED = "unmatched";

const STARTED = Symbol("started");
const RESPONSE = Symbol("response");
type Timed = IncomingMessage & { [STARTED]?: number; [RESPONSE]?: ServerResponse };

/** Notes that a request begins now, and its response. */
export function startClock(request: IncomingMessage, response: ServerResponse): void {
  (request as Timed)[STARTED] = performance.now();
  (request as Timed)[RESPONSE] = response;
}

/** Returns the response of a request, for body readers, to which the framework passes only the request. */
export function responseOf(request: IncomingMessage): ServerResponse {
  return (request as Timed)[RESPONSE] as ServerResponse;
}

/** Sends the responses of one route. */
export class Replies {
  readonly #method: string;
  readonly #route: string;
  readonly #times: RequestTimes;
  readonly #logger: Logger | undefined;
  readonly #responses: ResponseBudget;

  constructor(method: string, route: string, metrics: Metrics, logger: Logger, responses: ResponseBudget) {
    this.#responses = responses;
    this.#method = method;
    this.#route = route;
    this.#times = metrics.requestTimes(method, route);
    this.#logger = logger.isLevelEnabled("debug") ? logger : undefined;
  }

  /** Sends a text that browsers must not sniff, and that caches must revalidate each time. */
  text(request: FastifyRequest, reply: FastifyReply, contentType: string, text: string): FastifyReply {
    return this.bytes(request, reply, contentType, text, undefined);
  }

  /** Sends bytes in the same way. They may be compressed already, with the coding given. */
  bytes(
    request: FastifyRequest,
    reply: FastifyReply,
    contentType: string,
    bytes: string | Buffer,
    coding: ContentCoding | undefined,
    cacheControl = "no-cache",
  ): FastifyReply {
    if (!this.#responses.hold(request.raw, reply.raw, Buffer.byteLength(bytes))) {
      return this.problem(request, reply.removeHeader("etag"), tooManyUnread());
    }
    this.note(request.raw, reply.statusCode);
    const accepted = negotiate(request, reply);
    if (coding !== undefined) reply.header("content-encoding", coding);
    reply.header("cache-control", cacheControl);
    reply.header("x-content-type-options", "nosniff");
    if (request.method === "HEAD" && coding === undefined && accepted !== undefined && isPacked(bytes)) {
      // The framework sends the length of a text before the plug-in sees it. A stream has no length.
      return reply.header("content-encoding", accepted).type(contentType).send(Readable.from([]));
    }
    return reply.type(contentType).send(bytes);
  }

  /** Sends the text with its tag, or 304 if the client already has it. `text` is called only if needed. */
  tagged(
    request: FastifyRequest,
    reply: FastifyReply,
    contentType: string,
    etag: string,
    text: () => string,
  ): FastifyReply {
    reply.header("etag", etag);
    if (!matchesEtag(request.headers["if-none-match"], etag)) return this.text(request, reply, contentType, text());
    return this.notModified(request, reply);
  }

  /** Sends 304: the client has the current response. */
  notModified(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    this.note(request.raw, 304);
    negotiate(request, reply);
    return reply.code(304).header("cache-control", "no-cache").send();
  }

  problem(request: FastifyRequest, reply: FastifyReply, problem: ProblemError): FastifyReply {
    const { status } = problemTable[problem.code];
    const instance = instanceOf(request.raw.url);
    let document = Buffer.from(JSON.stringify(problemDocument(problem, instance)));
    if (!this.#responses.hold(request.raw, reply.raw, document.byteLength)) {
      // A long list of errors is left out. Code and status are enough for a program.
      const short = new ProblemError(problem.code, problem.message.slice(0, SHORT_DETAIL_CHARS));
      document = Buffer.from(JSON.stringify(problemDocument(short, instance)));
    }
    this.note(request.raw, status);
    reply.code(status);
    for (const [name, value] of refusalFields(problem, undefined)) reply.header(name, value);
    negotiate(request, reply);
    reply.header("cache-control", "no-store");
    reply.header("x-content-type-options", "nosniff");
    // A Buffer, because the framework would add a charset to the type of a text, and this type has none.
    return reply.type(PROBLEM_CONTENT_TYPE).send(document);
  }

  /** Sends a problem past the framework. `fields`: further header fields, names and values in turn. */
  refuse(
    request: IncomingMessage,
    response: ServerResponse,
    problem: ProblemError,
    fields: readonly string[] = [],
  ): void {
    const { status } = problemTable[problem.code];
    this.note(request, status);
    const body = Buffer.from(JSON.stringify(problemDocument(problem, instanceOf(request.url))));
    response.writeHead(status, [
      ...["content-type", PROBLEM_CONTENT_TYPE, "content-length", String(body.byteLength)],
      ...["cache-control", "no-store", "x-content-type-options", "nosniff"],
      ...refusalFields(problem, undefined).flat(),
      ...fields,
    ]);
    response.end(body);
  }

  /** Returns whether these bytes may be sent now. If so, they count as unsent from here on. */
  canSend(request: IncomingMessage, response: ServerResponse, bytes: string | Buffer): boolean {
    return this.#responses.hold(request, response, Buffer.byteLength(bytes));
  }

  /** Records that a request gets a response with this status now. */
  note(request: IncomingMessage, status: number): void {
    const elapsedMs = performance.now() - ((request as Timed)[STARTED] as number);
    this.#times.observe(status, elapsedMs / 1000);
    if (this.#logger === undefined) return;
    const url = maskedTarget(request.url);
    this.#logger.debug({ method: this.#method, route: this.#route, url, status, elapsed_ms: elapsedMs }, "request");
  }
}

/** The replies of every route, for handlers that find the route in the request. */
export class RepliesByRoute {
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #responses: ResponseBudget;
  readonly #byRoute = new Map<string, Replies>();

  constructor(metrics: Metrics, logger: Logger, responses: ResponseBudget) {
    this.#responses = responses;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  of(method: string, route: string): Replies {
    const key = `${method} ${route}`;
    let replies = this.#byRoute.get(key);
    if (replies === undefined) {
      replies = new Replies(method, route, this.#metrics, this.#logger, this.#responses);
      this.#byRoute.set(key, replies);
    }
    return replies;
  }

  /** For requests that match no route. */
  get unmatched(): Replies {
    return this.of("any", UNMATCHED);
  }

  ofRequest(request: FastifyRequest): Replies {
    const { route, operationMethod } = request.routeOptions.config;
    // A method that no operation has makes no time series either.
    return route === undefined ? this.unmatched : this.of(operationMethod ?? "any", route);
  }
}

/**
 * Tells caches what the response depends on, and passes the client's preferred coding to the compression plug-in, whose own reading of weights is less
 * exact. Returns that coding.
 */
function negotiate(request: FastifyRequest, reply: FastifyReply): ContentCoding | undefined {
  const vary = reply.getHeader("vary");
  reply.header("vary", vary === undefined ? VARY : `${String(vary)}, ${VARY}`);
  const coding = acceptedCoding(request.headers["accept-encoding"], CODINGS);
  request.raw.headers["accept-encoding"] = coding ?? "identity";
  return coding;
}
