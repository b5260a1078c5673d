import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openApiOf } from "../../../src/serving/http/openapi.ts";
import { operationsOf } from "../../../src/serving/http/operations.ts";
import { startHarness, WINDOWS } from "./http-harness.ts";
import { ResponseChecker } from "./response-checker.ts";

type Media = Record<string, { schema: object; example?: unknown }>;
type Call = {
  operationId: string;
  tags: string[];
  parameters?: {
    name: string;
    in: string;
    required: boolean;
    schema: object;
    description?: string;
    example?: unknown;
  }[];
  requestBody?: { content: Media };
  responses: Record<string, { content?: Media; headers?: object }>;
};

function callsOf(windows: readonly string[]) {
  const document = openApiOf(operationsOf(windows), "0.1.0", windows);
  const calls = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, call]) => ({ path, method: method.toUpperCase(), call: call as Call })),
  );
  return { document, calls };
}

/** Path and query with the example of every parameter that has one. */
function targetOf(path: string, { parameters = [] }: Call): string {
  const given = parameters.filter(({ example }) => example !== undefined);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(String(given.find((one) => one.name === name)?.example)),
  );
  const query = given.filter((one) => one.in === "query").map(({ name, example }) => `${name}=${example}`);
  return query.length === 0 ? filled : `${filled}?${query.join("&")}`;
}

describe("the OpenAPI document", () => {
  test("names the server, and groups operations with unique names", () => {
    const { document, calls } = callsOf(WINDOWS);
    assert.deepEqual(document.servers[0]?.url, "/");
    const tags = document.tags.map(({ name }) => name as string);
    for (const { call } of calls) assert.ok(call.tags.every((tag) => tags.includes(tag)));
    assert.equal(new Set(calls.map(({ call }) => call.operationId)).size, calls.length);
  });

  test("names the ways to show credentials, and the calls that never need any", () => {
    const { document, calls } = callsOf(WINDOWS);
    assert.deepEqual(Object.keys(document.components.securitySchemes), ["bearer", "apiKey"]);
    assert.deepEqual(document.security, [{}, { bearer: [] }, { apiKey: [] }]);
    const open = calls.filter(({ call }) => (call as { security?: unknown[] }).security?.length === 0);
    assert.deepEqual(
      open.map(({ path }) => path),
      ["/api/auth/token", "/healthz", "/readyz"],
    );
  });

  test("every response, body and problem has an example that matches its schema, with any windows", () => {
    for (const windows of [WINDOWS, ["10s"]]) {
      const { document, calls } = callsOf(windows);
      const checker = new ResponseChecker(document);
      for (const { path, method, call } of calls) {
        for (const [status, { content = {} }] of Object.entries(call.responses)) {
          for (const [type, { example }] of Object.entries(content)) {
            assert.ok(example !== undefined, `${method} ${path} ${status} ${type} has no example`);
            const text = type.includes("json") ? JSON.stringify(example) : String(example);
            const headers = new Headers({ etag: 'W/"1"' });
            checker.check(method, path.replaceAll(/\{\w+\}/g, "x"), Number(status), type, text, headers);
          }
        }
        for (const [type, { example }] of Object.entries(call.requestBody?.content ?? {})) {
          assert.ok(example !== undefined, `${method} ${path} ${type} has no example`);
          checker.checkExample(
            ["paths", path, method.toLowerCase(), "requestBody", "content", type, "schema"],
            example,
          );
        }
        for (const [i, { name, example, required, description }] of (call.parameters ?? []).entries()) {
          assert.ok(example !== undefined || !required, `${name} of ${path} has no example`);
          assert.ok(description !== undefined || name === "If-None-Match", `${name} of ${path} has no description`);
          if (example === undefined) continue;
          checker.checkExample(["paths", path, method.toLowerCase(), "parameters", String(i), "schema"], example);
        }
      }
    }
  });

  test("the requests of the examples succeed", async (t) => {
    const { call: ask } = await startHarness(t);
    for (const { path, method, call } of callsOf(WINDOWS).calls) {
      // One has a door of its own and does not end, the other needs a history.
      if (path === "/api/stream" || path === "/api/audit/{id}") continue;
      const bodies = Object.entries(call.requestBody?.content ?? {});
      const asked = bodies.map(([type, { example }]) => ({
        method,
        headers: { "content-type": type },
        body: typeof example === "string" ? example : JSON.stringify(example),
      }));
      for (const init of asked.length === 0 ? [{ method }] : asked) {
        const answer = await ask(targetOf(path, call), init);
        assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
      }
    }
  });
});
