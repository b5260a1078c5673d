/**
 * The gate in front of every door. A request passes it once, after its form was checked and before anything is answered: the ordinary way and
 * the fast lane of HTTP, the handshake and each message of WebSocket, `/metrics`. Paths such as `/healthz` pass it too; a gate lets
 * them through by a rule of its own. Requests that are refused for their form (malformed, too long, another machine's name) never reach it.
 *
 * Both calls return at once, because they are part of the hot answer of `GET stats`.
 */
import type { IncomingHttpHeaders } from "node:http";
import { type ProblemError, problemTable } from "./problems.ts";

/** The sender of a request, as far as a connection and its headers tell. Node's IncomingMessage has this shape. */
export type Sender = {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
};

export type Identity = { readonly kind: "anonymous" };

export type Gate = {
  /** Returns who is asking. A connection that lasts is identified once. */
  identify(sender: Sender): Identity;
  /**
   * Returns undefined if the request may be answered, and else the problem to answer with instead. `operation` is the id of an HTTP operation,
   * or the door's own name of the request. `cost` is 1 for most requests, and the number of items where a request names several.
   */
  admit(identity: Identity, operation: string, cost: number): ProblemError | undefined;
};

const ANONYMOUS: Identity = { kind: "anonymous" };

/** Lets everybody pass. */
export const OPEN_GATE: Gate = {
  identify: () => ANONYMOUS,
  admit: () => undefined,
};

type PlainRefusal = {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** Returns the gate as the listener of `/metrics` uses it, which answers in plain text. */
export function metricsAdmission(gate: Gate): (sender: Sender) => PlainRefusal | undefined {
  return (sender) => {
    const problem = gate.admit(gate.identify(sender), "metrics", 1);
    if (problem === undefined) return undefined;
    const { status, retryAfterSeconds } = problemTable[problem.code];
    const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    return { status, text: problem.message, headers };
  };
}
