/**
 * The gate in front of every door. Every request passes it before a response is made: the ordinary way and the fast lane of HTTP, the
 * handshake and each request of WebSocket, and `/metrics`. On HTTP it comes after routing, and before the schemas and the body; a request whose cost
 * is known only then (a batch, a ranking) passes once more, with its further cost. Requests that the listener refuses (malformed, too long,
 * with another Host) never reach it.
 *
 * Its calls return at once where nothing has to be awaited, because they are part of the fast lane of `GET stats`.
 */
import type { Identity, Sender } from "../access/identity.ts";
import type { RateLimitState } from "../access/rate-limit-state.ts";
import { clientOf } from "../shared/client-address.ts";
import type { OperationName } from "./operation-rules.ts";
import { refusalFields } from "./problem-response.ts";
import { type ProblemError, problemOf, problemTable } from "./problems.ts";

export type Admission = {
  /** Undefined: the request is admitted. */
  readonly problem: ProblemError | undefined;
  /** Undefined: no limit applies. */
  readonly limits: RateLimitState | undefined;
};

export type Gate = {
  /** Returns the address of a client behind trusted proxies, IPv6 as its /64. What requests hold is counted by it. */
  addressOf(sender: Sender): string;
  /**
   * Returns who is asking; a connection that lasts is identified once, with the operation that opens it. Throws or rejects with ProblemError
   * `unauthorized` when there are credentials and they are not valid. Without credentials the identity is anonymous.
   */
  identify(sender: Sender, operation: OperationName): Identity | Promise<Identity>;
  /**
   * Returns who sends on a connection that lasts, after it has shown a new token. Rejects with ProblemError `unauthorized` when the token is not
   * valid, or is another subject's. The new scopes replace the old ones, also when they are fewer.
   */
  renew(identity: Identity, token: string): Promise<Identity>;
  /** Whether an identity has expired or was revoked. A connection that lasts asks every few seconds, and is then closed. */
  hasEnded(identity: Identity): boolean;
  /** Returns whether the identity may do this now. `cost` is in units (`costOf` in operation-rules.ts). Never throws or rejects. */
  admit(identity: Identity, operation: OperationName, cost: number): Admission | Promise<Admission>;
};

/** What became of a request at the gate. */
export type Passage = (Admission & { readonly problem: ProblemError; readonly identity: undefined }) | Passed;
type Passed = Admission & { readonly problem: undefined; readonly identity: Identity };

const EVERYONE: Identity = {
  kind: "anonymous",
  subject: undefined,
  scopes: new Set(["read", "ingest", "admin"]),
  expiresAtMs: undefined,
  credentialId: undefined,
  address: "unknown",
};
export const ADMITTED: Admission = { problem: undefined, limits: undefined };

/** A gate that admits every request. */
export const OPEN_GATE: Gate = {
  addressOf: ({ socket }) => clientOf(socket.remoteAddress),
  identify: () => EVERYONE,
  renew: (identity) => Promise.resolve(identity),
  hasEnded: () => false,
  admit: () => ADMITTED,
};

/** Passes a request through the gate: identifies its sender and asks for admission. Never throws or rejects. */
export function passGate(
  gate: Gate,
  sender: Sender,
  operation: OperationName,
  cost: number,
): Passage | Promise<Passage> {
  try {
    const identity = gate.identify(sender, operation);
    if (identity instanceof Promise) return passLater(gate, identity, operation, cost);
    const admission = gate.admit(identity, operation, cost);
    return admission instanceof Promise
      ? admission.then((one) => passage(identity, one))
      : passage(identity, admission);
  } catch (error) {
    return notIdentified(error);
  }
}

async function passLater(
  gate: Gate,
  identifying: Promise<Identity>,
  operation: OperationName,
  cost: number,
): Promise<Passage> {
  try {
    const identity = await identifying;
    return passage(identity, await gate.admit(identity, operation, cost));
  } catch (error) {
    return notIdentified(error);
  }
}

const passage = (identity: Identity, { problem, limits }: Admission): Passage =>
  problem === undefined ? { problem, limits, identity } : { problem, limits, identity: undefined };

const notIdentified = (error: unknown): Passage => ({
  problem: problemOf(error),
  limits: undefined,
  identity: undefined,
});

type PlainRefusal = {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** Returns the gate for the listener of `/metrics`, which responds in plain text. */
export function metricsAdmission(gate: Gate): (sender: Sender) => Promise<PlainRefusal | undefined> {
  return async (sender) => {
    const { problem, limits } = await passGate(gate, sender, "metrics", 1);
    if (problem === undefined) return undefined;
    const headers = Object.fromEntries(refusalFields(problem, limits));
    return { status: problemTable[problem.code].status, text: problem.message, headers };
  };
}
