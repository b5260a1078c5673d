/**
 * Computes the texts of expressions. A value that does not fit a modifier is passed on, and an operation that cannot be done gives its own
 * text, such as `(abc * 5)`: no field of numbers accepts either, so the swap becomes a dead letter whose message shows the value.
 */
import type { Condition, DecimalSpelling, Expression, Literal, Scale, Source } from "../language.ts";
import { SCALE_MAX, TEXT_CHARS_MAX } from "../limits.ts";
import {
  absolute,
  add,
  compare,
  type Decimal,
  divide,
  formatDecimal,
  isBounded,
  multiply,
  negate,
  parseDecimal,
  scaleDown,
  shiftPoint,
  subtract,
} from "./decimals.ts";
import { hashTexts } from "./hash.ts";
import { replaceMatches } from "./replacements.ts";
import { withPoint } from "./spelling.ts";
import { convertTime } from "./times.ts";

/** Returns the text of a reference, as `presentText` returns it: trimmed, and undefined if it is absent or a null marker. */
export type Lookup = (reference: number) => string | undefined;

/** Returns the text of the expression's value. Undefined if it is absent; it is never empty. */
export function evaluate(expression: Expression, lookup: Lookup): string | undefined {
  const source = sourceText(expression.source, lookup);
  if (expression.isPlain) return source === "" ? undefined : source;
  let text = source ?? "";
  if (text !== "") text = replaced(text, expression);
  const { values } = expression;
  if (values !== undefined) {
    const value = values.get(text);
    if (value !== undefined) text = value.trim();
    else if (text !== "") text = expression.otherwise ?? text;
  }
  if (text !== "" && expression.spelling !== undefined) text = withPoint(text, expression.spelling);
  if (text !== "" && expression.scale !== undefined) text = scaled(text, expression.scale, lookup) ?? "";
  if (text !== "" && expression.isNegated) text = unary(text, negate, "-");
  if (text !== "" && expression.isAbsolute) text = unary(text, absolute, "abs ");
  if (text !== "" && expression.time !== undefined) text = convertTime(text, expression.time);
  return text === "" ? expression.default : text;
}

function replaced(text: string, expression: Expression): string {
  let result = text;
  for (const replacement of expression.replace) result = replaceMatches(result, replacement);
  if (expression.replace.length > 0) result = result.trim();
  return expression.isLower ? result.toLowerCase() : result;
}

function sourceText(source: Source, lookup: Lookup): string | undefined {
  switch (source.kind) {
    case "reference":
      return lookup(source.reference);
    case "constant":
      return source.text;
    case "first":
      for (const expression of source.of) {
        const text = evaluate(expression, lookup);
        if (text !== undefined) return text;
      }
      return undefined;
    case "concat":
      return joined(source.of, lookup);
    case "add":
      return folded(source.of, lookup, add, " + ");
    case "multiply":
      return folded(source.of, lookup, multiply, " * ");
    case "subtract":
      return folded([source.left, source.right], lookup, subtract, " - ");
    case "divide":
      return folded([source.left, source.right], lookup, divide, " / ");
    case "hash":
      return hashTexts(
        source.of.map((expression) => evaluate(expression, lookup)),
        source.form,
      );
    case "sign":
      return signOf(source.of, source.positive, source.negative, lookup);
    case "choose": {
      const chosen = source.cases.find(({ when }) => holds(when, lookup))?.result ?? source.otherwise;
      return chosen === undefined ? undefined : evaluate(chosen, lookup);
    }
  }
}

function joined(expressions: readonly Expression[], lookup: Lookup): string | undefined {
  let result = "";
  for (const expression of expressions) {
    const text = evaluate(expression, lookup);
    if (text === undefined) return undefined;
    // A swap has no text of this length, so the rest decides nothing.
    result = (result + text).slice(0, TEXT_CHARS_MAX);
  }
  return result;
}

type Operation = (a: Decimal, b: Decimal) => Decimal | undefined;

/** Combines the operands from left to right. Absent if one is absent, or if a divisor is zero. */
function folded(
  expressions: readonly Expression[],
  lookup: Lookup,
  operation: Operation,
  sign: string,
): string | undefined {
  const texts: string[] = [];
  for (const expression of expressions) {
    const text = evaluate(expression, lookup);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  let result: Decimal | undefined;
  for (const text of texts) {
    const operand = parseDecimal(text);
    if (operand === undefined) return undone(texts.join(sign));
    if (result === undefined) result = operand;
    else {
      const next = operation(result, operand);
      if (next === undefined) return undefined;
      if (!isBounded(next)) return undone(texts.join(sign));
      result = next;
    }
  }
  return (result && formatDecimal(result)) ?? undone(texts.join(sign));
}

/** The text of an operation that could not be done. The parenthesis makes it no number, wherever it is cut. */
const undone = (text: string): string => `(${text.slice(0, TEXT_CHARS_MAX)})`;

function unary(text: string, operation: (a: Decimal) => Decimal, name: string): string {
  const operand = parseDecimal(text);
  return (operand && formatDecimal(operation(operand))) ?? undone(`${name}${text}`);
}

const PLACES = /^-?[0-9]{1,3}(?:\.0+)?$/;

function scaled(text: string, scale: Scale, lookup: Lookup): string | undefined {
  const placesText = scale.of === "constant" ? String(scale.places) : lookup(scale.reference);
  if (placesText === undefined) return undefined;
  const places = scale.of === "constant" ? scale.places : PLACES.test(placesText) ? Number(placesText) : Number.NaN;
  if (!(Math.abs(places) <= SCALE_MAX)) return undone(`${text} / 10^${placesText}`);
  const shifted = shiftPoint(text, places);
  if (shifted !== undefined) return shifted;
  const operand = parseDecimal(text);
  return (operand && formatDecimal(scaleDown(operand, places))) ?? undone(`${text} / 10^${placesText}`);
}

/** The text `0` stands for zero. */
function signOf(expression: Expression, positive: string, negative: string, lookup: Lookup): string | undefined {
  const text = evaluate(expression, lookup);
  const number = text === undefined ? undefined : parseDecimal(text);
  if (number === undefined) return text;
  return number.mantissa > 0n ? positive : number.mantissa < 0n ? negative : "0";
}

/** Returns whether the condition holds. A comparison with an absent value does not hold; its opposite does. */
export function holds(condition: Condition, lookup: Lookup): boolean {
  switch (condition.kind) {
    case "all":
      return condition.of.every((part) => holds(part, lookup));
    case "any":
      return condition.of.some((part) => holds(part, lookup));
    case "not":
      return !holds(condition.of, lookup);
    case "exists":
      return lookup(condition.reference) !== undefined;
    case "equal":
      return isEqual(lookup(condition.reference), condition.literal, condition.spelling);
    case "in": {
      const text = lookup(condition.reference);
      return condition.literals.some((literal) => isEqual(text, literal, condition.spelling));
    }
    case "less":
      return order(lookup(condition.reference), condition.literal, condition.spelling) < 0;
    case "greater":
      return order(lookup(condition.reference), condition.literal, condition.spelling) > 0;
  }
}

function isEqual(text: string | undefined, literal: Literal, spelling: DecimalSpelling | undefined): boolean {
  return text === literal.text || order(text, literal, spelling) === 0;
}

/** Returns how the value compares with the literal. NaN unless both are numbers. */
function order(text: string | undefined, literal: Literal, spelling: DecimalSpelling | undefined): number {
  if (text === undefined || literal.number === undefined) return Number.NaN;
  const number = parseDecimal(spelling === undefined ? text : withPoint(text, spelling));
  return number === undefined ? Number.NaN : compare(number, literal.number);
}
