/** Random mappings, as objects whose JSON is YAML, and random records for them. Small pools of names make hits likely. */
import fc from "fast-check";

export const NAMES = [
  "a",
  "b",
  "c",
  "a.b",
  "Token",
  "TOKEN",
  "odd name",
  "list",
  "__proto__",
  "constructor",
  "toString",
] as const;
/** `$^N` stands for the beginning of `each` up to a wildcard, see `withEnclosing`. */
const ENCLOSING = [
  ...["$^0.a", "$^1.Token", "$^2.a", "$^3.list[0]", "$^4['odd name']", "$^5.b.c", "$^6", "$^7.a", "$^4.a"],
  ...["$^0.Token", "$^2.b", "$^3.TOKEN", "$^4.b", "$^1.A"],
] as const;
const REFERENCES = [
  ...NAMES,
  ...["b.c", "list[0]", "list[1].a", "[0]", "$.a", "$.b.c", "$['odd name']", "$.list[0]['a.b']", "$"],
  ...ENCLOSING,
  ...[
    "@key",
    "@timestamp",
    "@offset",
    "@partition",
    "@row",
    "@header.source",
    "nothing",
    "__proto__.a",
    "constructor.name",
  ],
] as const;
const TEXTS = [
  ...[
    "",
    " ",
    "NULL",
    "\\N",
    "None",
    "null",
    "buy",
    "SELL",
    "insert",
    "Äpfel 🍕",
    " padded ",
    "true",
    "-",
    "0xAbC1",
    "0x10",
  ],
  ...[
    "0",
    "-0",
    "00",
    "007",
    "1",
    "2",
    "3",
    "-1.50",
    "+4",
    "18",
    "1e3",
    "1E-20",
    ".5",
    "5.",
    "1.234,56",
    "1,234.56",
    "1'000",
    "1.0",
  ],
  ...[
    "123456789012345678901234567890",
    "0.000000000000000001",
    "1700000000",
    "1700000000123",
    "2026-01-02 03:04:05.678",
  ],
  ...["2026-01-02T03:04:05Z", "2026-03-29 02:30:00.000", "2026-10-25 02:30:00.000"],
] as const;

