/** The OpenAPI 3.1 document, made from the list of calls and the schemas. */
import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { problemTable } from "../problems.ts";
import type { Operation } from "./operations.ts";
import { components } from "./schemas.ts";

/** Problems that any call can answer. */
const commonProblems: readonly ProblemCode[] = ["internal", "request_timeout", "uri_too_long", "headers_too_large"];

export type OpenApiDocument = {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
};

export function openApiOf(operations: readonly Operation[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = operationObject(operation);
    paths[operation.path] = path;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "swapstats",
      version,
      description:
        "Live, exact statistics per token from a stream of swaps. Times are integer milliseconds since 1970; amounts and prices are decimal strings; a " +
        "figure without a value is absent.",
    },
    paths,
    components: { schemas: components },
  };
}

/** The problems of a call by status, each with the codes that come with it. */
export function problemsByStatus(operation: Operation): ReadonlyMap<number, readonly ProblemCode[]> {
  const byStatus = new Map<number, ProblemCode[]>();
  const takesInput = [operation.params, operation.query, operation.body].some((part) => Object.keys(part).length > 0);
  const codes = new Set<ProblemCode>([
    ...(takesInput ? (["invalid_parameters", "bad_request"] as const) : []),
    ...operation.problems,
    ...commonProblems,
  ]);
  for (const code of codes) {
    const { status } = problemTable[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b));
}

function operationObject(operation: Operation): Record<string, unknown> {
  const parameters = [
    ...Object.entries(operation.params).map(([name, schema]) => ({ name, in: "path", required: true, schema })),
    ...Object.entries(operation.query).map(([name, schema]) => ({
      name,
      in: "query",
      required: !("~optional" in schema),
      schema,
    })),
    ...(operation.conditional
      ? [{ name: "If-None-Match", in: "header", required: false, schema: { type: "string" } }]
      : []),
  ];
  return {
    operationId: operation.id,
    summary: operation.summary,
    ...(operation.description === "" ? {} : { description: operation.description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(Object.keys(operation.body).length === 0
      ? {}
      : { requestBody: { required: true, content: contentOf(operation.body) } }),
    responses: responsesOf(operation),
  };
}

function responsesOf(operation: Operation): Record<string, unknown> {
  const { answer } = operation;
  const etag = { ETag: { description: "Weak; changes with the figures", schema: { type: "string" } } };
  const responses: Record<string, unknown> = {
    [answer.status]: {
      description: answer.description,
      ...(operation.conditional ? { headers: etag } : {}),
      content: contentOf(answer.content),
    },
  };
  if (operation.conditional) responses["304"] = { description: "If-None-Match names the answer", headers: etag };
  for (const [status, codes] of problemsByStatus(operation)) {
    const retry = codes.some((code) => problemTable[code].retryAfterSeconds !== undefined);
    responses[status] = {
      description: codes.map((code) => `\`${code}\`: ${problemTable[code].title}`).join(". "),
      ...(retry ? { headers: { "Retry-After": { description: "Seconds", schema: { type: "integer" } } } } : {}),
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return responses;
}

const contentOf = (byType: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(byType).map(([type, schema]) => [type, { schema }]));
