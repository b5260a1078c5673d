/**
 * Reads Avro (specification 1.12): a schema becomes functions that read its values. The package `avsc` was not taken for this: it makes
 * its readers by `new Function`, and its reader of arrays believes any count, so a record of ten bytes keeps it busy for ever.
 */
import { SwapstatsError } from "../../shared/errors.ts";
import { DECIMAL_SCALE_MAX, dateText, uuidText } from "./decimals.ts";
import type { RecordCursor } from "./record-cursor.ts";
import { RecordValue, Shape, Span, spanOf, type Tree } from "./tree.ts";

/** Schemas inside one another, without the types that are named elsewhere. */
const SCHEMA_DEPTH_MAX = 100;

export type Read = (cursor: RecordCursor) => Tree;

/** A type of the schema. `isEmpty`: its values may have no bytes, so that a count of them must be limited. */
type AvroType = { read: Read };

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };
type JsonObject = { readonly [name: string]: Json | undefined };

/**
 * Returns the reader of one value of the schema.
 * @param schema JSON text. Throws `bad_request` for a schema that is invalid.
 * @param others schemas whose named types it uses, in the order in which they use each other.
 */
export function readerOfAvro(schema: string, others: readonly string[] = []): Read {
  const compiler = new Compiler();
  for (const other of others) compiler.compile(parsed(other), undefined, 0);
  const type = compiler.compile(parsed(schema), undefined, 0);
  return (cursor) => type.read(cursor);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    // A primitive type may be given by its bare name.
    if (/^[a-z]+$/.test(text.trim())) return text.trim();
    throw refusal(`it is not JSON (${(cause as Error).message})`);
  }
}

function refusal(what: string): SwapstatsError {
  return new SwapstatsError("bad_request", `The Avro schema is invalid: ${what}.`);
}

const PRIMITIVES: ReadonlyMap<string, AvroType> = new Map<string, AvroType>(
  Object.entries({
    null: { read: () => null },
    boolean: { read: readBoolean },
    int: { read: (cursor: RecordCursor) => cursor.zigzag() },
    long: { read: (cursor: RecordCursor) => cursor.zigzag() },
    float: { read: (cursor: RecordCursor) => cursor.float() },
    double: { read: (cursor: RecordCursor) => cursor.double() },
    bytes: { read: (cursor: RecordCursor) => cursor.hex(lengthOf(cursor)) },
    string: { read: (cursor: RecordCursor) => cursor.text(lengthOf(cursor)) },
  }),
);

function readBoolean(cursor: RecordCursor): boolean {
  const byte = cursor.byte();
  if (byte > 1) cursor.fail(`a boolean is the byte ${byte}`);
  return byte === 1;
}

function lengthOf(cursor: RecordCursor): number {
  const length = cursor.zigzag();
  if (length < 0) cursor.fail("a length is negative");
  return Number(length);
}

class Compiler {
  readonly #named = new Map<string, AvroType>();

  compile(schema: Json | undefined, namespace: string | undefined, depth: number): AvroType {
    if (depth > SCHEMA_DEPTH_MAX) throw refusal(`its types are nested more than ${SCHEMA_DEPTH_MAX} deep`);
    if (typeof schema === "string") return this.#byName(schema, namespace);
    if (Array.isArray(schema)) return this.#union(schema, namespace, depth);
    if (typeof schema !== "object" || schema === null) throw refusal(`${JSON.stringify(schema)} is no type`);
    const object = schema as JsonObject;
    switch (object.type) {
      case "record":
      case "error":
        return this.#record(object, namespace, depth);
      case "enum":
        return this.#enum(object, namespace);
      case "fixed":
        return this.#fixed(object, namespace);
      case "array":
        return this.#array(object, namespace, depth);
      case "map":
        return this.#map(object, namespace, depth);
      default: {
        const logical = typeof object.type === "string" ? logicalType(object, object.type) : undefined;
        return logical ?? this.compile(object.type, namespace, depth + 1);
      }
    }
  }

