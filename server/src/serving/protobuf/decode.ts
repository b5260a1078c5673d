/** Decodes messages of protobuf into the JSON of the contract. */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { type FieldPlan, type MessagePlan, planOf, VALUE_NUMBER, wireTypeOf, wireTypes } from "./plan.ts";

type Draft = { [member: string]: Json };

/**
 * Returns the JSON of a message. Members that are always there in JSON are always there in the result, except in a patch, where an absent
 * member did not change, and a removed one is null. Unknown fields are skipped. Throws RangeError or Error if the bytes are no such message,
 * or hold an integer that JSON cannot. Bytes of clients have passed the library's decoder before, which bounds the depth of messages.
 */
export function decode(name: string, bytes: Uint8Array, isPatch = false): JsonObject {
  const reader = new BinaryReader(bytes);
  return readMessage(planOf(name), reader, reader.len, isPatch);
}

function readMessage(plan: MessagePlan, reader: BinaryReader, end: number, isPatch: boolean): JsonObject {
  const json: Draft = Object.create(null) as Draft;
  const cleared: number[] = [];
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = plan.byNumber.get(number);
    if (field === undefined) reader.skip(wireType, number);
    else if (field === plan.cleared) readList(field, reader, wireType, cleared as Json[], isPatch);
    else readField(plan, field, reader, wireType, json, isPatch);
  }
  if (reader.pos > end) throw new RangeError("a message is longer than its length says");
  for (const number of cleared) {
    const field = plan.byNumber.get(number);
    if (field !== undefined) json[field.name] = field.form === "repeated" && field.isRequired ? [] : null;
  }
  if (!isPatch || plan.cleared === undefined) addDefaults(plan, json);
  return { ...json };
}

function addDefaults(plan: MessagePlan, json: Draft): void {
  for (const { name, form, isRequired, scalar } of plan.fields) {
    if (!isRequired || json[name] !== undefined) continue;
    if (form === "repeated") json[name] = [];
    else if (form === "map") json[name] = {};
    else if (form === "single") json[name] = scalar === "string" ? "" : scalar === "bool" ? false : 0;
  }
}

function readField(
  plan: MessagePlan,
  field: FieldPlan,
  reader: BinaryReader,
  wireType: number,
  json: Draft,
  isPatch: boolean,
): void {
  if (field.form === "repeated") {
    const map = removedMapOf(plan, field);
    const list = map === undefined ? ((json[field.name] ?? []) as Json[]) : [];
    readList(field, reader, wireType, list, isPatch);
    if (map === undefined) json[field.name] = list;
    else for (const key of list) setEntry(json, map, String(key), null);
  } else if (field.form === "map") {
    const end = endOf(reader);
    let key = field.key === "string" ? "" : "0";
    let value: Json | undefined;
    while (reader.pos < end) {
      const [number, type] = reader.tag();
      if (number === VALUE_NUMBER) value = readValue(field, reader, isPatch);
      else if (number === 1) key = String(readScalar(field.key, reader));
      else reader.skip(type, number);
    }
    setEntry(json, field, key, value ?? (field.scalar === undefined ? {} : ""));
  } else {
    json[field.name] = readValue(field, reader, isPatch);
  }
}

const removedMapOf = (plan: MessagePlan, field: FieldPlan): FieldPlan | undefined =>
  plan.cleared === undefined ? undefined : plan.fields.find(({ removed }) => removed === field);

function setEntry(json: Draft, map: FieldPlan, key: string, value: Json): void {
  const entries = (json[map.name] ?? {}) as Draft;
  json[map.name] = entries;
  // A key such as __proto__ is a key like any other.
  Object.defineProperty(entries, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Reads one item, or a packed list of them. */
function readList(field: FieldPlan, reader: BinaryReader, wireType: number, list: Json[], isPatch: boolean): void {
  const { scalar } = field;
  if (wireType !== wireTypes.bytes || scalar === undefined || wireTypeOf(scalar) === wireTypes.bytes) {
    list.push(readValue(field, reader, isPatch));
    return;
  }
  const end = endOf(reader);
  while (reader.pos < end) list.push(readScalar(scalar, reader));
}

function readValue(field: FieldPlan, reader: BinaryReader, isPatch: boolean): Json {
  if (field.scalar !== undefined) return readScalar(field.scalar, reader);
  return readMessage(field.message(), reader, endOf(reader), isPatch);
}

function readScalar(scalar: NonNullable<FieldPlan["scalar"]>, reader: BinaryReader): Json {
  switch (scalar) {
    case "string":
      return reader.string();
    case "bytes":
      return `0x${Buffer.from(reader.bytes()).toString("hex")}`;
    case "bool":
      return reader.bool();
    case "double":
      return reader.double();
    case "uint32":
      return reader.uint32();
    case "uint64":
      return safe(reader.uint64());
    case "int64":
      return safe(reader.int64());
  }
}

function safe(value: bigint | string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is too large for an integer of JSON`);
  return number;
}

/** Reads the length of what follows, and returns where it ends. */
function endOf(reader: BinaryReader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError("the message ends too early");
  return end;
}
