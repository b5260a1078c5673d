/**
 * Makes the reading plans of Protobuf messages from .proto texts. `protobufjs` parses the texts and resolves their types. Its generators of
 * code are never called.
 */
import { createRequire } from "node:module";
import type * as protobufjs from "protobufjs";
import { SwapstatsError } from "../../shared/errors.ts";
import { DECIMAL_BYTES_MAX, DECIMAL_SCALE_MAX, decimalText, instantText } from "./decimals.ts";
import { type FieldPlan, type MessagePlan, NO_MEMBERS, NO_VALUES, WIRE, type WireType } from "./protobuf.ts";
import type { RecordCursor } from "./record-cursor.ts";
import { type RecordValue, Shape, type Span, spanOf, type Tree } from "./tree.ts";

/**
 * Semicolons of a schema and of all that it imports. The parser's time grows with the square of a message's fields: 4,000 take some seconds.
 */
export const STATEMENTS_MAX = 4000;
/** Files that a schema imports, and those that they import. */
const IMPORTS_MAX = 100;

/** Files that compilers and registries know by themselves. */
const BUILT_IN: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "google/protobuf/any.proto": "package google.protobuf; message Any { string type_url = 1; bytes value = 2; }",
    "google/protobuf/duration.proto":
      "package google.protobuf; message Duration { int64 seconds = 1; int32 nanos = 2; }",
    "google/protobuf/empty.proto": "package google.protobuf; message Empty {}",
    "google/protobuf/field_mask.proto": "package google.protobuf; message FieldMask { repeated string paths = 1; }",
    "google/protobuf/struct.proto": `package google.protobuf; message Struct { map<string, Value> fields = 1; }
      message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4;
        Struct struct_value = 5; ListValue list_value = 6; } }
      enum NullValue { NULL_VALUE = 0; } message ListValue { repeated Value values = 1; }`,
    "google/protobuf/timestamp.proto":
      "package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }",
    "google/protobuf/wrappers.proto": `package google.protobuf; ${[
      ...["double", "float", "int64", "uint64", "int32", "uint32", "bool", "string", "bytes"],
    ]
      .map((type) => `message ${wrapperName(type)} { ${type} value = 1; }`)
      .join(" ")}`,
    "google/type/decimal.proto": "package google.type; message Decimal { string value = 1; }",
    "google/type/money.proto":
      "package google.type; message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }",
    "confluent/type/decimal.proto":
      "package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
  }).map(([name, text]) => [name, `syntax = "proto3"; ${text}`]),
);

/** `uint64` gives `UInt64Value`. */
function wrapperName(type: string): string {
  return `${type.replace(/^(u?)(.)/, (_match, u: string, first: string) => u.toUpperCase() + first.toUpperCase())}Value`;
}

/** Returns the text of an imported file by its name in the import; undefined for an unknown one. */
export type Imports = (name: string) => string | undefined;

export type ProtobufSchema = {
  /** Returns the plan of a message type by its full name. */
  byName(name: string): MessagePlan | undefined;
  /** Returns the plan that indexes name: of a message of the text, then of one within it, and on. `[0]` is the first message. */
  byIndexes(indexes: readonly number[]): MessagePlan | undefined;
};

/**
 * Throws `bad_request` for a schema that is invalid or uses what is not supported.
 * @param imports texts of the files that the schema imports
 */
export function readProtobufSchema(text: string, imports: Imports): ProtobufSchema {
  // Only mappings of Protobuf pay for loading it.
  const library = createRequire(import.meta.url)("protobufjs") as Library;
  const missing: string[] = [];
  try {
    const root = new library.Root();
    const files = new Files(library, root);
    const parsed = files.parse(text);
    // Only the types of the text itself are here yet, in its order.
    const own = messagesOf(library, parsed.package === undefined ? root : root.lookup(parsed.package));
    missing.push(...addImports(files, importsOf(parsed), imports));
    root.resolveAll();
    const planner = new Planner(library);
    return {
      byName(name) {
        const found = root.lookup(name, [library.Type]);
        return found instanceof library.Type ? planner.plan(found) : undefined;
      },
      byIndexes(indexes) {
        let types = own;
        let found: protobufjs.Type | undefined;
        for (const index of indexes) {
          found = types[index];
          if (found === undefined) return undefined;
          types = messagesOf(library, found);
        }
        return found === undefined ? undefined : planner.plan(found);
      },
    };
  } catch (cause) {
    if (cause instanceof SwapstatsError) throw cause;
    const lacking = missing.length === 0 ? "" : `; it imports ${missing.join(", ")}, which is not known here`;
    throw refusal(`${(cause as Error).message}${lacking}`, cause);
  }
}

function refusal(what: string, cause?: unknown): SwapstatsError {
  return new SwapstatsError("bad_request", `The Protobuf schema cannot be used: ${what}.`, { cause });
}

type Library = (typeof protobufjs)["default"];

