/** The messages of the contract, prepared for writing and reading: fields by name and by number. */
import { messages } from "@swapstats/protocol/proto/contract.ts";
import { allFieldsOf } from "@swapstats/protocol/proto/descriptor.ts";
import { CLEARED, type Field, type MapKey, removedOf, type Scalar } from "@swapstats/protocol/proto/message.ts";

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export type FieldPlan = {
  readonly name: string;
  readonly number: number;
  readonly form: Field["form"];
  readonly isRequired: boolean;
  /** Undefined: the value is a message. */
  readonly scalar: Scalar | undefined;
  readonly key: MapKey;
  /** Tag of a single value, or of an entry of a map. */
  readonly tag: number;
  /** Tag of the value in an entry of a map, or of a packed list. */
  readonly innerTag: number;
  /** The message of the value. */
  readonly message: () => MessagePlan;
  /** The field of removed keys; undefined if the field is no map of a patch. */
  readonly removed: FieldPlan | undefined;
};

export type MessagePlan = {
  readonly name: string;
  readonly fields: readonly FieldPlan[];
  readonly byName: ReadonlyMap<string, FieldPlan>;
  readonly byNumber: ReadonlyMap<number, FieldPlan>;
  /** The field of cleared numbers; undefined if the message is no patch. */
  readonly cleared: FieldPlan | undefined;
};

export const VALUE_NUMBER = 2;

export const tagOf = (number: number, scalar: Scalar | undefined): number => number * 8 + wireTypeOf(scalar);

export function wireTypeOf(scalar: Scalar | undefined): number {
  if (scalar === undefined || scalar === "string" || scalar === "bytes") return wireTypes.bytes;
  return scalar === "double" ? wireTypes.fixed64 : wireTypes.varint;
}

const plans = new Map<string, MessagePlan>();

/** Returns the plan of a message. Throws if the contract has no such message. */
export function planOf(name: string): MessagePlan {
  const plan = plans.get(name);
  if (plan === undefined) throw new Error(`the contract has no message ${name}`);
  return plan;
}

for (const message of messages) {
  const all = allFieldsOf(message);
  const byNumber = new Map<number, FieldPlan>();
  // The fields of patches come last, so fields of removed keys are looked up after the loop.
  for (const field of all) {
    const plan = fieldPlanOf(field, () => (message.isPatched ? byNumber.get(removedOf(field).number) : undefined));
    byNumber.set(field.number, plan);
  }
  const fields = message.fields.map(({ number }) => byNumber.get(number) as FieldPlan);
  plans.set(message.name, {
    name: message.name,
    fields,
    byName: new Map(fields.map((field) => [field.name, field])),
    byNumber,
    cleared: message.isPatched ? byNumber.get(CLEARED.number) : undefined,
  });
}

function fieldPlanOf(field: Field, removed: () => FieldPlan | undefined): FieldPlan {
  const { name, number, form, isRequired, type, key = "string" } = field;
  const scalar = typeof type === "string" ? type : undefined;
  const isPacked = form === "repeated" && wireTypeOf(scalar) !== wireTypes.bytes;
  return {
    ...{ name, number, form, isRequired, scalar, key },
    tag: form === "map" || isPacked ? tagOf(number, undefined) : tagOf(number, scalar),
    innerTag: tagOf(VALUE_NUMBER, scalar),
    message: () => planOf(typeof type === "string" ? type : type.message),
    get removed() {
      return form === "map" ? removed() : undefined;
    },
  };
}
