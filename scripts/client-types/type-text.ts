/** Writes TypeScript types of JSON schemas. Names, units and rules of a schema become comments; limits of values are left out. */

/** A JSON schema, as far as the contract uses it. */
export type Schema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly description?: string;
  /** Names of a list that a query writes with commas. */
  readonly "x-names"?: readonly string[];
  /** How an error message names what is expected. */
  readonly "x-expected"?: string;
};

export type TypeContext = {
  /** Returns the name of the type that a schema has, or undefined if it has none. */
  readonly nameOf: (schema: Schema) => string | undefined;
  /** Whether callers make the values. With exactOptionalPropertyTypes they could otherwise not pass on members that they compute. */
  readonly isRequest: boolean;
};

/** Stands for the names of windows, which each service configures. */
export const ANY_WINDOW = "<window>";
const JSON_OBJECT = "JsonObject";

/** Returns a text that is equal for schemas with the same type: without descriptions and limits of values. */
export function shapeOf(schema: Schema): string {
  const { $ref, const: value, items, patternProperties, properties, required } = schema;
  if ($ref !== undefined) return JSON.stringify({ $ref });
  if (value !== undefined) return JSON.stringify({ value });
  if (schema.enum !== undefined) return JSON.stringify({ enum: schema.enum });
  if (schema.anyOf !== undefined) return JSON.stringify({ anyOf: schema.anyOf.map(shapeOf) });
  if (items !== undefined) return JSON.stringify({ items: shapeOf(items) });
  if (patternProperties !== undefined) return JSON.stringify({ record: Object.values(patternProperties).map(shapeOf) });
  if (properties === undefined) return JSON.stringify({ type: schema.type, names: schema["x-names"] });
  const members = Object.entries(properties).map(([name, member]) => [name, required?.includes(name), shapeOf(member)]);
  return JSON.stringify({ members, open: schema.additionalProperties === true });
}

/** Returns the type of a schema that is used: its name if it has one. @param indent spaces in front of the line */
export function typeText(schema: Schema, context: TypeContext, indent = ""): string {
  return context.nameOf(schema) ?? bodyText(schema, context, indent);
}

/** Returns the type of a schema without its name: the right side of its declaration. */
export function bodyText(schema: Schema, context: TypeContext, indent = ""): string {
  const { $ref, const: value, anyOf, items, patternProperties, properties } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1);
  if (value !== undefined) return JSON.stringify(value);
  if (schema.enum !== undefined) return unionText(schema.enum.map(literalText), indent);
  if (anyOf !== undefined)
    return unionText(
      anyOf.map((part) => typeText(part, context, `${indent}  `)),
      indent,
    );
  if (items !== undefined) return listText(typeText(items, context, indent));
  const record = Object.values(patternProperties ?? {})[0];
  if (record !== undefined) return `{ readonly [name: string]: ${typeText(record, context, indent)} }`;
  if (properties !== undefined) return objectText(schema, context, indent);
  const names = schema["x-names"];
  if (names !== undefined) return listText(typeText({ enum: names }, context, indent));
  return scalarText(schema);
}

function scalarText({ type }: Schema): string {
  if (type === "integer" || type === "number") return "number";
  if (type === "string" || type === "boolean" || type === "null") return type;
  throw new Error(`a schema of type ${type} has no TypeScript type here`);
}

const literalText = (value: unknown): string => (value === ANY_WINDOW ? "string" : JSON.stringify(value));
const listText = (item: string): string => `readonly ${/[|&]/.test(item) ? `(${item})` : item}[]`;

/** Returns a union on one line if it fits, else one part on each line. */
export function unionText(parts: readonly string[], indent = ""): string {
  const distinct = [...new Set(parts)];
  const line = distinct.join(" | ");
  if (line.length + indent.length <= 90 && !line.includes("\n")) return line;
  return distinct.map((part) => `\n${indent}  | ${part}`).join("");
}

function objectText(schema: Schema, context: TypeContext, indent: string): string {
  const members = Object.entries(schema.properties ?? {});
  if (members.length === 0) return JSON_OBJECT;
  return `{\n${members.map((member) => memberText(schema, member, context, `${indent}  `)).join("")}${indent}}`;
}

function memberText(
  { required = [] }: Schema,
  [name, schema]: readonly [string, Schema],
  context: TypeContext,
  indent: string,
): string {
  const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
  const isGiven = required.includes(name);
  const type = typeText(schema, context, indent);
  const end = isGiven || !context.isRequest ? type : `${type} | undefined`;
  return `${commentText(descriptionOf(schema), indent)}${indent}readonly ${key}${isGiven ? "" : "?"}: ${end};\n`;
}

/** The description of a list in a query ends with how it is written; the client takes arrays. */
function descriptionOf(schema: Schema): string | undefined {
  const description = schema.description ?? schema.anyOf?.find((part) => part.description !== undefined)?.description;
  return schema["x-names"] === undefined ? description : description?.replace(`: ${schema["x-expected"]}`, "");
}

/** Returns the lines of a comment, or nothing. */
export function commentText(text: string | undefined, indent = ""): string {
  return text === undefined ? "" : `${indent}/** ${text}${/[.)]$/.test(text) ? "" : "."} */\n`;
}
