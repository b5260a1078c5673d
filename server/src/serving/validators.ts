/** Checks requests by their schemas. Texts in paths and queries are read as numbers where the schema wants a number; bodies are not. */
import AjvCompiler from "@fastify/ajv-compiler";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { invalidParameters, type ValidationItem } from "./invalid-parameters.ts";

const COMMON = {
  allErrors: true,
  removeAdditional: false,
  useDefaults: true,
  verbose: true,
  keywords: ["x-expected", "x-names", "x-time", "x-past"],
  // The validator's own coercion accepts `0x10`, `1e2`, ` 5` and `5.0` as numbers.
  coerceTypes: false,
};

type Properties = Readonly<Record<string, { readonly type?: unknown; readonly "x-past"?: string }>>;
type Validate = { (values: unknown): boolean; errors?: readonly ValidationItem[] | null };

/** Numbers in a path or query are decimal digits only, as a program writes them. No parameter has more digits. */
const DIGITS = /^-?[0-9]{1,16}$/;

export function createValidatorCompiler(): FastifySchemaCompiler<unknown> {
  const build = AjvCompiler();
  const compile = build({}, { customOptions: COMMON }) as FastifySchemaCompiler<unknown>;
  return (route) => {
    const properties = ((route.schema as { properties?: Properties }).properties ?? {}) as Properties;
    const validate = withPast(compile(route) as Validate, properties);
    if (route.httpPart === "body") return validate as ReturnType<typeof compile>;
    const integers = Object.keys(properties).filter((name) => properties[name]?.type === "integer");
    if (integers.length === 0) return validate as ReturnType<typeof compile>;
    // The framework reads the errors from a member of the validator function.
    const withNumbers = (values: Record<string, unknown>): unknown => {
      for (const name of integers) readNumber(values, name);
      const result = validate(values);
      withNumbers.errors = validate.errors;
      return result;
    };
    withNumbers.errors = undefined as Validate["errors"];
    return withNumbers as ReturnType<typeof compile>;
  };
}

/** Lets requests with `at` have other windows than those of the service. */
function withPast(validate: Validate, properties: Properties): Validate {
  const past = properties.windows?.["x-past"];
  if (past === undefined) return validate;
  const pattern = new RegExp(past);
  const validatePast: Validate = (values) => {
    const { at, windows } = (values ?? {}) as { at?: unknown; windows?: unknown };
    const texts = Array.isArray(windows) ? windows : [windows];
    const isPast = at !== undefined && texts.length <= requestLimits.pastWindowsMax;
    if (!isPast || !texts.every((text) => typeof text === "string" && pattern.test(text))) {
      const result = validate(values);
      validatePast.errors = validate.errors ?? null;
      return result;
    }
    const { windows: _, ...rest } = values as Record<string, unknown>;
    const result = validate(rest);
    Object.assign(values as object, rest);
    validatePast.errors = validate.errors ?? null;
    return result;
  };
  return validatePast;
}

function readNumber(values: Record<string, unknown>, name: string): void {
  const given = Object.hasOwn(values, name) ? values[name] : undefined;
  if (typeof given === "string" && DIGITS.test(given)) values[name] = Number(given);
}

/** Returns a check for doors without the framework: it fills in defaults, and throws ProblemError `invalid_parameters`. Numbers must be numbers. */
export function createCheck(schema: TSchema): (values: unknown) => void {
  const compiled = AjvCompiler()({}, { customOptions: COMMON })({
    ...{ schema, method: "POST", url: "", httpPart: "body" },
  }) as unknown as Validate;
  const validate = withPast(compiled, (schema as { properties?: Properties }).properties ?? {});
  return (values) => {
    if (validate(values)) return;
    throw invalidParameters(validate.errors ?? [], "query");
  };
}
