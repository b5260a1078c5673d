/** Random JSON of the messages of the contract. */
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { messages } from "@swapstats/protocol/proto/contract.ts";
import type { Field, MapKey, Message, Scalar } from "@swapstats/protocol/proto/message.ts";
import fc from "fast-check";

/** The scalars with their edges. Integers of JSON are safe. */
const scalars: Readonly<Record<Scalar, fc.Arbitrary<Json>>> = {
  bool: fc.boolean(),
  bytes: fc.uint8Array().map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  int64: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
  string: fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary-ascii", maxLength: 200 }),
    fc.constant("0"),
  ),
  uint32: fc.oneof(fc.nat(), fc.constantFrom(0, 1, 127, 128, 4_294_967_295)),
  uint64: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER)),
};
const keys: Readonly<Record<MapKey, fc.Arbitrary<string>>> = {
  int64: fc.integer().map(String),
  string: fc.oneof(fc.constantFrom("5m", "1h", "__proto__", "constructor", ""), fc.string()),
  uint32: fc.nat().map(String),
};
/** Depth at which optional members end, because filters contain filters. */
const DEPTH_MAX = 4;

const byName = new Map(messages.map((message) => [message.name, message]));

/** Returns JSON of a message: all that it requires, and some of the rest. At most one field of each choice is there. */
export function messageJson(name: string, depth = 0): fc.Arbitrary<JsonObject> {
  const message = byName.get(name) as Message;
  const parts = message.fields.map((field): fc.Arbitrary<Json | undefined> => {
    if (field.isRequired) return fieldJson(field, depth);
    return depth > DEPTH_MAX ? fc.constant(undefined) : fc.option(fieldJson(field, depth), { nil: undefined });
  });
  return fc.tuple(...parts).map((values) => {
    const json: { [member: string]: Json } = {};
    const chosen = new Set<string>();
    for (const [i, { name: member, choice, isRequired, form }] of message.fields.entries()) {
      const value = values[i];
      // An optional list that is empty is the same as none, and data of channels has none that is empty.
      const isEmpty = form === "repeated" && (value as readonly Json[] | undefined)?.length === 0 && !isRequired;
      const isEmptyMap =
        form === "map" && !isRequired && value !== undefined && Object.keys(value as object).length === 0;
      if (value === undefined || isEmpty || isEmptyMap || (choice !== undefined && chosen.has(choice))) continue;
      if (choice !== undefined) chosen.add(choice);
      json[member] = value;
    }
    return json;
  });
}

function fieldJson(field: Field, depth: number): fc.Arbitrary<Json> {
  const value = (): fc.Arbitrary<Json> =>
    typeof field.type === "string"
      ? (scalars[field.type] as fc.Arbitrary<Json>)
      : messageJson(field.type.message, depth + 1);
  if (field.form === "repeated") return depth > DEPTH_MAX ? fc.constant<Json>([]) : fc.array(value(), { maxLength: 3 });
  if (field.form !== "map") return value();
  if (depth > DEPTH_MAX) return fc.constant<Json>({});
  const entry = fc.tuple(keys[field.key ?? "string"], value());
  return fc.array(entry, { maxLength: 3 }).map((entries) => Object.fromEntries(entries) as JsonObject);
}
