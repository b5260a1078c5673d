/** The listener of `/metrics`, apart from the API so that it can stay on another network. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SwapstatsError } from "../shared/errors.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export const METRICS_CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_MS = 1_000;
const HEADER_BYTES_MAX = 8 * 1024;

export type MetricsServer = {
  /** Resolves to the port that it listens on. Rejects with SwapstatsError `bad_config` when the address cannot be used. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>;
  close(): Promise<void>;
};

export function createMetricsServer(options: { readonly metrics: Metrics; readonly logger: Logger }): MetricsServer {
  const { metrics, logger } = options;
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    (request, response) => {
      const path = (request.url ?? "").split("?", 1)[0];
      const known = path === "/metrics" && (request.method === "GET" || request.method === "HEAD");
      if (!known) {
        response.writeHead(path === "/metrics" ? 405 : 404, { "content-type": "text/plain; charset=utf-8" });
        response.end("Metrics are at GET /metrics.\n");
        return;
      }
      metrics.text().then(
        (text) =>
          response.writeHead(200, { "content-type": metrics.contentType, "cache-control": "no-store" }).end(text),
        (error: unknown) => {
          logger.error({ err: error }, "metrics cannot be read");
          response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("Metrics cannot be read.\n");
        },
      );
    },
  );
  server.maxConnections = METRICS_CONNECTIONS_MAX;
  server.setTimeout(REQUEST_TIMEOUT_MS * 3);
  return { listen: (address) => listen(server, address), close: () => close(server) };
}

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
