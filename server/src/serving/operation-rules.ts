/**
 * The operations of all doors, each with the rule by which the gate admits it. The table is total by types: a door can only ask the gate for
 * an operation that has a row. Doors that offer the same call (HTTP and gRPC, for example) use the same operation.
 */
import type { Scope } from "../access/identity.ts";
import type { LimitKind } from "../access/limits/policies.ts";

/** A window of a token at a past instant costs as much as this many tokens of the present. */
export const PAST_WEIGHT = 10;

type OperationRule = {
  /** Scope that the identity needs. */
  readonly scope: Scope;
  readonly costKind: LimitKind;
  /** Number of items (tokens of a batch, rows, candles, channels) that cost one unit. Undefined: every request costs one unit. */
  readonly itemsPerUnit?: number;
  /**
   * Undefined: `security.mode: required` asks for credentials. `probe`: never, and it is not limited. `open`: never, and it is limited.
   * `document`: only if the configuration says so; it is limited.
   */
  readonly openness?: "probe" | "open" | "document";
};

const read = (itemsPerUnit?: number): OperationRule => ({
  scope: "read",
  costKind: "requests",
  ...(itemsPerUnit === undefined ? {} : { itemsPerUnit }),
});
const PROBE: OperationRule = { scope: "read", costKind: "requests", openness: "probe" };
const OPEN: OperationRule = { scope: "read", costKind: "requests", openness: "open" };
const DOCUMENT: OperationRule = { scope: "read", costKind: "requests", openness: "document" };
const ADMIN: OperationRule = { scope: "admin", costKind: "requests" };
const MESSAGE: OperationRule = { scope: "read", costKind: "messages" };

export const OPERATION_RULES = {
  // Figures.
  tokenStats: read(),
  tokensStats: read(10),
  shortStats: read(),
  overview: read(50),
  candles: read(100),
  swaps: read(100),
  screener: read(10),
  search: read(50),
  market: read(),
  audit: read(),
  // Swaps in, and what became of them.
  ingest: { scope: "ingest", costKind: "requests" },
  deadLetters: ADMIN,
  // The service.
  healthz: PROBE,
  readyz: PROBE,
  status: ADMIN,
  metrics: ADMIN,
  openapi: DOCUMENT,
  docs: DOCUMENT,
  docsAsset: DOCUMENT,
  index: DOCUMENT,
  // A browser shows no credentials when it opens a page. The page and its files hold no data.
  dashboard: OPEN,
  dashboardAsset: OPEN,
  // Requests that match no operation, preflights among them. They get a refusal, so there is nothing to protect but the work of refusing.
  // A browser sends no credentials with a preflight.
  unmatched: OPEN,
  // Credentials.
  authTicket: read(),
  // Is there for development alone.
  authToken: OPEN,
  // Health of gRPC, and the descriptors of its services.
  grpcHealth: PROBE,
  grpcReflection: DOCUMENT,
  // Tools.
  asyncapi: DOCUMENT,
  udf: read(100),
  mcp: read(),
  // Connections that last, and the requests on them. `refused`: a message that is no request.
  connect: { scope: "read", costKind: "connects" },
  stream: { scope: "read", costKind: "connects" },
  subscribe: { scope: "read", costKind: "subscriptions", itemsPerUnit: 1 },
  unsubscribe: MESSAGE,
  set: MESSAGE,
  pause: MESSAGE,
  auth: MESSAGE,
  refused: MESSAGE,
} as const satisfies Readonly<Record<string, OperationRule>>;

export type OperationName = keyof typeof OPERATION_RULES;

/** Returns the rule of an operation. */
export const ruleOf = (operation: OperationName): OperationRule => OPERATION_RULES[operation];

/** Returns the units that a request for this many items costs, at least 1. */
export function costOf(operation: OperationName, items: number): number {
  const { itemsPerUnit } = ruleOf(operation);
  return itemsPerUnit === undefined ? 1 : Math.max(1, Math.ceil(items / itemsPerUnit));
}
