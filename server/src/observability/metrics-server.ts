/**
 * The listener of `/metrics`, separate from the API so that it can be on another network. It has the same protections as the API: one
 * response at a time on a connection, limits for slow readers, and a check of the host name.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ConnectionGuard, type GuardLimits } from "../shared/connection-guard.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { HostRules, hostRuleOf } from "../shared/host-rules.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

const METRICS_CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADER_BYTES_MAX = 8 * 1024;
const GUARD_LIMITS: GuardLimits = {
  connectionsMax: METRICS_CONNECTIONS_MAX,
  pipelinedMax: 4,
  lingerBytesMax: 1024 * 1024,
  lingerMs: 1_000,
  readWindowMs: 10_000,
  readWindowBytesMin: 10 * 1024,
  timeoutCheckMs: 1_000,
};
const TEXT = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

export type MetricsServer = {
  /** Resolves to the port. Rejects with `bad_config` when the address cannot be used. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>;
  close(): Promise<void>;
};

type MetricsServerOptions = {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Called for every request for metrics; resolves to the reason when it is refused. Never rejects. */
  readonly admit: (request: IncomingMessage) => Promise<Refusal | undefined>;
};

export function createMetricsServer(options: MetricsServerOptions): MetricsServer {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: GUARD_LIMITS.timeoutCheckMs,
    requireHostHeader: false,
    shouldUpgradeCallback: () => false,
  });
  let hosts = new HostRules(hostRuleOf(undefined, []));
  const text = sharedText(options.metrics);
  const refuse = (response: ServerResponse, { status, text, headers }: Refusal): void => {
    response.writeHead(status, { ...TEXT, ...headers }).end(`${text}\n`);
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = refusalOf(request, hosts);
    if (refusal !== undefined) refuse(response, refusal);
    else {
      void options.admit(request).then((refused) => {
        if (refused === undefined) sendMetrics(response, text, options);
        else refuse(response, refused);
      });
    }
  };
  const guard = new ConnectionGuard(server, GUARD_LIMITS, answer, { dropped: () => {}, reading: () => {} });
  server.on("request", guard.request);
  server.on("checkContinue", guard.request);
  server.on("checkExpectation", guard.request);
  server.on("connect", (_request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    guard.last(socket, rawText(405, "Metrics are at GET /metrics."));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || error.code === "EPIPE") socket.destroy();
    else guard.last(socket, rawClientError(error));
  });
  server.setTimeout(REQUEST_TIMEOUT_MS * 3);
  return {
    listen: (address) => {
      hosts = new HostRules(hostRuleOf(address.host, []));
      return listen(server, address);
    },
    close: () => close(server),
  };
}

/** Requests at the same time share one collection, which asks every thread. */
function sharedText(metrics: Metrics): () => Promise<string> {
  let collecting: Promise<string> | undefined;
  return () => {
    collecting ??= metrics.text().finally(() => {
      collecting = undefined;
    });
    return collecting;
  };
}

function sendMetrics(
  response: ServerResponse,
  text: () => Promise<string>,
  { metrics, logger }: { readonly metrics: Metrics; readonly logger: Logger },
): void {
  text().then(
    (all) =>
      response.writeHead(200, { ...TEXT, "content-type": metrics.contentType, "cache-control": "no-store" }).end(all),
    (error: unknown) => {
      logger.error({ err: error }, "metrics cannot be read");
      response.writeHead(500, TEXT).end("Metrics cannot be read.\n");
    },
  );
}

type Refusal = {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
};

function refusalOf(request: IncomingMessage, hosts: HostRules): Refusal | undefined {
  const verdict = hosts.check(request);
  if (verdict === "malformed") return { status: 400, text: "The request needs one Host.", headers: {} };
  if (verdict === "not_answered") {
    return { status: 421, text: "Metrics on a loopback address are for the names of this machine alone.", headers: {} };
  }
  const text = "Metrics are at GET /metrics.";
  if ((request.url ?? "").split("?", 1)[0] !== "/metrics") return { status: 404, text, headers: {} };
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  return { status: 405, text, headers: { allow: "GET, HEAD" } };
}

function rawClientError({ code }: NodeJS.ErrnoException): string {
  if (code === "HPE_HEADER_OVERFLOW") return rawText(431, "The header is too large.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return rawText(408, "The request did not arrive in time.");
  return rawText(400, "The request is not HTTP/1.1.");
}

const rawText = (status: number, text: string): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${TEXT["content-type"]}\r\n` +
  `content-length: ${text.length + 1}\r\nconnection: close\r\n\r\n${text}\n`;

function listen(server: Server, address: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const at = `${address.host}:${address.port}`;
      const message = `Metrics cannot listen on ${at}: ${cause.message}. Set metrics.prometheus to a free address, or empty to turn it off.`;
      reject(new SwapstatsError("bad_config", message, { cause }));
    });
    server.listen(address.port, address.host, () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve();
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
