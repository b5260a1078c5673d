/**
 * The listener below the framework: requests that never become one (broken, slow, too large), upgrades, and the end of all
 * connections.
 */

import type { Server } from "node:http";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ProblemError, problemDocument, problemTable } from "../problems.ts";
import { instanceOf, PROBLEM_CONTENT_TYPE } from "./replies.ts";

/** Takes over the connection of a request to `/ws` that asks for WebSocket. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export const WEBSOCKET_PATH = "/ws";

/** A whole response with a problem document, for sockets without a response object. It says that the connection ends. */
export function rawProblem(problem: ProblemError, url: string | undefined): string {
  const { status, retryAfterSeconds } = problemTable[problem.code];
  const body = JSON.stringify(problemDocument(problem, instanceOf(url)));
  const retry = retryAfterSeconds === undefined ? "" : `retry-after: ${retryAfterSeconds}\r\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n${retry}cache-control: no-store\r\nconnection: close\r\n\r\n${body}`
  );
}

/** Answers what Node reports as a `clientError`, if an answer is still possible, and ends the connection. */
export function refuseClient(error: NodeJS.ErrnoException, socket: Duplex): void {
  const response = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage;
  if (error.code === "ECONNRESET" || !socket.writable || response?.headersSent === true) {
    socket.destroy();
    return;
  }
  // The other side may neither read nor close; so the end of the writing side is the end of all.
  socket.write(rawProblem(problemOfClientError(error), undefined), () => socket.destroy());
  setTimeout(() => socket.destroy(), CLOSE_AFTER_MS).unref();
}

/** How long a refused client has to read why. */
const CLOSE_AFTER_MS = 1_000;

function problemOfClientError(error: NodeJS.ErrnoException): ProblemError {
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

/** Whether a request asks for WebSocket; other upgrades (such as h2c) are offers, which an HTTP/1.1 server may ignore. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? "").toLowerCase() === "websocket";
}

export function onUpgrade(server: Server, handler: UpgradeHandler | undefined, isDraining: () => boolean): void {
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const problem = upgradeProblem(request, handler, isDraining());
    if (problem === undefined && handler !== undefined) {
      handler(request, socket, head);
      return;
    }
    socket.on("error", () => socket.destroy());
    socket.end(rawProblem(problem ?? new ProblemError("not_found", "There is no WebSocket here."), request.url));
  });
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

/** Keeps the open sockets of a server, upgraded ones too, so that its end can be enforced. */
export function trackSockets(server: Server): { destroyAll: () => void } {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    destroyAll: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
