/** Expressions and conditions for the model, from the description of the language. It shares only the types of a mapping with the program. */
import { createHash } from "node:crypto";
import type { Condition, DecimalSpelling, Expression, Literal, Source } from "../../../src/mapping/language.ts";
import { type Fraction, fractionOf, opposite, order, plainText, product, quotient, sum } from "./fractions.ts";
import { naiveTime } from "./naive-times.ts";

/** Longer texts are cut before and behind `replace`, and behind `concat` and operations that cannot be done. */
const CHARS_MAX = 4096;

/** The value of a reference, trimmed; undefined if it is absent or a null marker. */
export type NaiveLookup = (reference: number) => string | undefined;

export function naiveValue(expression: Expression, lookup: NaiveLookup): string | undefined {
  // The empty text is an absent value.
  let text = source(expression.source, lookup) || undefined;
  for (const { pattern, replacement } of expression.replace) {
    text = text?.slice(0, CHARS_MAX).replaceAll(new RegExp(pattern, "gu"), replacement).slice(0, CHARS_MAX);
  }
  if (expression.replace.length > 0) text = text?.trim();
  if (expression.isLower) text = text?.toLowerCase();
  if (expression.values?.has(text ?? "")) text = expression.values.get(text ?? "")?.trim();
  else if (expression.values !== undefined && text) text = expression.otherwise ?? text;
  if (text && expression.spelling) text = respelled(text, expression.spelling);
  if (text && expression.scale) {
    const { scale } = expression;
    const places = scale.of === "constant" ? String(scale.places) : lookup(scale.reference);
    text = places === undefined ? undefined : scaled(text, places);
  }
  if (text && expression.isNegated) text = result(fractionOf(text), opposite) ?? undone(`-${text}`);
  if (text && expression.isAbsolute)
    text = result(fractionOf(text), (a) => (a.top < 0n ? opposite(a) : a)) ?? undone(`abs ${text}`);
  if (text && expression.time) text = naiveTime(text, expression.time);
  return text || expression.default || undefined;
}

/** The text of an operation that cannot be done. */
const undone = (text: string): string => `(${text.slice(0, CHARS_MAX)})`;

function result(number: Fraction | undefined, operation: (a: Fraction) => Fraction): string | undefined {
  return number && plainText(operation(number));
}

function scaled(text: string, places: string): string {
  const count = /^-?[0-9]{1,3}(\.0+)?$/.test(places) ? Number(places) : 999;
  const number = fractionOf(text);
  if (number === undefined || Math.abs(count) > 255) return undone(`${text} / 10^${places}`);
  const power = 10n ** BigInt(Math.abs(count));
  const factor = count < 0 ? { top: power, bottom: 1n } : { top: 1n, bottom: power };
  return plainText(product(number, factor)) ?? undone(`${text} / 10^${places}`);
}

function source(given: Source, lookup: NaiveLookup): string | undefined {
  const textsOf = (list: readonly Expression[]): (string | undefined)[] => list.map((item) => naiveValue(item, lookup));
  switch (given.kind) {
    case "reference":
      return lookup(given.reference);
    case "constant":
      return given.text;
    case "first":
      return textsOf(given.of).find((text) => text !== undefined);
    case "concat": {
      const texts = textsOf(given.of);
      return texts.includes(undefined) ? undefined : texts.join("").slice(0, CHARS_MAX);
    }
    case "add":
      return combined(textsOf(given.of), sum, "+");
    case "multiply":
      return combined(textsOf(given.of), product, "*");
    case "subtract":
      return combined(textsOf([given.left, given.right]), (a, b) => sum(a, opposite(b)), "-");
    case "divide":
      return combined(textsOf([given.left, given.right]), quotient, "/");
    case "hash":
      return hashed(textsOf(given.of), given.form);
    case "sign": {
      const text = naiveValue(given.of, lookup);
      const number = text === undefined ? undefined : fractionOf(text);
      if (number === undefined) return text;
      return number.top === 0n ? "0" : number.top > 0n ? given.positive : given.negative;
    }
    case "choose": {
      for (const { when, result: chosen } of given.cases)
        if (naiveHolds(when, lookup)) return naiveValue(chosen, lookup);
      return given.otherwise && naiveValue(given.otherwise, lookup);
    }
  }
}

function combined(
  texts: readonly (string | undefined)[],
  operation: (a: Fraction, b: Fraction) => Fraction | undefined,
  sign: string,
): string | undefined {
  if (texts.includes(undefined)) return undefined;
  const whole = undone(texts.join(` ${sign} `));
  const numbers = texts.map((text) => fractionOf(text ?? ""));
  if (numbers.includes(undefined)) return whole;
  let total = numbers[0] as Fraction | undefined;
  for (const number of numbers.slice(1)) total = total && operation(total, number as Fraction);
  return total && (plainText(total) ?? whole);
}

function hashed(texts: readonly (string | undefined)[], form: "text" | "integer"): string | undefined {
  if (texts.every((text) => text === undefined)) return undefined;
  const digest = createHash("sha256");
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text ?? "");
    const length = text === undefined ? 0xffffffff : bytes.length;
    digest.update(new Uint8Array([24, 16, 8, 0].map((bits) => (length >>> bits) & 0xff))).update(bytes);
  }
  const hex = digest.digest("hex");
  return form === "text" ? hex.slice(0, 32) : String(BigInt(`0x${hex.slice(0, 8)}`) & 0x7fffffffn);
}

function respelled(text: string, { point, thousands }: DecimalSpelling): string {
  const signs = [...(thousands ?? (point === "," ? ".' \u00a0\u202f" : ""))];
  const [head = "", ...tail] = text.split(point);
  const groups = signs.reduce((parts, sign) => parts.flatMap((part) => part.split(sign)), [head.replace(/^[+-]/, "")]);
  const isGrouped = groups.length === 1 || groups.slice(1).every((group) => group.length === 3);
  const fits = isGrouped && (groups.length === 1 || (groups[0] ?? "").length <= 3);
  const isNumber = [...groups, ...tail].every((part) => /^[0-9]+$/.test(part)) && tail.length <= 1;
  if (!fits || !isNumber) return text;
  const sign = /^[+-]/.test(text) ? text.charAt(0) : "";
  return `${sign}${groups.join("")}${tail.length === 0 ? "" : `.${tail[0]}`}`;
}

export function naiveHolds(condition: Condition, lookup: NaiveLookup): boolean {
  switch (condition.kind) {
    case "all":
      return !condition.of.some((part) => !naiveHolds(part, lookup));
    case "any":
      return condition.of.some((part) => naiveHolds(part, lookup));
    case "not":
      return !naiveHolds(condition.of, lookup);
    case "exists":
      return lookup(condition.reference) !== undefined;
    case "in":
      return condition.literals.some(
        (literal) => compared(lookup(condition.reference), literal, condition.spelling) === 0,
      );
    case "equal":
      return compared(lookup(condition.reference), condition.literal, condition.spelling) === 0;
    case "less":
      return compared(lookup(condition.reference), condition.literal, condition.spelling) === -1;
    case "greater":
      return compared(lookup(condition.reference), condition.literal, condition.spelling) === 1;
  }
}

/** -1, 0 or 1; undefined if the two differ and are not both numbers. */
function compared(
  text: string | undefined,
  literal: Literal,
  spelling: DecimalSpelling | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const [a, b] = [fractionOf(spelling ? respelled(text, spelling) : text), fractionOf(literal.text)];
  if (a !== undefined && b !== undefined) return order(a, b);
  return text === literal.text ? 0 : undefined;
}
