/** Random schemas of Avro with values of them, for the library that encodes, and as they must be read. */
import avsc from "avsc";
import fc from "fast-check";

type Typed = { readonly schema: avsc.Schema; readonly value: unknown; readonly expected: unknown };

/** 64 bits as bigint. */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

export function encoded({ schema, value }: Typed): Buffer {
  return avsc.Type.forSchema(schema, { registry: { long: LONG } }).toBuffer(value);
}

/** Names of types are unique within one schema. */
let names = 0;
const newName = (): string => `T${names++}`;

/** Integers that a double holds are numbers. */
function exact(value: bigint): number | bigint {
  return value >= -(2n ** 53n) && value < 2n ** 53n ? Number(value) : value;
}

/** The fewest digits that give the float again, found by trying. */
function shortestFloat(value: number): number {
  // A text of -0 has no sign.
  if (value === 0) return value;
  for (let digits = 1; digits < 9; digits++) {
    if (Math.fround(Number(value.toPrecision(digits))) === value) return Number(value.toPrecision(digits));
  }
  return Number(value.toPrecision(9));
}

const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const memberName = fc.constantFrom("a", "b", "constructor", "toString", "tx_hash", "A");

const LEAVES: fc.Arbitrary<Typed>[] = [
  fc.constant({ schema: "null", value: null, expected: null }),
  fc.boolean().map((value) => ({ schema: "boolean", value, expected: value })),
  fc.integer().map((value) => ({ schema: "int", value, expected: value })),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => ({ schema: "long", value, expected: exact(value) })),
  fc.float({ noNaN: true }).map((value) => ({ schema: "float", value, expected: shortestFloat(value) })),
  fc.double().map((value) => ({ schema: "double", value, expected: value })),
  text.map((value) => ({ schema: "string", value, expected: value })),
  fc
    .uint8Array({ maxLength: 40 })
    .map((value) => ({ schema: "bytes", value: Buffer.from(value), expected: hexOf(value) })),
  fc.uint8Array({ minLength: 3, maxLength: 3 }).map((value) => ({
    schema: { type: "fixed", name: newName(), size: 3 } as const,
    value: Buffer.from(value),
    expected: hexOf(value),
  })),
  fc.constantFrom("buy", "sell").map((value) => ({
    schema: { type: "enum", name: newName(), symbols: ["buy", "sell"] } as const,
    value,
    expected: value,
  })),
];

export function anyTyped(depth: number): fc.Arbitrary<Typed> {
  if (depth === 0) return fc.oneof(...LEAVES);
  const inner = anyTyped(depth - 1);
  return fc.oneof(
    { weight: 2, arbitrary: fc.oneof(...LEAVES) },
    inner.chain(repeated),
    inner.chain((item) =>
      fc.dictionary(memberName, fc.constant(item), { maxKeys: 4 }).map((items) => mapOf(item, items)),
    ),
    inner
      .filter(({ schema }) => schema !== "null")
      .chain((item) => fc.boolean().map((isNull) => nullable(item, isNull))),
    { weight: 3, arbitrary: anyRecord(depth) },
  );
}

export function anyRecord(depth: number): fc.Arbitrary<Typed> {
  return fc
    .uniqueArray(fc.tuple(memberName, anyTyped(depth - 1)), { selector: ([name]) => name, maxLength: 6 })
    .map((fields) => ({
      schema: { type: "record", name: newName(), fields: fields.map(([name, { schema }]) => ({ name, type: schema })) },
      value: Object.fromEntries(fields.map(([name, { value }]) => [name, value])),
      expected: Object.fromEntries(fields.map(([name, { expected }]) => [name, expected])),
    }));
}

function repeated({ schema, value, expected }: Typed): fc.Arbitrary<Typed> {
  return fc.nat(4).map((count) => ({
    schema: { type: "array", items: schema },
    value: Array.from({ length: count }, () => value),
    expected: Array.from({ length: count }, () => expected),
  }));
}

function mapOf({ schema }: Typed, items: Record<string, Typed>): Typed {
  const entries = Object.entries(items);
  return {
    schema: { type: "map", values: schema },
    value: Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    expected: Object.fromEntries(entries.map(([name, { expected }]) => [name, expected])),
  };
}

/** The library names the branch of a value that is itself ambiguous; with null as the only other branch it does not. */
function nullable({ schema, value, expected }: Typed, isNull: boolean): Typed {
  if (Array.isArray(schema)) return { schema, value, expected };
  return {
    schema: ["null", schema as avsc.schema.DefinedType],
    value: isNull ? null : value,
    expected: isNull ? null : expected,
  };
}