export const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 12 }));
export const numberText = fc.oneof(
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.nat(40), fc.integer({ min: -30, max: 30 }))
    .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`),
  fc.tuple(fc.nat(999), fc.stringMatching(/^[0-9]{1,18}$/)).map(([whole, fraction]) => `${whole}.${fraction}`),
);
export const reference = fc.constantFrom(...REFERENCES);

const number = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 0.1, 1e-7, 1e21, 123.456));
const constant = fc.oneof(text, number, fc.boolean());
const literal = fc.oneof(number.map(String), fc.constantFrom("buy", "'it''s'", '"a, b"', "true", "NULL", "0x10"));
const comparison = fc.oneof(
  fc.tuple(reference, fc.constantFrom("==", "!="), literal).map((parts) => parts.join(" ")),
  fc.tuple(reference, fc.constantFrom("<", "<=", ">", ">="), number).map((parts) => parts.join(" ")),
  fc
    .tuple(reference, fc.constantFrom("in", "not in"), fc.array(literal, { minLength: 1, maxLength: 3 }))
    .map(([name, operator, list]) => `${name} ${operator} [${list.join(", ")}]`),
  fc.tuple(reference, fc.constantFrom("exists", "missing")).map((parts) => parts.join(" ")),
);

/** A condition of `when`. */
export const condition: fc.Arbitrary<unknown> = fc.letrec<{ condition: unknown }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    comparison,
    fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
    fc.record({ any: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("condition") }),
  ),
})).condition;

/** Few matches a text: the program leaves a text alone in which a search would take too long. */
const replacement = fc.constantFrom(
  { pattern: "^[0-9]+", with: "#" },
  { pattern: "^([a-z]*)(.*)$", with: "$2$1" },
  { pattern: "^x*", with: "-" },
  [
    { pattern: ",", with: "" },
    { pattern: "\\s+", with: "_" },
  ],
);

type Kind = "text" | "decimal" | "time";

/** Modifiers of a value. Times have forms only where the field is a time. */
function modifiers(kind: Kind): fc.Arbitrary<Record<string, unknown>> {
  const optional = <T>(given: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(given, { nil: undefined, freq: 6 });
  const general = fc.record({
    replace: optional(replacement),
    lower: optional(fc.boolean()),
    values: optional(
      fc.dictionary(fc.constantFrom("buy", "SELL", "insert", "", "1", "true", "__proto__"), constant, { maxKeys: 3 }),
    ),
    default: optional(constant),
  });
  const decimal = fc.record({
    decimal: optional(fc.constantFrom(".", ",")),
    scale: optional(fc.oneof(fc.integer({ min: -3, max: 30 }), reference)),
    negate: optional(fc.boolean()),
    abs: optional(fc.boolean()),
  });
  const time = fc.oneof(
    fc.constant({}),
    fc.constantFrom("rfc3339", "utc", "seconds", "s", "ms", "us", "nanoseconds").map((form) => ({ time: form })),
    fc
      .constantFrom("UTC", "Europe/Berlin", "America/New_York", "+05:30")
      .map((zone) => ({ time: "yyyy-MM-dd HH:mm:ss.SSS", zone })),
  );
  return fc
    .tuple(general, kind === "decimal" ? decimal : fc.constant({}), kind === "time" ? time : fc.constant({}))
    .map((parts) =>
      Object.fromEntries(parts.flatMap((part) => Object.entries(part)).filter(([, value]) => value !== undefined)),
    );
}

/** An expression for a field of this kind. */
export function expression(kind: Kind): fc.Arbitrary<unknown> {
  const tied = fc.letrec<Record<Kind | "all", unknown>>((tie) => {
    const of = (inner: Kind): fc.Arbitrary<unknown> => {
      const operands = (kindOf: Kind): fc.Arbitrary<unknown[]> => fc.array(tie(kindOf), { minLength: 1, maxLength: 3 });
      const pair = fc.tuple(tie("decimal"), tie("decimal"));
      const sources = fc.oneof(
        fc.record({ path: reference }),
        fc.record({ column: reference }),
        fc.record({ first: operands(inner) }),
        fc.record({ concat: operands("text") }),
        fc.record({ add: operands("decimal") }),
        fc.record({ multiply: operands("decimal") }),
        fc.record({ subtract: pair }),
        fc.record({ divide: pair }),
        fc.record({ hash: operands("text") }),
        fc.record({ lower: tie(inner) }),
        fc.record({ negate: tie("decimal") }),
        fc.record({ abs: tie("decimal") }),
        fc.record({ sign_of: tie("decimal"), positive: text, negative: text }),
        fc
          .tuple(condition, tie(inner), tie(inner))
          .map(([when, then, last]) => ({ choose: [{ when, then }, { else: last }] })),
      );
      return fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        reference,
        number,
        fc.record({ value: constant }),
        fc.tuple(modifiers(inner), sources).map(([first, source]) => ({ ...first, ...source })),
      );
    };
    return { text: of("text"), decimal: of("decimal"), time: of("time"), all: fc.constant(0) };
  });
  return tied[kind];
}

const swap = fc.record(
  {
    chain_id: fc.constantFrom<unknown>(1, "a", { value: 7 }),
    tx_hash: expression("text"),
    log_index: fc.constantFrom<unknown>(0, "b", { hash: ["a", "b"] }),
    token: expression("text"),
    side: expression("text"),
    amount_token: expression("decimal"),
    amount_usd: expression("decimal"),
    event_time: expression("time"),
    price_usd: expression("decimal"),
    event_id: expression("text"),
    removed: expression("text"),
    when: condition,
  },
  { requiredKeys: ["chain_id", "tx_hash", "log_index", "token", "side", "amount_token", "amount_usd", "event_time"] },
);

type Given = { readonly each?: string; readonly ignore_case?: boolean };

/** Replaces `$^N` by one of the beginnings of `each` that end in a wildcard, half of them in another case if case is ignored. */
function withEnclosing<T extends Given>(given: T): T {
  const { each = "", ignore_case: ignoresCase } = given;
  const prefixes = [...each.matchAll(/\[\*\]/g)].map(({ index }) => each.slice(0, index + 3));
  const prefix = (n: number): string => {
    const found = prefixes[(n >> 1) % prefixes.length] ?? "$";
    return n % 2 === 1 && ignoresCase === true ? found.toUpperCase() : found;
  };
  return JSON.parse(JSON.stringify(given).replaceAll(/\$\^([0-7])/g, (_, n: string) => prefix(Number(n)))) as T;
}

/** A mapping of JSON records. Its JSON is the text of a valid mapping file. */
export const mapping = fc
  .record(
    {
      each: fc.constantFrom("$[*]", "$.list[*]", "$.list[*].a", "$.list[*].list[*]", "$[*].list[*].a[*]"),
      when: condition,
      ignore_case: fc.boolean(),
      decimal: fc.constantFrom(".", ","),
      nulls: fc.array(text, { minLength: 1, maxLength: 3 }),
      swaps: fc.array(swap, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ["swaps"] },
  )
  .map(withEnclosing);

const leaf = fc.oneof(
  text.map((value) => JSON.stringify(value)),
  numberText.filter((value) => /^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e-?[0-9]+)?$/.test(value)),
  fc.constantFrom("true", "false", "null"),
);

/** The JSON text of a value; numbers in it have more digits than a double. Objects have no two names that differ in case alone. */
export const json: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf, tie("object"), tie("list")),
  object: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie("value")), {
      maxLength: 6,
      selector: ([name]) => name.toLowerCase(),
    })
    .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`),
  list: fc.array(tie("value"), { maxLength: 4 }).map((values) => `[${values.join(",")}]`),
})).value;

