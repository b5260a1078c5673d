/** How requests are checked by their schemas: texts of paths and queries are read as numbers where a number is wanted, bodies are not. */
import AjvCompiler from "@fastify/ajv-compiler";
import type { FastifySchemaCompiler } from "fastify";

const COMMON = {
  allErrors: true,
  removeAdditional: false,
  useDefaults: true,
  verbose: true,
  keywords: ["x-expected", "x-names", "x-time"],
};

export function createValidatorCompiler(): FastifySchemaCompiler<unknown> {
  const build = AjvCompiler();
  const ofTexts = build({}, { customOptions: { ...COMMON, coerceTypes: true } }) as FastifySchemaCompiler<unknown>;
  const ofBodies = build({}, { customOptions: { ...COMMON, coerceTypes: false } }) as FastifySchemaCompiler<unknown>;
  return (route) => (route.httpPart === "body" ? ofBodies(route) : ofTexts(route));
}
