/** Encodes JSON of the contract as messages of protobuf. */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { type FieldPlan, type MessagePlan, planOf, tagOf, wireTypeOf, wireTypes } from "./plan.ts";
import { WireWriter } from "./writer.ts";

const KEY_NUMBER = 1;
const HEX_HEAD = "0x";
const WRITER_BYTES = 16_384;

/** One for the thread: encoding never waits. */
const writer = new WireWriter(WRITER_BYTES);

/**
 * Returns the message of this name. Members that the contract does not have are left out: another instance may be newer. A null clears a
 * field or removes an entry in a patch; in a list it is an empty text.
 */
export function encode(name: string, json: JsonObject): Buffer {
  writeMessage(planOf(name), json);
  return writer.finish();
}

function writeMessage(plan: MessagePlan, json: JsonObject): void {
  let cleared: number[] | undefined;
  for (const name of Object.keys(json)) {
    const field = plan.byName.get(name);
    if (field === undefined) continue;
    const value = json[name];
    const isEmptyList = field.form === "repeated" && (value as readonly unknown[] | null)?.length === 0;
    if ((value === null || isEmptyList) && plan.cleared !== undefined) {
      cleared ??= [];
      cleared.push(field.number);
    } else if (value !== null && value !== undefined) {
      writeField(field, value);
    }
  }
  if (cleared !== undefined && plan.cleared !== undefined) writeList(plan.cleared, cleared);
}

function writeField(field: FieldPlan, value: unknown): void {
  switch (field.form) {
    case "single":
      if (value === 0 || value === "" || value === false) return;
      break;
    case "repeated":
      writeList(field, value as readonly unknown[]);
      return;
    case "map":
      writeMap(field, value as JsonObject);
      return;
    default:
  }
  writer.uint32(field.tag);
  writeValue(field, value);
}

function writeValue(field: FieldPlan, value: unknown): void {
  if (field.scalar === undefined) writer.nested(() => writeMessage(field.message(), value as JsonObject));
  else writeScalar(field.scalar, value);
}

function writeScalar(scalar: NonNullable<FieldPlan["scalar"]>, value: unknown): void {
  switch (scalar) {
    case "string":
      writer.text(typeof value === "string" ? value : String(value ?? ""));
      return;
    case "bytes":
      writer.bytes(Buffer.from((value as string).slice(HEX_HEAD.length), "hex"));
      return;
    case "bool":
      writer.uint32(value === true ? 1 : 0);
      return;
    case "double":
      writer.double(value as number);
      return;
    default:
      writer.int64(value as number);
  }
}

function writeList(field: FieldPlan, items: readonly unknown[]): void {
  if (items.length === 0) return;
  const { scalar } = field;
  if (scalar !== undefined && wireTypeOf(scalar) !== wireTypes.bytes) {
    writer.uint32(field.tag);
    writer.nested(() => {
      for (const item of items) writeScalar(scalar, item);
    });
    return;
  }
  for (const item of items) {
    writer.uint32(field.tag);
    writeValue(field, item);
  }
}

function writeMap(field: FieldPlan, map: JsonObject): void {
  const keyTag = tagOf(KEY_NUMBER, field.key);
  let removed: string[] | undefined;
  for (const key of Object.keys(map)) {
    const value = map[key];
    if (value === null) {
      removed ??= [];
      removed.push(key);
      continue;
    }
    writer.uint32(field.tag);
    writer.nested(() => {
      writer.uint32(keyTag);
      writeScalar(field.key, field.key === "string" ? key : Number(key));
      writer.uint32(field.innerTag);
      writeValue(field, value);
    });
  }
  if (removed === undefined) return;
  if (field.removed === undefined) throw new Error(`an entry of ${field.name} cannot be removed`);
  writeList(field.removed, field.key === "string" ? removed : removed.map(Number));
}
