/**
 * Reads Protobuf messages by the plans that protobuf-schema.ts makes of a schema. The decoders of `protobufjs` were not taken for this:
 * they are made by `new Function`, and turn integers into doubles or need one more package.
 */
import type { RecordCursor } from "./record-cursor.ts";
import { type Members, RecordValue, type Shape, type Tree } from "./tree.ts";

export const WIRE = { varint: 0, bits64: 1, bytes: 2, groupStart: 3, groupEnd: 4, bits32: 5 } as const;
export type WireType = (typeof WIRE)[keyof typeof WIRE];

export type FieldPlan = {
  /** Index of the field in the shape of its message. */
  readonly index: number;
  readonly wire: WireType;
  readonly kind: "single" | "repeated" | "map";
  /** Reads one value of a type that is no message. */
  readonly read: ((cursor: RecordCursor) => Tree) | undefined;
  /** Plan of a message, or of the entry of a map: the key is its field 1, the value its field 2. */
  readonly message: MessagePlan | undefined;
  /** Indexes of the other fields of the same oneof, which a value of this one removes. */
  readonly replaces: readonly number[];
};

export type MessagePlan = {
  readonly shape: Shape;
  readonly fields: ReadonlyMap<number, FieldPlan>;
  /** Those of `fields` that have one message. */
  readonly messages: readonly { readonly index: number; readonly plan: MessagePlan }[];
  /** By index: the value of a field that the record does not have. Undefined where the language keeps such a field absent. */
  readonly defaults: readonly (Tree | undefined)[];
  /** Makes the value of a well-known message, such as the text of a Timestamp. */
  readonly convert: ((message: RecordValue) => Tree) | undefined;
};

/** Value of a repeated field without values. */
export const NO_VALUES: readonly Tree[] = [];
export const NO_MEMBERS: Members = new Map<string, Tree>();

/** Reads one message from here to the end of the cursor's bytes. */
export function readMessage(cursor: RecordCursor, plan: MessagePlan): Tree {
  return converted(plan, readInto(cursor, plan, undefined));
}

/** Reads a message, of which an earlier part may have been read: parts of one message are merged. */
function readInto(cursor: RecordCursor, plan: MessagePlan, earlier: RecordValue | undefined): RecordValue {
  cursor.enter();
  if (earlier === undefined) cursor.spend(plan.defaults.length + 1);
  const message = earlier ?? new RecordValue(plan.shape, plan.defaults.slice());
  while (cursor.left > 0) {
    cursor.varint();
    const { low } = cursor;
    const field = low >>> 3;
    if (cursor.high !== 0 || field === 0) cursor.fail("a field has an invalid number");
    const known = plan.fields.get(field);
    if (known === undefined || !readField(cursor, known, low & 7, message)) skipField(cursor, field, low & 7);
  }
  cursor.depth--;
  return message;
}

/** Returns false for a value that has not the wire type of its field: it counts as unknown. */
function readField(cursor: RecordCursor, field: FieldPlan, wire: number, message: RecordValue): boolean {
  const { values } = message;
  const { index, kind } = field;
  if (wire !== field.wire) {
    if (kind !== "repeated" || wire !== WIRE.bytes || field.read === undefined) return false;
    const list = listOf(message, index);
    within(cursor, () => {
      while (cursor.left > 0) list.push((field.read as (cursor: RecordCursor) => Tree)(cursor));
    });
    return true;
  }
  for (const other of field.replaces) values[other] = undefined;
  if (kind === "map") {
    readEntry(cursor, field.message as MessagePlan, message, index);
  } else if (field.message === undefined) {
    const value = (field.read as (cursor: RecordCursor) => Tree)(cursor);
    if (kind === "repeated") listOf(message, index).push(value);
    else values[index] = value;
  } else {
    const plan = field.message;
    const earlier = kind === "repeated" ? undefined : (values[index] as RecordValue | undefined);
    const inner = within(cursor, () => readInto(cursor, plan, earlier));
    if (kind === "repeated") listOf(message, index).push(converted(plan, inner));
    else values[index] = inner;
  }
  return true;
}

function listOf({ values }: RecordValue, index: number): Tree[] {
  if (values[index] === NO_VALUES) values[index] = [];
  return values[index] as Tree[];
}

/** Runs `read` with the end of the next bytes as the cursor's end. */
function within<T>(cursor: RecordCursor, read: () => T): T {
  const length = cursor.length();
  if (length > cursor.left) cursor.fail("the record ends inside a value");
  const { end } = cursor;
  cursor.end = cursor.at + length;
  const value = read();
  cursor.end = end;
  return value;
}

/** Reads an entry of a map. Of a repeated key the last value counts. */
function readEntry(cursor: RecordCursor, entry: MessagePlan, message: RecordValue, index: number): void {
  const [key, value] = within(cursor, () => readInto(cursor, entry, undefined)).values;
  const { values } = message;
  if (values[index] === NO_MEMBERS) values[index] = new Map<string, Tree>();
  const plan = entry.fields.get(2)?.message;
  let given = value as Tree;
  if (plan !== undefined) {
    given = converted(plan, (value as RecordValue | undefined) ?? new RecordValue(plan.shape, plan.defaults.slice()));
  }
  (values[index] as Map<string, Tree>).set(String(key), given);
}

/** Returns the value of a message that was read whole. */
function converted(plan: MessagePlan, message: RecordValue): Tree {
  for (const inner of plan.messages) {
    const value = message.values[inner.index];
    if (value !== undefined) message.values[inner.index] = converted(inner.plan, value as RecordValue);
  }
  return plan.convert === undefined ? message : plan.convert(message);
}

function skipField(cursor: RecordCursor, field: number, wire: number): void {
  switch (wire) {
    case WIRE.varint:
      cursor.varint();
      return;
    case WIRE.bits64:
      cursor.skip(8);
      return;
    case WIRE.bytes:
      cursor.skip(cursor.length());
      return;
    case WIRE.groupStart:
      skipGroup(cursor, field);
      return;
    case WIRE.bits32:
      cursor.skip(4);
      return;
    default:
      cursor.fail(`the field ${field} has the wire type ${wire}`);
  }
}

/** Skips an unknown group up to its end. */
function skipGroup(cursor: RecordCursor, field: number): void {
  cursor.enter();
  for (;;) {
    cursor.varint();
    const inner = cursor.low >>> 3;
    const wire = cursor.low & 7;
    if (wire === WIRE.groupEnd) {
      if (inner !== field) cursor.fail(`the group ${field} ends as the group ${inner}`);
      break;
    }
    skipField(cursor, inner, wire);
  }
  cursor.depth--;
}