/** Returns the messages directly in a file or a message, in the order of the text. The indexes of records count them alone. */
function messagesOf(library: Library, space: protobufjs.ReflectionObject | null): protobufjs.Type[] {
  if (!(space instanceof library.Namespace)) return [];
  return space.nestedArray.filter((inner) => inner instanceof library.Type);
}

function importsOf({ imports, weakImports }: protobufjs.IParserResult): string[] {
  return [...(imports ?? []), ...(weakImports ?? [])];
}

/** Parses the files of one schema. */
class Files {
  readonly #library: Library;
  readonly #root: protobufjs.Root;
  #statements = 0;

  constructor(library: Library, root: protobufjs.Root) {
    this.#library = library;
    this.#root = root;
  }

  parse(text: string): protobufjs.IParserResult {
    this.#statements += text.split(";").length - 1;
    if (this.#statements > STATEMENTS_MAX)
      throw refusal(`it has more than ${STATEMENTS_MAX} statements with its imports`);
    return this.#library.parse(text, this.#root, { keepCase: true });
  }
}

/** Adds the types of imported files. Returns the names of files that are not known: many hold options alone, which no record needs. */
function addImports(files: Files, names: readonly string[], given: Imports): string[] {
  const missing: string[] = [];
  const seen = new Set(names);
  for (const name of seen) {
    if (seen.size > IMPORTS_MAX) throw refusal(`it imports more than ${IMPORTS_MAX} files`);
    const text = given(name) ?? BUILT_IN.get(name);
    if (text === undefined) missing.push(name);
    else for (const inner of importsOf(files.parse(text))) seen.add(inner);
  }
  return missing;
}

/** Makes the plans of types, each once. */
class Planner {
  readonly #library: Library;
  readonly #plans = new Map<protobufjs.Type, MessagePlan>();

  constructor(library: Library) {
    this.#library = library;
  }

