/**
 * Checks responses against an OpenAPI document: path and method must be in it, the status and media type must be declared, and the body must
 * match its schema. Objects are closed for the check, so that a member that the document lacks fails too.
 */
import assert from "node:assert/strict";
import type { OpenApiDocument } from "../../../src/serving/http/openapi.ts";
import { closed, createValidator, type Validate, type Validator } from "../../support/closed-schema.ts";

type Response = { headers?: Record<string, unknown>; content?: Record<string, unknown> };
type PathItem = Record<string, { responses: Record<string, Response> }>;

export class ResponseChecker {
  readonly #paths: { pattern: RegExp; path: string; item: PathItem }[];
  readonly #validator: Validator;
  readonly #compiled = new Map<string, Validate>();

  constructor(document: OpenApiDocument) {
    const whole = closed(document);
    this.#validator = createValidator();
    this.#validator.addSchema({ $id: "api:document", ...whole }, "api:document");
    this.#paths = Object.entries(whole.paths).map(([path, item]) => ({
      path,
      pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
      item: item as PathItem,
    }));
  }

  /** Throws an AssertionError that names the mismatch. Responses to requests outside the document must be problems. */
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

  /** Checks a value by the schema at this place of the document. */
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
