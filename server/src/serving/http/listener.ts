/** The listener below the framework, with every limit that Node can hold by itself. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Metrics } from "../../observability/metrics.ts";
import { ProblemError } from "../problems.ts";
import { asksForWebSocket, rawProblem } from "./connections.ts";
import type { HotLane } from "./hot-lane.ts";
import type { HttpLimits } from "./http-limits.ts";
import { startClock } from "./replies.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export function createListener(limits: HttpLimits, metrics: Metrics, lane: HotLane, handler: Handler): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      shouldUpgradeCallback: asksForWebSocket,
      keepAlive: true,
      keepAliveInitialDelay: limits.keepAliveTimeoutMs,
    },
    (request, response) => {
      startClock(request);
      if (lane.answer(request, response)) return;
      const uriChars = (request.url as string).length;
      if (uriChars <= limits.uriCharsMax) handler(request, response);
      else refuseUri(request, uriChars, limits.uriCharsMax);
    },
  );
  server.setTimeout(limits.idleSocketTimeoutMs);
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = limits.headerFieldsMax;
  server.on("drop", () => {
    metrics.connectionsDropped += 1;
  });
  return server;
}

function refuseUri(request: IncomingMessage, chars: number, charsMax: number): void {
  const text = `Path and query have ${chars} characters; they may have ${charsMax} together.`;
  request.socket.end(rawProblem(new ProblemError("uri_too_long", text), request.url));
}
