/** Adds rate limits and the audit log to a gate that knows credentials and scopes. */
import type { AuditLog } from "../access/audit-log.ts";
import type { Identity, Sender } from "../access/identity.ts";
import type { LimitVerdict, RateLimiter } from "../access/limits/rate-limiter.ts";
import { ADMITTED, type Admission, type Gate } from "./gate.ts";
import { type OperationName, ruleOf } from "./operation-rules.ts";
import { ProblemError, problemOf } from "./problems.ts";

type GateLimits = {
  /** Undefined: nothing is limited. */
  readonly limiter: RateLimiter | undefined;
  /** Undefined: `logging.audit` is off. */
  readonly audit: AuditLog | undefined;
  /** Called for each request that a limit refused, with the name of the limit. */
  readonly onLimited: (policy: string) => void;
};

/** Operations that give credentials to the sender. */
const GIVING: readonly OperationName[] = ["authToken", "authTicket"];

export function limitedGate(gate: Gate, limits: GateLimits): Gate {
  const { limiter, audit } = limits;
  /** The verdict is undefined when no limit is asked. */
  const decide = (identity: Identity, operation: OperationName, verdict: LimitVerdict | undefined): Admission => {
    if (verdict !== undefined && verdict.kind !== "admitted") {
      return limited(limits, verdict, entryOf(identity, operation, verdict.policy));
    }
    if (GIVING.includes(operation)) audit?.add("asked", entryOf(identity, operation, undefined));
    return verdict?.state === undefined ? ADMITTED : { problem: undefined, limits: verdict.state };
  };
  const limit = (identity: Identity, operation: OperationName, { problem }: Admission, cost: number) => {
    const { costKind, openness } = ruleOf(operation);
    if (problem !== undefined) {
      audit?.add("refused", entryOf(identity, operation, problem.code));
      return { problem, limits: undefined };
    }
    if (limiter === undefined || openness === "probe") return decide(identity, operation, undefined);
    const verdict = limiter.take(identity, costKind, cost);
    if (verdict instanceof Promise) return verdict.then((one) => decide(identity, operation, one));
    return decide(identity, operation, verdict);
  };
  return {
    ...gate,
    identify: (sender, operation) => {
      try {
        const identity = gate.identify(sender, operation);
        return identity instanceof Promise
          ? identity.catch((error: unknown) => refuse(gate, limits, sender, operation, error))
          : identity;
      } catch (error) {
        return refuse(gate, limits, sender, operation, error);
      }
    },
    admit: (identity, operation, cost) => {
      const admission = gate.admit(identity, operation, cost);
      return admission instanceof Promise
        ? admission.then((one) => limit(identity, operation, one, cost))
        : limit(identity, operation, admission, cost);
    },
  };
}

type AuditEntry = Parameters<AuditLog["add"]>[1];

const entryOf = (identity: Identity, operation: OperationName, reason: string | undefined): AuditEntry => ({
  ...{ identity, address: identity.address, operation, reason },
});

/** Rejects with the error. Credentials that are not valid cost their address a unit, so that nobody can try keys at will. */
async function refuse(
  { addressOf }: Gate,
  limits: GateLimits,
  sender: Sender,
  operation: OperationName,
  error: unknown,
): Promise<never> {
  const { code } = problemOf(error);
  const address = addressOf(sender);
  const entry: AuditEntry = { identity: undefined, address, operation, reason: code };
  limits.audit?.add("refused", entry);
  if (code !== "unauthorized" || limits.limiter === undefined) throw error;
  const verdict = await limits.limiter.takeOfAddress(address, "requests", 1);
  if (verdict.kind === "admitted") throw error;
  throw limited(limits, verdict, { ...entry, reason: verdict.policy }).problem;
}

function limited(
  { audit, onLimited }: GateLimits,
  { kind, policy = "", retryAfterSeconds, state }: LimitVerdict,
  entry: AuditEntry,
): Admission & { readonly problem: ProblemError } {
  onLimited(kind === "away" ? "away" : policy);
  audit?.add("limited", entry);
  const fields = { "retry-after": String(retryAfterSeconds) };
  const text =
    kind === "away"
      ? "Rate limits cannot be checked at the moment. Try again in a moment."
      : `The rate limit ${policy} is used up. Try again in ${retryAfterSeconds} s.`;
  const code = kind === "away" ? "unavailable" : "rate_limited";
  return { problem: new ProblemError(code, text, {}, undefined, fields), limits: state };
}
