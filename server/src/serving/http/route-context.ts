/** The parts that all routes share. */

import type { FastifyReply, FastifyRequest } from "fastify";
import { type TSchema, Type } from "typebox";
import type { Identity } from "../../access/identity.ts";
import type { HostRules } from "../../shared/host-rules.ts";
import type { MountRoute } from "../mounts.ts";
import { costOf, type OperationName } from "../operation-rules.ts";
import { limitFields } from "../problem-response.ts";
import type { QueryExecutor } from "../query-executor.ts";
import type { BodyReader } from "./body-reader.ts";
import type { HttpBudgets } from "./budgets.ts";
import type { HotLane } from "./hot-lane.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import type { Operation, OperationId } from "./operation.ts";
import type { Replies, RepliesByRoute } from "./replies.ts";

export type RouteContext = {
  readonly options: HttpServerOptions;
  readonly executor: QueryExecutor;
  readonly operations: readonly Operation[];
  readonly hosts: HostRules;
  readonly budgets: HttpBudgets;
  readonly bodies: BodyReader;
  readonly replies: RepliesByRoute;
  readonly lane: HotLane;
  readonly startedMs: number;
  draining: boolean;
};

declare module "fastify" {
  interface FastifyContextConfig {
    /** The path as the API names it, for metrics. */
    route?: string;
    /** The id of the operation, for the gate. */
    operation?: OperationName;
    /** The operation of requests for a page, if another one serves them at the same path. */
    pageOperation?: OperationName;
    /** The method of the operation; HEAD counts as GET. */
    operationMethod?: string;
    /** Whether its body may be as large as `api.http.max_body`. */
    isIngest?: boolean;
    /** The route of another door. */
    mount?: MountRoute;
  }
  interface FastifyRequest {
    /** The client, from the gate on. */
    identity: Identity;
  }
}

/** Whether the response should be a page: browsers name HTML when they open an address. */
export const wantsPage = ({ headers }: FastifyRequest): boolean => headers.accept?.includes("text/html") === true;

type RouteSettings = {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly schema: { params?: TSchema; querystring?: TSchema; body?: TSchema };
  readonly config: { route: string; operation: OperationName; operationMethod: string; isIngest: boolean };
};

/** Operations whose bodies are not checked by their schema: the codec of swaps, and the parser of queries, are the one check. */
const OWN_CHECKS: ReadonlySet<OperationId> = new Set<OperationId>(["ingest", "screener"]);

/** Returns the route of an operation of the list. */
export function routeOf(context: RouteContext, id: OperationId): RouteSettings {
  const operation = context.operations.find((one) => one.id === id) as Operation;
  const isIngest = id === "ingest";
  const body = operation.body["application/json"];
  return {
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    schema: {
      ...(isEmpty(operation.params) ? {} : { params: Type.Object(operation.params) }),
      // Also for operations without parameters: an unknown parameter is a mistake of the client.
      querystring: Type.Object(operation.query, { additionalProperties: false }),
      ...(body === undefined || OWN_CHECKS.has(id) ? {} : { body }),
    },
    config: { route: operation.path, operation: id, operationMethod: operation.method, isIngest },
  };
}

/** Returns the replies of that operation. */
export function repliesOf(context: RouteContext, id: OperationId): Replies {
  const { method, path } = context.operations.find((one) => one.id === id) as Operation;
  return context.replies.of(method, path);
}

const isEmpty = (record: Readonly<Record<string, unknown>>): boolean => Object.keys(record).length === 0;

/**
 * Passes a request through the gate once more, when its parameters show that it costs more than the one unit that was asked for before they were
 * read. Throws ProblemError `rate_limited` when the rest is refused.
 */
export async function payForItems(
  { options }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: OperationId,
  items: number,
): Promise<void> {
  const rest = costOf(operation, items) - 1;
  if (rest === 0) return;
  const { problem, limits } = await options.gate.admit(request.identity, operation, rest);
  for (const [name, value] of limitFields(limits)) reply.header(name, value);
  if (problem !== undefined) throw problem;
}
