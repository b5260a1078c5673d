/**
 * Messages of protobuf, as tables that follow from the schemas of the contract. The descriptor, the text of the `.proto` file and the codec are
 * made from these tables. A field has the name of its member in JSON, and its number is written here once and for all.
 */
import { type TObject, type TSchema, Type } from "typebox";
import { historyComplete, optional } from "../schemas/values.ts";

/** `bytes` is hexadecimal in JSON: `0x`, and two digits in lower case for each byte. */
export type Scalar = "bool" | "bytes" | "double" | "int64" | "string" | "uint32" | "uint64";
export type MapKey = "int64" | "string" | "uint32";

export type Field = {
  readonly name: string;
  readonly number: number;
  /** A scalar, or the name of a message. */
  readonly type: Scalar | { readonly message: string };
  /**
   * `single`: a scalar that is always there in JSON; its zero value is not on the wire. `optional`: present or absent. `repeated`: a list.
   * `map`: an object with keys of the type `key`.
   */
  readonly form: "single" | "optional" | "repeated" | "map";
  readonly key?: MapKey;
  /** Name of the choice that the field belongs to: at most one of its fields is present. */
  readonly choice?: string;
  /** True: the member is always there in JSON, also as an empty list or object. */
  readonly isRequired: boolean;
  readonly doc: string;
};

export type Message = {
  readonly name: string;
  readonly doc: string;
  readonly fields: readonly Field[];
  /** True: the message is data of a channel, or a part of it, and also a patch of itself. See `CLEARED`. */
  readonly isPatched: boolean;
};

/** Number of a field, alone or with what the schema does not say. */
type Numbered = number | ({ readonly number: number } & FieldHints);
type FieldHints = {
  /** Name of the message of an object, or of the items of a list or map. */
  readonly message?: string;
  readonly key?: MapKey;
  readonly type?: Scalar;
  readonly doc?: string;
};
/** Numbers by member. Null: the member is no field, because a choice stands for it. */
export type Numbers = { readonly [Name in string]: Numbered | null };

/** Field of messages that are patches of themselves: numbers of the fields that have no value any more. */
export const CLEARED = { name: "cleared", number: 2000 } as const;
/** The field with the removed keys of a map has the number of the map plus this. */
const REMOVED_OFFSET = 2000;
/** Returns name and number of the field with the removed keys of a map. */
export const removedOf = (map: Field): { readonly name: string; readonly number: number } => ({
  name: `removed_${map.name}`,
  number: map.number + REMOVED_OFFSET,
});

const UINT32_MAX = 4_294_967_295;

type JsonSchema = TSchema & {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly description?: string;
  readonly $ref?: string;
};

/** Returns the message of an object, with further fields. Throws if its members and the numbers do not name the same fields. */
export function messageOf(
  name: string,
  doc: string,
  schema: TObject,
  numbers: Numbers,
  choices: readonly Field[] = [],
): Message {
  return { name, doc, fields: [...fieldsOf(name, schema, numbers, false), ...choices], isPatched: false };
}

/** Returns the schema of a response, with what its form at a past instant has as well. */
export const withPast = (schema: TObject): TObject =>
  Type.Object({ ...schema.properties, history_complete: optional(historyComplete) });

/** Returns a message that is a choice of others. */
export function oneOf(name: string, doc: string, choices: readonly Field[]): Message {
  return { name, doc, fields: choices, isPatched: false };
}

/** Returns the message of data that is also a patch of itself: all its scalars may be absent. Throws as `messageOf`. */
export function dataMessageOf(name: string, doc: string, schema: TObject, numbers: Numbers): Message {
  return { name, doc, fields: fieldsOf(name, schema, numbers, true), isPatched: true };
}

/** Returns a field of a choice whose value is a message. */
export function choiceOf(choice: string, name: string, number: number, message: string, doc = ""): Field {
  return { name, number, type: { message }, form: "optional", choice, isRequired: false, doc };
}

function fieldsOf(message: string, schema: TObject, numbers: Numbers, isPatched: boolean): readonly Field[] {
  const properties = schema.properties as Readonly<Record<string, JsonSchema>>;
  for (const name of Object.keys(numbers)) {
    if (!Object.hasOwn(properties, name)) throw new Error(`${message}.${name} has a number, and no member in JSON`);
  }
  return Object.entries(properties).flatMap(([name, property]) => {
    const numbered = numbers[name];
    if (numbered === undefined)
      throw new Error(`${message}.${name} has no number in protocol/src/proto: give it the next free one`);
    if (numbered === null) return [];
    const { number, ...hints }: { readonly number: number } & FieldHints =
      typeof numbered === "number" ? { number: numbered } : numbered;
    const isRequired = !("~optional" in property);
    const place = `${message}.${name}`;
    return [{ name, number, isRequired, ...typeOf(place, property, hints, isRequired && !isPatched) }];
  });
}

function typeOf(
  place: string,
  schema: JsonSchema,
  hints: FieldHints,
  isSingle: boolean,
): Pick<Field, "type" | "form" | "doc"> & { readonly key?: MapKey } {
  const doc = hints.doc ?? schema.description ?? "";
  if (schema.type === "array") {
    return { type: singleTypeOf(place, schema.items as JsonSchema, hints), form: "repeated", doc };
  }
  const values = schema.patternProperties === undefined ? undefined : Object.values(schema.patternProperties)[0];
  if (values !== undefined) {
    return { type: singleTypeOf(place, values, hints), form: "map", key: hints.key ?? "string", doc };
  }
  const type = singleTypeOf(place, schema, hints);
  return { type, form: isSingle && typeof type === "string" ? "single" : "optional", doc };
}

function singleTypeOf(place: string, schema: JsonSchema, hints: FieldHints): Field["type"] {
  if (hints.message !== undefined) return { message: hints.message };
  if (hints.type !== undefined) return hints.type;
  if (schema.$ref !== undefined) return { message: schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1) };
  if (schema.type === "string" || schema.enum !== undefined || typeof schema.const === "string") return "string";
  if (schema.type === "boolean") return "bool";
  if (schema.type === "number") return "double";
  if (schema.type !== "integer") throw new Error(`${place}: the schema has no type of protobuf`);
  if (schema.minimum === undefined || schema.minimum < 0) return "int64";
  return schema.maximum !== undefined && schema.maximum <= UINT32_MAX ? "uint32" : "uint64";
}
