/** Checks requests by their schemas. Texts in paths and queries are read as numbers where the schema wants a number; bodies are not. */
import AjvCompiler from "@fastify/ajv-compiler";
import type { FastifySchemaCompiler } from "fastify";

const COMMON = {
  allErrors: true,
  removeAdditional: false,
  useDefaults: true,
  verbose: true,
  keywords: ["x-expected", "x-names", "x-time"],
  // The validator's own coercion accepts `0x10`, `1e2`, ` 5` and `5.0` as numbers.
  coerceTypes: false,
};

type Properties = Readonly<Record<string, { readonly type?: unknown }>>;

/** Numbers in a path or query are decimal digits only, as a program writes them. No parameter has more digits. */
const DIGITS = /^-?[0-9]{1,16}$/;

export function createValidatorCompiler(): FastifySchemaCompiler<unknown> {
  const build = AjvCompiler();
  const compile = build({}, { customOptions: COMMON }) as FastifySchemaCompiler<unknown>;
  return (route) => {
    const validate = compile(route);
    if (route.httpPart === "body") return validate;
    const properties = ((route.schema as { properties?: Properties }).properties ?? {}) as Properties;
    const integers = Object.keys(properties).filter((name) => properties[name]?.type === "integer");
    if (integers.length === 0) return validate;
    // The framework reads the errors from a member of the validator function.
    const withNumbers = (values: Record<string, unknown>): unknown => {
      for (const name of integers) readNumber(values, name);
      const result = validate(values);
      withNumbers.errors = (validate as { errors?: unknown }).errors;
      return result;
    };
    withNumbers.errors = undefined as unknown;
    return withNumbers as typeof validate;
  };
}

function readNumber(values: Record<string, unknown>, name: string): void {
  const given = Object.hasOwn(values, name) ? values[name] : undefined;
  if (typeof given === "string" && DIGITS.test(given)) values[name] = Number(given);
}
