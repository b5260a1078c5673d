/** The parts that all routes share. */

import { type TSchema, Type } from "typebox";
import type { HostRules } from "../../shared/host-rules.ts";
import type { QueryExecutor } from "../query-executor.ts";
import type { BodyReader } from "./body-reader.ts";
import type { HttpBudgets } from "./budgets.ts";
import type { HotLane } from "./hot-lane.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import type { Operation, OperationId } from "./operations.ts";
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
    operation?: string;
    /** The method of the operation; HEAD counts as GET. */
    operationMethod?: string;
    /** Whether its body may be as large as `api.http.max_body`. */
    isIngest?: boolean;
  }
}

type RouteSettings = {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly schema: { params?: TSchema; querystring?: TSchema; body?: TSchema };
  readonly config: { route: string; operation: string; operationMethod: string; isIngest: boolean };
};

/** Returns the route of an operation of the list. Bodies of swaps are not checked here: their codec does that on another thread. */
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
      ...(body === undefined || isIngest ? {} : { body }),
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
