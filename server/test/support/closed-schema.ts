/** Schemas for tests. Objects are closed, so an unknown member fails too. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

export type Validate = { (value: unknown): boolean; errors?: unknown };
export type Validator = { addSchema(schema: object, key: string): void; compile(schema: object): Validate };

const fromFastify = createRequire(createRequire(import.meta.url).resolve("fastify"));
const Ajv2020 = fromFastify("ajv/dist/2020").default as new (options: object) => Validator;

export const createValidator = (): Validator => new Ajv2020({ strict: false, allErrors: true });

/** Adds `additionalProperties: false` to every object schema that names its members and says nothing of others. */
export function closed<T>(schema: T): T {
  return close(structuredClone(schema)) as T;
}

function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, close(value)]));
  const isSchema = copy.type === "object" && copy.properties !== undefined && copy.additionalProperties === undefined;
  return isSchema ? { ...copy, additionalProperties: false } : copy;
}

/** Returns a check that throws an AssertionError with the differences. */
export function checkOf(schema: object): (value: unknown) => void {
  const validate = createValidator().compile(closed(schema));
  return (value) => {
    assert.ok(validate(value), `does not fit: ${JSON.stringify(validate.errors)}\n${JSON.stringify(value)}`);
  };
}
