/**
 * The gate in front of every door. Every request passes it before a response is made: the ordinary way and the fast lane of HTTP, the
 * handshake and each request of WebSocket, and `/metrics`. On HTTP it comes after routing, and before the schemas and the body; a batch passes
 * once more, with the number of its further tokens. Paths such as `/healthz` pass it too; a gate admits them by a rule of its own. Requests that
 * the listener refuses (malformed, too long, with another Host) never reach it.
 *
 * Both calls are synchronous, because they are part of the fast lane of `GET stats`.
 */
import type { IncomingHttpHeaders } from "node:http";
import { type ProblemError, problemTable } from "./problems.ts";

/** The sender of a request, as its connection and headers describe it. Node's IncomingMessage has this shape. */
export type Sender = {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
};

export type Identity = { readonly kind: "anonymous" };

export type Gate = {
  /** Returns who is asking. A connection that lasts is identified once. */
  identify(sender: Sender): Identity;
  /**
   * Returns undefined if the request is admitted, and else the problem to respond with. `operation` is the id of an HTTP operation,
   * or the door's own name of the request. `cost` is 1 for most requests, and the number of items where a request names several.
   */
  admit(identity: Identity, operation: string, cost: number): ProblemError | undefined;
};

const ANONYMOUS: Identity = { kind: "anonymous" };

/** A gate that admits every request. */
export const OPEN_GATE: Gate = {
  identify: () => ANONYMOUS,
  admit: () => undefined,
};

type PlainRefusal = {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** Returns the gate for the listener of `/metrics`, which responds in plain text. */
export function metricsAdmission(gate: Gate): (sender: Sender) => PlainRefusal | undefined {
  return (sender) => {
    const problem = gate.admit(gate.identify(sender), "metrics", 1);
    if (problem === undefined) return undefined;
    const { status, retryAfterSeconds } = problemTable[problem.code];
    const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    return { status, text: problem.message, headers };
  };
}