  #byName(name: string, namespace: string | undefined): AvroType {
    const primitive = PRIMITIVES.get(name);
    if (primitive !== undefined) return primitive;
    const inside = name.includes(".") || namespace === undefined ? undefined : this.#named.get(`${namespace}.${name}`);
    const found = inside ?? this.#named.get(name);
    if (found === undefined) throw refusal(`the type ${name} is not defined before its use`);
    return found;
  }

  /** Defines a named type, before its inside is compiled. Returns the type and the namespace of its inside. */
  #define(schema: JsonObject, namespace: string | undefined): { type: AvroType; inside: string | undefined } {
    const { name } = schema;
    if (typeof name !== "string" || name === "") throw refusal(`a ${String(schema.type)} has no name`);
    const dot = name.lastIndexOf(".");
    const own = typeof schema.namespace === "string" ? schema.namespace : namespace;
    const inside = dot === -1 ? own : name.slice(0, dot);
    const full = dot === -1 && inside !== undefined && inside !== "" ? `${inside}.${name}` : name;
    if (this.#named.has(full)) throw refusal(`the type ${full} is defined twice`);
    const type: AvroType = { read: (cursor) => cursor.fail(`the type ${full} has no values`) };
    this.#named.set(full, type);
    return { type, inside: inside === "" ? undefined : inside };
  }

  #record(schema: JsonObject, namespace: string | undefined, depth: number): AvroType {
    const { type, inside } = this.#define(schema, namespace);
    if (!Array.isArray(schema.fields)) throw refusal(`the record ${String(schema.name)} has no fields`);
    const fields = schema.fields.map((field: Json) => {
      const { name, type: of } = (field ?? {}) as JsonObject;
      if (typeof name !== "string") throw refusal(`a field of ${String(schema.name)} has no name`);
      return { name, type: this.compile(of, inside, depth + 1) };
    });
    const shape = new Shape(fields.map(({ name }) => name));
    const types = fields.map((field) => field.type);
    type.read = (cursor) => {
      cursor.enter();
      cursor.spend(types.length + 1);
      const values: Tree[] = new Array(types.length);
      for (let i = 0; i < types.length; i++) values[i] = (types[i] as AvroType).read(cursor);
      cursor.depth--;
      return new RecordValue(shape, values);
    };
    return type;
  }

  #enum(schema: JsonObject, namespace: string | undefined): AvroType {
    const { type } = this.#define(schema, namespace);
    const symbols = Array.isArray(schema.symbols) ? schema.symbols.map((symbol: Json) => spanOf(String(symbol))) : [];
    type.read = (cursor) => {
      const index = Number(cursor.zigzag());
      return symbols[index] ?? cursor.fail(`an enum of ${symbols.length} symbols has the index ${index}`);
    };
    return type;
  }

  #fixed(schema: JsonObject, namespace: string | undefined): AvroType {
    const { type } = this.#define(schema, namespace);
    const { size } = schema;
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw refusal("a fixed has no size");
    if (schema.logicalType === "decimal") type.read = decimalReader(schema, () => size);
    else if (schema.logicalType === "uuid" && size === 16) type.read = (cursor) => uuidText(String(cursor.hex(size)));
    else type.read = (cursor) => cursor.hex(size);
    return type;
  }

  #union(branches: readonly Json[], namespace: string | undefined, depth: number): AvroType {
    const types = branches.map((branch) => this.compile(branch, namespace, depth + 1));
    return {
      read: (cursor) => {
        const index = Number(cursor.zigzag());
        const type = types[index] ?? cursor.fail(`a union of ${types.length} types has the index ${index}`);
        return type.read(cursor);
      },
    };
  }

  #array(schema: JsonObject, namespace: string | undefined, depth: number): AvroType {
    const items = this.compile(schema.items, namespace, depth + 1);
    return {
      read: (cursor) => {
        const values: Tree[] = [];
        readBlocks(cursor, () => values.push(items.read(cursor)));
        return values;
      },
    };
  }

  #map(schema: JsonObject, namespace: string | undefined, depth: number): AvroType {
    const values = this.compile(schema.values, namespace, depth + 1);
    return {
      read: (cursor) => {
        const members = new Map<string, Tree>();
        readBlocks(cursor, () => members.set(String(cursor.text(lengthOf(cursor))), values.read(cursor)));
        return members;
      },
    };
  }
}

/** Reads blocks of items until the empty one. A negative count is followed by the size of the block, which readers that skip use. */
function readBlocks(cursor: RecordCursor, readItem: () => void): void {
  cursor.enter();
  for (;;) {
    let count = Number(cursor.zigzag());
    if (count === 0) break;
    if (count < 0) {
      count = -count;
      cursor.zigzag();
    }
    cursor.spend(count);
    for (; count > 0; count--) readItem();
  }
  cursor.depth--;
}

/** Returns the type of a logical type on a primitive type. Undefined for unknown ones: the specification reads them as the type itself. */
function logicalType(schema: JsonObject, type: string): AvroType | undefined {
  if (type === "bytes" && schema.logicalType === "decimal") return { read: decimalReader(schema, lengthOf) };
  if (type === "bytes" && schema.logicalType === "big-decimal") return { read: readBigDecimal };
  if (type === "int" && schema.logicalType === "date") return { read: (cursor) => dateText(Number(cursor.zigzag())) };
  return undefined;
}

function decimalReader(schema: JsonObject, lengthIn: (cursor: RecordCursor) => number): Read {
  const scale = schema.scale ?? 0;
  if (typeof scale !== "number" || !Number.isInteger(scale) || scale < 0 || scale > DECIMAL_SCALE_MAX) {
    throw refusal(`a decimal has the scale ${JSON.stringify(scale)}; 0 to ${DECIMAL_SCALE_MAX} are supported`);
  }
  return (cursor) => cursor.decimal(lengthIn(cursor), scale);
}

/** Reads bytes in which the unscaled value, as bytes, and the scale are. */
function readBigDecimal(cursor: RecordCursor): Tree {
  const end = lengthOf(cursor) + cursor.at;
  const { bytes, start, end: valueEnd, form } = cursor.decimal(lengthOf(cursor), 0);
  const scale = Number(cursor.zigzag());
  if (cursor.at !== end) cursor.fail("a big-decimal does not fill its bytes");
  if (Math.abs(scale) > DECIMAL_SCALE_MAX) cursor.fail(`a big-decimal has the scale ${scale}`);
  const value = new Span(bytes, start, valueEnd, form, scale);
  // The scale of spans is not negative.
  return scale < 0 ? String(value) : value;
}