  plan(type: protobufjs.Type): MessagePlan {
    const known = this.#plans.get(type);
    if (known !== undefined) return known;
    // Extensions of other files have names with dots, and stay unknown fields.
    const fields = type.fieldsArray.filter(({ name }) => !name.includes("."));
    const indexes = new Map(fields.map((field, index) => [field.name, index]));
    const plans = new Map<number, FieldPlan>();
    const messages: { index: number; plan: MessagePlan }[] = [];
    const defaults: (Tree | undefined)[] = [];
    const convert = CONVERTED.get(type.fullName);
    const plan = { shape: new Shape([...indexes.keys()]), fields: plans, messages, defaults, convert };
    this.#plans.set(type, plan);
    for (const [index, field] of fields.entries()) {
      const made = this.#field(field, index, indexes);
      plans.set(field.id, made);
      defaults.push(defaultOf(this.#library, field));
      if (made.kind === "single" && made.message !== undefined) messages.push({ index, plan: made.message });
    }
    return plan;
  }

  #field(field: protobufjs.Field, index: number, indexes: ReadonlyMap<string, number>): FieldPlan {
    const { resolvedType } = field.resolve();
    if (field.delimited) {
      return { index, wire: WIRE.groupStart, kind: "single", read: refuseGroup, message: undefined, replaces: [] };
    }
    if (field instanceof this.#library.MapField) {
      return { index, wire: WIRE.bytes, kind: "map", read: undefined, message: this.#entry(field), replaces: [] };
    }
    const siblings = field.partOf?.fieldsArray ?? [];
    const replaces = siblings.flatMap((other) => (other === field ? [] : [indexes.get(other.name) as number]));
    const kind = field.repeated ? "repeated" : "single";
    return { index, kind, replaces, ...this.#value(field.type, resolvedType) };
  }

  /** An entry of a map is a message whose key is field 1 and whose value is field 2. */
  #entry(field: protobufjs.MapField): MessagePlan {
    const [key, value] = [this.#value(field.keyType, null), this.#value(field.type, field.resolvedType)];
    const fields = new Map<number, FieldPlan>([
      [1, { index: 0, kind: "single", replaces: [], ...key }],
      [2, { index: 1, kind: "single", replaces: [], ...value }],
    ]);
    const defaults = [ZEROS.get(field.keyType) ?? 0, zeroOf(this.#library, field.type, field.resolvedType)];
    return { shape: new Shape(["key", "value"]), fields, messages: [], defaults, convert: undefined };
  }

  #value(
    type: string,
    resolved: protobufjs.Type | protobufjs.Enum | null,
  ): Pick<FieldPlan, "wire" | "read" | "message"> {
    if (resolved instanceof this.#library.Type) {
      return { wire: WIRE.bytes, read: undefined, message: this.plan(resolved) };
    }
    if (resolved instanceof this.#library.Enum) {
      return { wire: WIRE.varint, read: enumReader(resolved), message: undefined };
    }
    const scalar = SCALARS.get(type);
    if (scalar === undefined) throw refusal(`the type ${type} is not supported`);
    return { ...scalar, message: undefined };
  }
}

function refuseGroup(cursor: RecordCursor): never {
  return cursor.fail("it has a group, which is not supported; the producer must use a message instead");
}

type Scalar = { readonly wire: WireType; readonly read: (cursor: RecordCursor) => Tree };

const varint = (value: (cursor: RecordCursor) => Tree): Scalar => ({
  wire: WIRE.varint,
  read(cursor) {
    cursor.varint();
    return value(cursor);
  },
});
const bits64 = (value: (cursor: RecordCursor) => Tree): Scalar => ({
  wire: WIRE.bits64,
  read(cursor) {
    cursor.fixed64();
    return value(cursor);
  },
});

const SCALARS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>(
  Object.entries({
    int32: varint(({ low }) => low | 0),
    uint32: varint(({ low }) => low >>> 0),
    sint32: varint(({ low }) => (low >>> 1) ^ -(low & 1)),
    int64: varint((cursor) => cursor.signed()),
    uint64: varint((cursor) => cursor.unsigned()),
    sint64: varint((cursor) => {
      cursor.undoZigzag();
      return cursor.signed();
    }),
    bool: varint(({ low, high }) => (low | high) !== 0),
    fixed32: { wire: WIRE.bits32, read: (cursor) => cursor.fixed32() >>> 0 },
    sfixed32: { wire: WIRE.bits32, read: (cursor) => cursor.fixed32() },
    float: { wire: WIRE.bits32, read: (cursor) => cursor.float() },
    fixed64: bits64((cursor) => cursor.unsigned()),
    sfixed64: bits64((cursor) => cursor.signed()),
    double: { wire: WIRE.bits64, read: (cursor) => cursor.double() },
    string: { wire: WIRE.bytes, read: (cursor) => cursor.text(cursor.length()) },
    bytes: { wire: WIRE.bytes, read: (cursor) => cursor.hex(cursor.length()) },
  } satisfies Record<string, Scalar>),
);

/** Values that proto3 does not write: other types have 0. */
const ZEROS: ReadonlyMap<string, Tree> = new Map<string, Tree>([
  ["bool", false],
  ["string", spanOf("")],
  ["bytes", spanOf("0x")],
]);

/** The first of several names of a number. A number without a name stays a number. */
function enumReader({ values }: protobufjs.Enum): (cursor: RecordCursor) => Tree {
  const names = namesOf(values);
  return (cursor) => {
    cursor.varint();
    return names.get(cursor.low | 0) ?? cursor.low | 0;
  };
}

function namesOf(values: Readonly<Record<string, number>>): Map<number, Span> {
  return new Map(
    Object.entries(values)
      .map(([name, number]): [number, Span] => [number, spanOf(name)])
      .reverse(),
  );
}

/** Returns the value of a field that a record does not have; undefined where it is absent. */
function defaultOf(library: Library, field: protobufjs.Field): Tree | undefined {
  if (field instanceof library.MapField) return NO_MEMBERS;
  if (field.repeated) return NO_VALUES;
  const declared: unknown = field.options?.["default"];
  if (declared === undefined) return field.hasPresence ? undefined : zeroOf(library, field.type, field.resolvedType);
  // The parser reads numbers as doubles. A default that one cannot hold is not applied, as no default is by JSON's form of Protobuf.
  const isExact = typeof declared !== "number" || !field.type.endsWith("64") || Number.isSafeInteger(declared);
  if (!isExact) return undefined;
  if (field.type === "bytes") return `0x${Buffer.from(String(declared), "latin1").toString("hex")}`;
  return declared as Tree;
}

function zeroOf(
  library: Library,
  type: string,
  resolvedType: protobufjs.Type | protobufjs.Enum | null,
): Tree | undefined {
  if (resolvedType instanceof library.Type) return undefined;
  if (resolvedType instanceof library.Enum) return namesOf(resolvedType.values).get(0) ?? 0;
  return ZEROS.get(type) ?? 0;
}

/** Messages that stand for one value. */
const CONVERTED: ReadonlyMap<string, (message: RecordValue) => Tree> = new Map<string, (message: RecordValue) => Tree>([
  [".google.protobuf.Timestamp", ({ values: [seconds, nanos] }) => instantText(seconds as number, nanos as number)],
  [".confluent.type.Decimal", confluentDecimal],
  ...["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map(
    (type): [string, (message: RecordValue) => Tree] => [
      `.google.protobuf.${type}Value`,
      ({ values: [value] }) => value as Tree,
    ],
  ),
]);

/** Returns the exact text; the message itself where its bytes or scale are too many. */
function confluentDecimal(message: RecordValue): Tree {
  const [value, , scale] = message.values as [Span, number, number];
  const hex = String(value).slice(2);
  if (hex.length > 2 * DECIMAL_BYTES_MAX || Math.abs(scale) > DECIMAL_SCALE_MAX) return message;
  return decimalText(hex === "" ? 0 : BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`)), scale);
}
