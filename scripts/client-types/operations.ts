/** The calls of the client, made from the operations of the service: a type for each query, one method for each call, and their table. */
import { JSON_TYPE, type Operation, type OperationId } from "../../server/src/serving/http/operation.ts";
import { operationsOf } from "../../server/src/serving/http/operations.ts";
import type { Declaration } from "./declarations.ts";
import { ANY_WINDOW, commentText, type Schema, type TypeContext, typeText } from "./type-text.ts";

const EVENT_STREAM = "text/event-stream";
/** Calls with a body that change nothing: they may be repeated. */
const READING_POSTS: readonly OperationId[] = ["tokensStats", "screener"];
/** They say how it is now, so that repeating them would hide what was asked for. */
const PROBES: readonly OperationId[] = ["healthz", "readyz"];

const operations = operationsOf([ANY_WINDOW]);

const hasQuery = ({ query }: Operation): boolean => Object.keys(query).length > 0;
const hasBody = ({ body }: Operation): boolean => Object.keys(body).length > 0;
const queryName = ({ id }: Operation): string => `${id[0]!.toUpperCase()}${id.slice(1)}Query`;
const isRequired = (schema: object): boolean => !("~optional" in schema);

/** Returns the types of the queries. */
export function queryDeclarations(): readonly Declaration[] {
  return operations.filter(hasQuery).map((operation) => ({
    name: queryName(operation),
    of: {
      properties: operation.query as Readonly<Record<string, Schema>>,
      required: Object.keys(operation.query).filter((name) => isRequired(operation.query[name]!)),
    },
    doc: `Parameters of \`${operation.id}\``,
    isRequest: true,
  }));
}

/** Returns the declaration of the type with one method for each call. */
export function callsText(context: TypeContext): string {
  const methods = operations.flatMap((operation) => {
    const method = (doc: string, isPast: boolean, result: string): string =>
      `${commentText(doc, "  ")}  ${operation.id}(${argumentsOf(operation, context, isPast)}): Promise<${result}>;\n`;
    const { past } = operation;
    const present = method(docOf(operation), false, resultOf(operation, context));
    if (past === undefined) return [present];
    // The first overload that fits is taken, so the one that needs `at` comes first.
    return [
      method(`${docOf(operation)}, as of a past instant`, true, typeText(past as Schema, context, "  ")),
      present,
    ];
  });
  return `${commentText("A call for every operation of the OpenAPI document")}export type HttpCalls = {\n${methods.join("")}};\n`;
}

const docOf = ({ summary, method, path }: Operation): string => `${summary}: \`${method} ${path}\``;

/** `isPast`: with `at`. */
function argumentsOf(operation: Operation, context: TypeContext, isPast: boolean): string {
  const params = Object.keys(operation.params).map((name) => `${name}: string`);
  const inBody = isPast && hasBody(operation) ? " & { at: number | string }" : "";
  const inQuery = isPast && !hasBody(operation) ? " & { at: string }" : "";
  const body = hasBody(operation) ? [`body: ${bodyOf(operation, context)}${inBody}`] : [];
  const needsQuery = Object.values(operation.query).some(isRequired) || inQuery !== "";
  const query = hasQuery(operation) ? [`query${needsQuery ? "" : "?"}: ${queryName(operation)}${inQuery}`] : [];
  return [...params, ...body, ...query, "options?: CallOptions"].join(", ");
}

const bodyOf = ({ body }: Operation, context: TypeContext): string =>
  Object.values(body)
    .map((schema) => typeText(schema as Schema, context, "  "))
    .join(" | ");

function resultOf({ response: { content } }: Operation, context: TypeContext): string {
  if (EVENT_STREAM in content) return "ReadableStream<Uint8Array>";
  const schema = content[JSON_TYPE];
  return schema === undefined ? "string" : typeText(schema as Schema, context, "  ");
}

/** Returns the constant with what the client must know to make each call. */
export function operationTable(): string {
  const rows = operations.map((operation) => {
    const { id, method, path, response } = operation;
    const accept = JSON_TYPE in response.content ? JSON_TYPE : Object.keys(response.content)[0];
    const repeats = (method === "GET" && !PROBES.includes(id)) || READING_POSTS.includes(id);
    const flags = { repeats, body: hasBody(operation), query: hasQuery(operation) };
    const given = Object.entries(flags).map(([name, isTrue]) => (isTrue ? `, ${name}: true` : ""));
    return `  ${id}: { method: "${method}", path: "${path}", accept: "${accept}"${given.join("")} },\n`;
  });
  return `${OPERATION_TYPE}\n${commentText("All calls")}export const operations: Readonly<Record<keyof HttpCalls, Operation>> = {\n${rows.join("")}};\n`;
}

const OPERATION_TYPE = `/** What a call sends and accepts. */
export type Operation = {
  readonly method: "GET" | "POST";
  /** Parameters stand as \`{name}\`. */
  readonly path: string;
  /** Media type of the response. */
  readonly accept: string;
  /** True: it changes nothing, and is repeated when that can help. */
  readonly repeats?: true;
  readonly body?: true;
  readonly query?: true;
};
`;
