/** Makes the Postman collection and its environments from the list of operations, their schemas and examples. */
import { examplesOf } from "../server/src/serving/http/examples.ts";
import { type Operation, type OperationId, operationTags } from "../server/src/serving/http/operation.ts";
import { operationsOf } from "../server/src/serving/http/operations.ts";

const SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/** Those of the default configuration. */
const WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
const JSON_TYPE = "application/json";
/** Requests that a collection cannot hold: pages for people, and a response that does not end. */
const LEFT_OUT: readonly OperationId[] = ["index", "docs", "stream"];
/** The token is for all requests of the collection. */
const SCOPE = "read ingest admin";
/** Credentials come first. Swaps are sent then, so that the other requests find a token in an empty service. */
const ORDER = ["Access", "Swaps", "Figures", "Service"];

/** Before each request: the token is sent if there is one, and swaps have the present time. */
const BEFORE = [
  'const token = pm.environment.get("token");',
  'if (token) pm.request.headers.upsert({ key: "Authorization", value: "Bearer " + token });',
  'pm.variables.set("now_ms", Date.now());',
];
/** After the request for a token: the other requests read the variable. A service that gives none leaves the one that was set by hand. */
const KEEP_TOKEN = [
  "const { token } = pm.response.json();",
  'pm.test("there is a token", () => pm.expect(token).to.be.a("string"));',
  'if (token) pm.environment.set("token", token);',
];

type Query = { readonly key: string; readonly value: string; readonly description: string; readonly disabled: boolean };

/** Returns the collection (format 2.1). */
export function postmanCollection(): object {
  const isFirst = ({ id }: Operation): number => (id === "authToken" ? 0 : 1);
  const operations = operationsOf(WINDOWS)
    .filter(({ id }) => !LEFT_OUT.includes(id))
    .sort((a, b) => isFirst(a) - isFirst(b));
  const tags = Object.keys(operationTags).sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
  return {
    info: {
      name: "swapstats",
      description:
        "Made from the operations of the service by `npm run docs`. Choose an environment; where the service asks for credentials, send " +
        "the request for a token first (it exists for development alone), or set the variable `token`.",
      schema: SCHEMA,
    },
    event: [{ listen: "prerequest", script: { type: "text/javascript", exec: BEFORE } }],
    item: tags.map((tag) => ({
      name: tag,
      description: operationTags[tag as keyof typeof operationTags],
      item: operations.filter((operation) => operation.tag === tag).map(itemOf),
    })),
  };
}

/** Returns the environments by the names of their files. */
export function postmanEnvironments(): ReadonlyMap<string, object> {
  return new Map([
    ["local", environmentOf("local", "http://127.0.0.1:8080")],
    ["staging", environmentOf("staging", "https://staging.example.com")],
  ]);
}

function environmentOf(name: string, baseUrl: string): object {
  return {
    name: `swapstats ${name}`,
    values: [
      { key: "base_url", value: baseUrl, type: "default", enabled: true },
      { key: "token", value: "", type: "secret", enabled: true },
    ],
    _postman_variable_scope: "environment",
  };
}

function itemOf(operation: Operation): object {
  const examples = examplesOf(WINDOWS)[operation.id];
  const exampleOf = (name: string): string => String(examples.parameters?.[name] ?? "");
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `:${name}`);
  const query: readonly Query[] = Object.entries(operation.query).map(([key, schema]) => ({
    ...{ key, value: exampleOf(key), description: (schema as { readonly description?: string }).description ?? "" },
    disabled: examples.parameters?.[key] === undefined,
  }));
  const sent = query.filter(({ disabled }) => !disabled).map(({ key, value }) => `${key}=${encodeURIComponent(value)}`);
  const variables = Object.keys(operation.params).map((key) => ({ key, value: encodeURIComponent(exampleOf(key)) }));
  const example = examples.bodies?.[JSON_TYPE];
  const body = operation.id === "authToken" ? { ...(example as object), scope: SCOPE } : example;
  const tests = [
    `pm.test("the response is the documented one", () => pm.response.to.have.status(${operation.response.status}));`,
    ...(operation.id === "authToken" ? KEEP_TOKEN : []),
  ];
  return {
    name: operation.summary,
    event: [{ listen: "test", script: { type: "text/javascript", exec: tests } }],
    request: {
      method: operation.method,
      header: body === undefined ? [] : [{ key: "Content-Type", value: JSON_TYPE }],
      ...(operation.description === "" ? {} : { description: operation.description }),
      ...(body === undefined ? {} : { body: { mode: "raw", raw: bodyText(body) } }),
      url: {
        raw: `{{base_url}}${path}${sent.length === 0 ? "" : `?${sent.join("&")}`}`,
        host: ["{{base_url}}"],
        path: path.slice(1).split("/"),
        ...(query.length === 0 ? {} : { query }),
        ...(variables.length === 0 ? {} : { variable: variables }),
      },
    },
  };
}

/** An example of a swap has a fixed time. Here it is the present time, because an old swap would not count. */
const bodyText = (body: unknown): string =>
  JSON.stringify(body, undefined, 2).replaceAll(/("event_time": )\d+/g, "$1{{now_ms}}");