/** An object with a list of others, some of them with lists themselves. Members follow their lists or go before them. */
function nestedJson(depth: number): fc.Arbitrary<string> {
  const inside =
    depth === 0 ? json : fc.oneof({ weight: 4, arbitrary: nestedJson(depth - 1) }, { weight: 1, arbitrary: json });
  const members = fc.uniqueArray(fc.tuple(fc.constantFrom("a", "Token", "odd name", "b"), leaf), {
    selector: ([name]) => name,
  });
  return fc
    .tuple(
      members,
      fc.constantFrom("list", "list", "list", "list", "LIST", "a"),
      fc.array(inside, { size: "max", maxLength: 3 }),
      fc.nat(4),
    )
    .map(([others, name, items, at]) => {
      const texts = others
        .filter(([other]) => other !== name)
        .map(([other, value]) => `${JSON.stringify(other)}:${value}`);
      return `{${texts.toSpliced(at, 0, `${JSON.stringify(name)}:[${items.join(",")}]`).join(",")}}`;
    });
}

/** `replace` leaves a text of this length alone only in patterns that these tests do not use. */
const RECORD_CHARS_MAX = 1_000;
const isShort = (value: string): boolean => value.length <= RECORD_CHARS_MAX;

/** A record: mostly an object. */
export const recordJson: fc.Arbitrary<string> = fc
  .oneof(
    json.filter((value) => value.startsWith("{")),
    nestedJson(2),
    json,
  )
  .filter(isShort);

const enclosing = fc.constantFrom(...ENCLOSING);
/** A mapping whose swaps are made of the values around elements of nested lists, and records that have these. */
export const nestedMapping = fc
  .record({
    each: fc.constantFrom(
      "$.list[*].list[*]",
      "$.list[*].list[*].a",
      "$.list[*].list[*].list[*]",
      "$.list[*].a[*].list[*]",
    ),
    ignore_case: fc.boolean(),
    swaps: fc.array(
      fc.record({
        ...{
          chain_id: fc.constant(1),
          log_index: fc.constant(0),
          amount_token: fc.constant(1),
          event_time: fc.constant(1),
        },
        ...{ tx_hash: fc.record({ hash: fc.array(enclosing, { minLength: 1, maxLength: 3 }) }), token: enclosing },
        ...{ side: enclosing, who: fc.oneof(enclosing, reference), amount_usd: enclosing, pool: enclosing },
      }),
      { minLength: 1, maxLength: 2 },
    ),
  })
  .map(withEnclosing);
export const nestedRecordJson: fc.Arbitrary<string> = nestedJson(3);
