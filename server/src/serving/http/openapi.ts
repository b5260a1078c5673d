/** Makes the OpenAPI 3.1 document from the list of calls, the schemas and the examples. */
import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { components } from "@swapstats/protocol/schemas/components.ts";
import { ruleOf } from "../operation-rules.ts";
import { problemTable } from "../problems.ts";
import { type Examples, examplesOf, problemExample } from "./examples.ts";
import { JSON_TYPE, type Operation, type OperationTag, operationTags } from "./operation.ts";

/** Problems that any call can return. */
const commonProblems: readonly ProblemCode[] = [
  "bad_request",
  "invalid_parameters",
  "misdirected_request",
  "overloaded",
  "internal",
  "request_timeout",
  "uri_too_long",
  "headers_too_large",
  "expectation_failed",
  "unauthorized",
  "forbidden",
];

const securitySchemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A JSON Web Token with `exp`, `nbf`, `sub` and, for more than reading, `scope`. An API key is accepted in its place",
  },
  apiKey: { type: "apiKey", in: "header", name: "X-Api-Key", description: "An API key" },
} as const;

export type OpenApiDocument = {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: OperationTag; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
};

/** @param windows names of the configured windows, for the examples */
export function openApiOf(
  operations: readonly Operation[],
  version: string,
  windows: readonly string[],
): OpenApiDocument {
  const examples = examplesOf(windows);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = operationObject(operation, examples[operation.id]);
    paths[operation.path] = path;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "swapstats",
      version,
      description:
        "Live, exact statistics per token from a stream of swaps. Times are integer milliseconds since 1970; amounts and prices are decimal strings; a " +
        "figure without a value is absent. Live updates are on the WebSocket `/ws`.",
    },
    servers: [{ url: "/", description: "This service" }],
    tags: Object.entries(operationTags).map(([name, description]) => ({ name: name as OperationTag, description })),
    paths,
    // Without credentials first: with `security.mode: open` none are needed.
    security: [{}, { bearer: [] }, { apiKey: [] }],
    components: { schemas: components, securitySchemes },
  };
}

/** Returns the codes of a call's problems by status. */
function problemsByStatus(operation: Operation): ReadonlyMap<number, readonly ProblemCode[]> {
  const byStatus = new Map<number, ProblemCode[]>();
  const codes = new Set<ProblemCode>([...operation.problems, ...commonProblems]);
  for (const code of codes) {
    const { status } = problemTable[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b));
}

function isAlwaysOpen({ id }: Operation): boolean {
  const { openness } = ruleOf(id);
  return openness === "probe" || openness === "open";
}

function operationObject(operation: Operation, examples: Examples): Record<string, unknown> {
  const example = (name: string): object =>
    examples.parameters !== undefined && name in examples.parameters ? { example: examples.parameters[name] } : {};
  const parameters = [
    ...Object.entries(operation.params).map(([name, schema]) => ({
      ...{ name, in: "path", required: true, ...described(schema), schema },
      ...example(name),
    })),
    ...Object.entries(operation.query).map(([name, schema]) => ({
      ...{ name, in: "query", required: !("~optional" in schema), ...described(schema), schema },
      ...example(name),
    })),
    ...(operation.conditional
      ? [{ name: "If-None-Match", in: "header", required: false, schema: { type: "string" } }]
      : []),
  ];
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === "" ? {} : { description: operation.description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(isAlwaysOpen(operation) ? { security: [] } : {}),
    ...(Object.keys(operation.body).length === 0
      ? {}
      : { requestBody: { required: true, content: contentOf(operation.body, examples.bodies) } }),
    responses: responsesOf(operation, examples),
  };
}

function responsesOf(operation: Operation, examples: Examples): Record<string, unknown> {
  const { response, past } = operation;
  const schema = response.content[JSON_TYPE];
  const content = past === undefined ? response.content : { [JSON_TYPE]: { anyOf: [schema, past] } };
  const etag = { ETag: { description: "Weak entity tag, which changes with the figures", schema: { type: "string" } } };
  const responses: Record<string, unknown> = {
    [response.status]: {
      description: response.description,
      ...(operation.conditional ? { headers: etag } : {}),
      content: contentOf(content, examples.responses),
    },
  };
  if (operation.conditional)
    responses["304"] = { description: "The response is the one that If-None-Match names", headers: etag };
  for (const [status, codes] of problemsByStatus(operation)) {
    const retry = codes.some((code) => problemTable[code].retryAfterSeconds !== undefined);
    const example = problemExample(codes[0] as ProblemCode, operation.path);
    responses[status] = {
      description: codes.map((code) => `\`${code}\`: ${problemTable[code].title}`).join(". "),
      ...(retry
        ? { headers: { "Retry-After": { description: "Seconds to wait before a retry", schema: { type: "integer" } } } }
        : {}),
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" }, example } },
    };
  }
  return responses;
}

function contentOf(
  byType: Readonly<Record<string, unknown>>,
  examples: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const entries = Object.entries(byType).map(([type, schema]) => {
    const example = examples?.[type];
    return [type, example === undefined ? { schema } : { schema, example }];
  });
  return Object.fromEntries(entries);
}

/** Tools look for the description of a parameter next to its schema. */
const described = (schema: { readonly description?: string }): object =>
  schema.description === undefined ? {} : { description: schema.description };
