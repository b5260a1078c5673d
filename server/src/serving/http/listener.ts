/**
 * The listener below the framework, with every limit that needs no routing: Node's own limits, the order of requests of a
 * connection, the Host header, lengths, and the number of running requests. It refuses requests before their body is read.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Metrics } from "../../observability/metrics.ts";
import type { Budget, Lease } from "../../shared/budget.ts";
import { ConnectionGuard } from "../../shared/connection-guard.ts";
import type { HostRules } from "../../shared/host-rules.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { Gate } from "../gate.ts";
import { rawProblem } from "../problem-response.ts";
import { ProblemError } from "../problems.ts";
import type { ServerTls } from "../server-tls.ts";
import { asksForWebSocket, type Listener, problemOfClientError } from "./connections.ts";
import type { HotLane } from "./hot-lane.ts";
import type { HttpLimits } from "./http-limits.ts";
import { type Replies, startClock } from "./replies.ts";
import type { ResponseBudget } from "./response-budget.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

type ListenerParts = {
  readonly limits: HttpLimits;
  readonly metrics: Metrics;
  readonly hosts: HostRules;
  readonly requests: Budget;
  readonly responses: ResponseBudget;
  readonly lane: HotLane;
  readonly addressOf: Gate["addressOf"];
  /** For requests that are refused before they are routed. */
  readonly refusals: Replies;
  /** Undefined: no TLS. */
  readonly tls: ServerTls | undefined;
};

/** Characters of a Host header that a refusal repeats. */
const HOST_CHARS_SHOWN = 100;
/** Paths that get a response whatever is used up, and under any address as Host, as a load balancer or container runtime sends it. */
const PROBES = new Set(["/healthz", "/readyz"]);

export function createListener(parts: ListenerParts, handler: Handler): Listener {
  const { limits, metrics, responses } = parts;
  const server = openServer(parts.tls, {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    shouldUpgradeCallback: asksForWebSocket,
    // Node's own refusal is not a problem document.
    requireHostHeader: false,
    keepAlive: true,
    keepAliveInitialDelay: limits.keepAliveTimeoutMs,
  });
  const guard = new ConnectionGuard(server, limits, (request, response) => serve(parts, handler, request, response), {
    dropped: () => {
      metrics.connectionsDropped += 1;
    },
    reading: responses.reading,
  });
  server.on("request", guard.request);
  // The body reader sends "100 Continue" when it begins to read, not before the request was checked.
  server.on("checkContinue", guard.request);
  server.on("checkExpectation", guard.request);
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    guard.last(socket, rawProblem(new ProblemError("method_not_allowed", "This is no proxy."), request.url));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || error.code === "EPIPE" || isOfTls(error)) socket.destroy();
    else guard.last(socket, rawProblem(problemOfClientError(error), undefined));
  });
  server.setTimeout(limits.idleSocketTimeoutMs);
  server.maxHeadersCount = limits.headerFieldsMax;
  return { server, guard };
}

/** A server of https has all events and settings of a server of http. */
function openServer(tls: ServerTls | undefined, options: ServerOptions): Server {
  if (tls === undefined) return createServer(options);
  const server = createTlsServer({ ...options, ...tls.options });
  tls.follow(server);
  return server;
}

/** Whether a handshake failed. Its client reads no response. */
const isOfTls = ({ code }: NodeJS.ErrnoException): boolean => /^ERR_(SSL|TLS)_/.test(code ?? "");

/** The first look at a request: refuses it for its form, or lets the fast lane respond, or passes it to the framework (`handler`). */
function serve(parts: ListenerParts, handler: Handler, request: IncomingMessage, response: ServerResponse): void {
  startClock(request, response);
  const problem = refusalOf(request, parts.hosts, parts.limits);
  if (problem !== undefined) parts.refusals.refuse(request, response, problem);
  else if (parts.lane.serve(request, response)) return;
  else if (isProbe(request.url as string) || holdPlace(parts, request, response)) handler(request, response);
  else {
    const text = "As many requests are running as the service allows; try again in a moment.";
    parts.refusals.refuse(request, response, new ProblemError("overloaded", text));
  }
}

const PLACE = Symbol("place");
type Placed = IncomingMessage & { [PLACE]?: Lease };

/** Takes a place among the running requests, until the response closes. */
function holdPlace(
  { requests, addressOf }: ListenerParts,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const lease = requests.lease(addressOf(request));
  (request as Placed)[PLACE] = lease;
  response.once("close", () => lease.end());
  return lease.take(1);
}

/** Gives the place of a request back before its response closes. */
export function releasePlace(request: IncomingMessage): void {
  (request as Placed)[PLACE]?.end();
}

/** Returns why a request or upgrade is refused whatever its path is; undefined if it is not. Rewrites the absolute target of a request to a proxy. */
export function refusalOf(request: IncomingMessage, hosts: HostRules, limits: HttpLimits): ProblemError | undefined {
  const url = request.url ?? "";
  if (url.length > limits.uriCharsMax) {
    const text = `Path and query have ${url.length} characters; they may have ${limits.uriCharsMax} together.`;
    return new ProblemError("uri_too_long", text);
  }
  const problem = hostProblem(request, hosts) ?? targetProblem(request, hosts);
  if (problem !== undefined) return problem;
  const { expect } = request.headers;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    return new ProblemError("expectation_failed", "The only expectation that is met is 100-continue.");
  }
  return undefined;
}

function hostProblem(request: IncomingMessage, hosts: HostRules): ProblemError | undefined {
  switch (hosts.check(request)) {
    case "ok":
      return undefined;
    case "malformed":
      return new ProblemError(
        "bad_request",
        "The request needs one Host: a name or an address, with an optional port.",
      );
    case "not_answered":
      return isProbe(request.url ?? "") && hosts.isAddress(request.headers.host)
        ? undefined
        : misdirected(request.headers.host);
  }
}

/** `GET http://host/path` means the same as `GET /path` with that host. */
function targetProblem(request: IncomingMessage, hosts: HostRules): ProblemError | undefined {
  const url = request.url ?? "";
  if (url.startsWith("/") || url === "*") return undefined;
  const match = /^https?:\/\/([^/?#]*)([/?].*)?$/i.exec(url);
  const verdict = match === null ? "malformed" : hosts.checkHost(match[1] as string);
  if (match === null || verdict === "malformed") {
    return new ProblemError("bad_request", "The target of the request is neither a path nor an http address.");
  }
  if (verdict === "not_answered") return misdirected(match[1]);
  const path = match[2] ?? "/";
  request.url = path.startsWith("/") ? path : `/${path}`;
  return undefined;
}

const misdirected = (host: string | undefined): ProblemError =>
  new ProblemError(
    "misdirected_request",
    `${printableCut(host ?? "", HOST_CHARS_SHOWN)} is not a host that this service serves; api.hosts lists others than this machine's own names.`,
  );

function isProbe(url: string): boolean {
  return PROBES.has(url) || PROBES.has(url.split("?", 1)[0] as string);
}
