/**
 * Holds answers to an OpenAPI document: path and method must be in it, the status and media type must be announced, and the body must
 * fit its schema. Objects are closed while checking, so that a member that the document does not know fails too.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { OpenApiDocument } from "../../../src/serving/http/openapi.ts";

type Validate = { (value: unknown): boolean; errors?: unknown };
type Validator = { addSchema(schema: object, key: string): void; compile(schema: object): Validate };

const fromFastify = createRequire(createRequire(import.meta.url).resolve("fastify"));
const Ajv2020 = fromFastify("ajv/dist/2020").default as new (options: object) => Validator;

type Response = { headers?: Record<string, unknown>; content?: Record<string, unknown> };
type PathItem = Record<string, { responses: Record<string, Response> }>;

export class AnswerChecker {
  readonly #paths: { pattern: RegExp; path: string; item: PathItem }[];
  readonly #validator: Validator;
  readonly #compiled = new Map<string, Validate>();

  constructor(document: OpenApiDocument) {
    const closed = close(structuredClone(document) as unknown) as OpenApiDocument;
    this.#validator = new Ajv2020({ strict: false, allErrors: true });
    this.#validator.addSchema({ $id: "api:document", ...closed }, "api:document");
    this.#paths = Object.entries(closed.paths).map(([path, item]) => ({
      path,
      pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
      item: item as PathItem,
    }));
  }

  /** Throws an AssertionError that says what does not fit. Answers to calls outside the document must be problems. */
  check(method: string, target: string, status: number, contentType: string, text: string, headers: Headers): void {
    const path = target.split("?", 1)[0] as string;
    const lower = method === "HEAD" ? "get" : method.toLowerCase();
    const found = this.#paths.find(({ pattern, item }) => pattern.test(path) && lower in item);
    const type = contentType.split(";", 1)[0] as string;
    if (found === undefined) {
      assert.ok(status >= 400, `${method} ${path} is not in the document, but answered ${status}`);
      this.#validate("#/components/schemas/Problem", text, `${method} ${path}`);
      return;
    }
    const where = `${method} ${found.path} ${status}`;
    const response = found.item[lower]?.responses[status];
    assert.ok(response !== undefined, `${where} is not in the document: ${text}`);
    for (const name of Object.keys(response.headers ?? {})) {
      if (name !== "Retry-After") assert.ok(headers.has(name), `${where} has no ${name}`);
    }
    if (response.content === undefined) {
      assert.equal(text, "", `${where} has a body`);
      return;
    }
    assert.ok(type in response.content, `${where} does not announce ${type}`);
    if (!type.includes("json") || method === "HEAD") return;
    const pointer = ["paths", found.path, lower, "responses", String(status), "content", type, "schema"];
    this.#validate(`#/${pointer.map(escapePointer).join("/")}`, text, where);
  }

  /** The same of a value whose schema is at this place of the document. */
  checkExample(pointer: readonly string[], value: unknown): void {
    this.#validate(`#/${pointer.map(escapePointer).join("/")}`, JSON.stringify(value), pointer.join(" "));
  }

  #validate(reference: string, text: string, where: string): void {
    let validate = this.#compiled.get(reference);
    if (validate === undefined) {
      validate = this.#validator.compile({ $ref: `api:document${reference}` });
      this.#compiled.set(reference, validate);
    }
    assert.ok(validate(JSON.parse(text)), `${where} does not fit: ${JSON.stringify(validate.errors)}\n${text}`);
  }
}

const escapePointer = (part: string): string => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

/** Adds `additionalProperties: false` to every object schema that names its members and says nothing of others. */
function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, close(value)]));
  const isSchema = copy.type === "object" && copy.properties !== undefined && copy.additionalProperties === undefined;
  return isSchema ? { ...copy, additionalProperties: false } : copy;
}
