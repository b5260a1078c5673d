/** Operators of comparisons, with the words that people read. */
import type { FieldKind } from "../model/fields.ts";

export type Operator = "gt" | "gte" | "lt" | "lte" | "eq" | "ne" | "in" | "between" | "contains" | "prefix";

const NUMBERS: readonly Operator[] = ["gte", "gt", "lte", "lt", "between", "eq", "ne", "in"];
const TEXTS: readonly Operator[] = ["contains", "prefix", "eq", "ne", "in"];
const FLAGS: readonly Operator[] = ["eq", "ne"];
/** A chain is a name rather than an amount: the likely operators come first. */
const INTEGERS: readonly Operator[] = ["in", "eq", "ne", "gte", "gt", "lte", "lt", "between"];

/** Returns the operators of a kind of figure, the most usual one first. */
export function operatorsOf(kind: FieldKind): readonly Operator[] {
  if (kind === "text") return TEXTS;
  if (kind === "integer") return INTEGERS;
  return kind === "flag" ? FLAGS : NUMBERS;
}

/** In lists to choose from. */
export const operatorLabels: Readonly<Record<Operator, string>> = {
  gte: "at least",
  gt: "more than",
  lte: "at most",
  lt: "less than",
  between: "between",
  eq: "is",
  ne: "is not",
  in: "is one of",
  contains: "contains",
  prefix: "begins with",
};

/** In the short text of a filter. */
export const operatorSigns: Readonly<Record<Operator, string>> = {
  ...operatorLabels,
  gte: "≥",
  gt: ">",
  lte: "≤",
  lt: "<",
  eq: "=",
  ne: "≠",
  in: "in",
};
