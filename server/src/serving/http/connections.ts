/** Responses outside the framework: to requests that cannot be parsed, are too slow or too large, and to upgrades. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { ConnectionGuard } from "../../shared/connection-guard.ts";
import type { HostRules } from "../../shared/host-rules.ts";
import { rawProblem } from "../problem-response.ts";
import { ProblemError } from "../problems.ts";
import { isOpenToAll, writingPageProblem } from "./cross-origin.ts";

export type Listener = { readonly server: Server; readonly guard: ConnectionGuard };

/** Takes over the connection of a request to `/ws` that asks for WebSocket: `WebSocketDoor.upgrade`. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export const WEBSOCKET_PATH = "/ws";

/** Returns the problem of a request that Node reports as a `clientError`. */
export function problemOfClientError(error: NodeJS.ErrnoException): ProblemError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return new ProblemError("headers_too_large", "The request line and header fields together are too large.");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new ProblemError("payload_too_large", "The chunk extensions of the body are too large.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ProblemError("request_timeout", "The request did not arrive in time; send it in one go.");
    default:
      return new ProblemError("bad_request", "The request is not HTTP/1.1.");
  }
}

/** Whether a request asks for WebSocket. Other upgrades (such as h2c) are offers, which an HTTP/1.1 server may ignore. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? "").toLowerCase() === "websocket";
}

/** @param refusalOf returns why any request would be refused, by its Host or length */
export function onUpgrade(
  { server, guard }: Listener,
  handler: UpgradeHandler | undefined,
  isDraining: () => boolean,
  refusalOf: (request: IncomingMessage) => ProblemError | undefined,
): void {
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    guard.upgrade(socket, () => {
      const problem = refusalOf(request) ?? upgradeProblem(request, handler, isDraining());
      if (problem === undefined && handler !== undefined) {
        handler(request, socket, head);
        return;
      }
      socket.on("error", () => socket.destroy());
      guard.say(
        socket,
        rawProblem(problem ?? new ProblemError("not_found", "There is no WebSocket here."), request.url),
      );
    });
  });
}

/** Returns why a page may not connect: its origin is not listed, and the page is not one of this service. */
export function upgradeOriginProblem(
  request: IncomingMessage,
  hosts: HostRules,
  allowed: readonly string[],
): ProblemError | undefined {
  return isOpenToAll(allowed) ? undefined : writingPageProblem(request, hosts, allowed);
}

function upgradeProblem(
  request: IncomingMessage,
  handler: UpgradeHandler | undefined,
  draining: boolean,
): ProblemError | undefined {
  if (!asksForWebSocket(request)) return new ProblemError("bad_request", "The only upgrade is to WebSocket.");
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== WEBSOCKET_PATH || handler === undefined) {
    return new ProblemError("not_found", `There is no WebSocket at ${path}; it is at ${WEBSOCKET_PATH}.`);
  }
  if (draining) return new ProblemError("shutting_down", "The service is shutting down; connect again in a moment.");
  return undefined;
}
