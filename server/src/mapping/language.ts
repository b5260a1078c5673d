/**
 * A mapping as data: how the records of a producer become swap events. docs/mapping.md describes the YAML file that it is read from.
 * It holds no code, and everything in it was checked.
 */

import type { Decimal } from "./values/decimals.ts";

export const MAPPING_FORMATS = ["json", "csv", "avro", "protobuf", "json_schema", "msgpack", "parquet"] as const;
export type MappingFormat = (typeof MAPPING_FORMATS)[number];

export type Mapping = {
  /** Name of the file, for messages. */
  readonly name: string;
  /** Undefined: JSON for messages; for files the first bytes decide. */
  readonly format: MappingFormat | undefined;
  /** Absolute path of the schema file. Undefined: the registry has it. */
  readonly schemaPath: string | undefined;
  /** Message type within a Protobuf schema. */
  readonly message: string | undefined;
  /** Undefined: the header of a table decides. */
  readonly delimiter: string | undefined;
  /** Column names of a table without a header. */
  readonly columns: readonly string[] | undefined;
  /** Texts that stand for no value. They are trimmed. */
  readonly nulls: readonly string[];
  readonly ignoresCase: boolean;
  /**
   * Path from the root of the record to the elements that make swaps. It has at least one ALL_ELEMENTS, and may go on behind the last one
   * (`$.edges[*].node`). Undefined: the record is the element.
   */
  readonly each: readonly PathStep[] | undefined;
  /** What holds for every element that makes swaps. */
  readonly when: Condition | undefined;
  readonly swaps: readonly SwapMapping[];
  /** Every reference of the mapping once. Expressions and conditions name them by index. */
  readonly references: readonly Reference[];
};

export type SwapMapping = { readonly when: Condition | undefined; readonly fields: readonly FieldMapping[] };

export type FieldMapping = {
  /** Field of the swap event or an alias of it. */
  readonly name: string;
  readonly expression: Expression;
  /** Place in the file for messages: `swaps[0].side`. */
  readonly place: string;
};

/** A member by its name, an index of an array, or all elements of an array (in `each` alone, or at its place in a reference). */
export type PathStep = string | number | typeof ALL_ELEMENTS;
export const ALL_ELEMENTS: unique symbol = Symbol("all elements");

export type Reference =
  /** A member of the element, or a column: the whole name first, then the steps between its dots. */
  | { readonly of: "element"; readonly name: string; readonly steps: readonly (string | number)[] }
  | { readonly of: "record"; readonly name: string; readonly steps: readonly (string | number)[] }
  /** From the element that the wildcard `level` of `each` names, of 0 and more, and that the present element is in or is. */
  | {
      readonly of: "enclosing";
      readonly name: string;
      readonly level: number;
      readonly steps: readonly (string | number)[];
    }
  | { readonly of: "header"; readonly name: string; readonly header: string }
  | { readonly of: "key" | "timestamp" | "partition" | "offset" | "row"; readonly name: string };

export type Source =
  | { readonly kind: "reference"; readonly reference: number }
  /** Text of the constant; a boolean is `true` or `false`. */
  | { readonly kind: "constant"; readonly text: string }
  | { readonly kind: "first" | "concat" | "add" | "multiply"; readonly of: readonly Expression[] }
  /** `integer`: for a field that is an integer. */
  | { readonly kind: "hash"; readonly of: readonly Expression[]; readonly form: "text" | "integer" }
  | { readonly kind: "subtract" | "divide"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "sign"; readonly of: Expression; readonly positive: string; readonly negative: string }
  | { readonly kind: "choose"; readonly cases: readonly Case[]; readonly otherwise: Expression | undefined };

export type Case = { readonly when: Condition; readonly result: Expression };

/** A source and its modifiers, which are applied in the order of these members. */
export type Expression = {
  readonly source: Source;
  /** Whether there is no modifier at all: the value is that of the source. */
  readonly isPlain: boolean;
  readonly replace: readonly Replacement[];
  readonly isLower: boolean;
  readonly values: ReadonlyMap<string, string> | undefined;
  /** Text for values that `values` does not have. Undefined: they stay. */
  readonly otherwise: string | undefined;
  readonly spelling: DecimalSpelling | undefined;
  /** Power of ten that divides the value, or the index of the reference that has it. */
  readonly scale: Scale | undefined;
  readonly isNegated: boolean;
  readonly isAbsolute: boolean;
  readonly time: TimeForm | undefined;
  /** Text when the result is absent. */
  readonly default: string | undefined;
};

export type Scale =
  | { readonly of: "constant"; readonly places: number }
  | { readonly of: "reference"; readonly reference: number };

/** A regular expression in the syntax of RE2, and what replaces each match. */
export type Replacement = { readonly pattern: string; readonly replacement: string };

/** `thousands` undefined: a decimal comma stands with points, apostrophes or spaces between thousands. */
export type DecimalSpelling = { readonly point: "." | ","; readonly thousands: string | undefined };

/** RFC 3339 and milliseconds need no form. `zone` is a name of the IANA database or an offset. */
export type TimeForm =
  | { readonly kind: "utc" | "seconds" | "milliseconds" | "microseconds" | "nanoseconds" }
  | { readonly kind: "pattern"; readonly pattern: string; readonly zone: string };

/** A text of a condition, and its value if it is a number. */
export type Literal = { readonly text: string; readonly number: Decimal | undefined };

/** `spelling` is that of decimals in records. */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "exists"; readonly reference: number }
  | {
      readonly kind: "equal" | "less" | "greater";
      readonly reference: number;
      readonly spelling: DecimalSpelling | undefined;
      readonly literal: Literal;
    }
  | {
      readonly kind: "in";
      readonly reference: number;
      readonly spelling: DecimalSpelling | undefined;
      readonly literals: readonly Literal[];
    };
