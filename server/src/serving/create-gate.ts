/** Makes the gate of a service: credentials, and the scope that each operation needs. */
import type { Identities } from "../access/identity/identities.ts";
import type { Identity, Scope, Sender, VerifiedIdentity } from "../access/identity.ts";
import type { SecurityConfig } from "../config/build/security.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { ADMITTED, type Gate } from "./gate.ts";
import { type OperationName, ruleOf } from "./operation-rules.ts";
import { ProblemError } from "./problems.ts";

const CHALLENGE = 'Bearer realm="swapstats"';
const NO_SCOPES: ReadonlySet<Scope> = new Set();
const ALL_SCOPES: ReadonlySet<Scope> = new Set<Scope>(["read", "ingest", "admin"]);

export function createGate(
  { mode, docs }: Pick<SecurityConfig, "mode" | "docs">,
  identities: Identities,
  addressOf: (sender: Sender) => string,
): Gate {
  const anonymous: VerifiedIdentity = {
    kind: "anonymous",
    subject: undefined,
    scopes: mode === "open" ? ALL_SCOPES : NO_SCOPES,
    expiresAtMs: undefined,
    credentialId: undefined,
  };
  const isOpen = (operation: OperationName): boolean => {
    const { openness } = ruleOf(operation);
    return openness === "probe" || openness === "open" || (openness === "document" && docs === "open");
  };
  const problemFor = (identity: Identity, operation: OperationName): ProblemError | undefined => {
    if (isOpen(operation)) return undefined;
    if (identities.hasEnded(identity))
      return unauthorized("The credentials of the connection are not valid any longer.");
    return scopeProblem(identity, ruleOf(operation).scope);
  };
  // Most requests of an identity come from one address, and share one object with it.
  const latest = new WeakMap<VerifiedIdentity, Identity>();
  const at = (verified: VerifiedIdentity, address: string): Identity => {
    const known = latest.get(verified);
    if (known !== undefined && known.address === address) return known;
    const identity: Identity = { ...verified, address };
    latest.set(verified, identity);
    return identity;
  };
  return {
    addressOf,
    identify: (sender, operation) => {
      const address = addressOf(sender);
      const known = shownBefore(identities, sender);
      if (known !== undefined && known.address === address) return known;
      // Probes get a response whatever else is wrong.
      if (ruleOf(operation).openness === "probe") return { ...anonymous, address };
      const found = identify(identities, sender);
      if (found instanceof Promise) return found.then((identity) => at(identity, address));
      const identity = at(found ?? anonymous, address);
      if (found !== undefined) remember(identities, sender, identity);
      return identity;
    },
    admit: (identity, operation) => {
      const problem = problemFor(identity, operation);
      return problem === undefined ? ADMITTED : { problem, limits: undefined };
    },
    renew: async (identity, token) => {
      const renewed = await identities.renew(identity, token).catch(refuse);
      return { ...renewed, address: identity.address };
    },
    hasEnded: (identity) => identities.hasEnded(identity),
  };
}

const SHOWN = Symbol("credentials shown");
type Shown = { readonly field: string; readonly version: number; readonly identity: Identity };
type RememberingSocket = Sender["socket"] & { [SHOWN]?: Shown };

/** Remembers the identity with the connection. Its next request with the same field costs one comparison instead of a look-up. */
function remember({ version }: Identities, { headers, socket }: Sender, identity: Identity): void {
  const { authorization: field } = headers;
  if (field !== undefined) (socket as RememberingSocket)[SHOWN] = { field, version, identity };
}

/** Returns the identity if the connection has shown the same credentials before, they are the only ones, and they are still valid. */
function shownBefore(identities: Identities, { headers, socket, url }: Sender): Identity | undefined {
  const shown = (socket as RememberingSocket)[SHOWN];
  if (shown === undefined || shown.field !== headers.authorization || shown.version !== identities.version)
    return undefined;
  const others = headers["x-api-key"] ?? headers["sec-websocket-protocol"];
  if (others !== undefined || url?.includes("ticket=") === true || identities.hasExpired(shown.identity))
    return undefined;
  return shown.identity;
}

/** Throws or rejects with ProblemError. */
function identify(identities: Identities, sender: Sender): VerifiedIdentity | undefined | Promise<VerifiedIdentity> {
  try {
    const found = identities.identify(sender);
    return found instanceof Promise ? found.catch(refuse) : found;
  } catch (error) {
    return refuse(error);
  }
}

/** Adds the challenge to a refusal of credentials. Other errors pass. */
function refuse(error: unknown): never {
  const isRefusal = error instanceof SwapstatsError && error.code === "unauthorized";
  throw isRefusal ? unauthorized(error.message, 'error="invalid_token"') : error;
}

function scopeProblem({ kind, scopes }: Identity, scope: Scope): ProblemError | undefined {
  if (scopes.has(scope)) return undefined;
  if (kind === "anonymous") {
    return unauthorized(
      "This needs a token or an API key; send it as `Authorization: Bearer`, or a key as `X-Api-Key`.",
    );
  }
  const has = scopes.size === 0 ? "none" : [...scopes].join(", ");
  const message = `This needs the scope ${scope}; the credentials have ${has}.`;
  const challenge = `${CHALLENGE}, error="insufficient_scope", scope="${scope}"`;
  return new ProblemError("forbidden", message, {}, undefined, { "www-authenticate": challenge });
}

function unauthorized(message: string, reason?: string): ProblemError {
  const challenge = reason === undefined ? CHALLENGE : `${CHALLENGE}, ${reason}`;
  return new ProblemError("unauthorized", message, {}, undefined, { "www-authenticate": challenge });
}
