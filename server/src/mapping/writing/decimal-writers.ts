import { DECIMAL_CHARS_MAX } from "../../codecs/limits.ts";
import type { Expression, Scale } from "../language.ts";
import { Factor, writeProduct, writeScaled } from "./decimal-digits.ts";
import type { DirectText } from "./direct-text.ts";
import type { FastWriter, Piece } from "./event-bytes.ts";
import { isOnly } from "./modifiers.ts";

const ZERO = 0x30;
const LOWER_X = 0x78;
const HYPHEN = 0x2d;
const NO_PLACES = -1;

/** Returns the fast writer of a decimal field: for a value as it is, an integer that is scaled, and a product of two. */
export function decimalWriter(expression: Expression, head: Piece, texts: DirectText): FastWriter | undefined {
  const { source } = expression;
  if (source.kind === "reference") {
    if (expression.isPlain) return plainWriter(head, source.reference, texts);
    return isOnly(expression, ["scale", "isNegated", "isAbsolute"])
      ? scaledWriter(expression, head, source.reference, texts)
      : undefined;
  }
  if (source.kind !== "multiply" || !expression.isPlain) return undefined;
  const [a, b, ...more] = source.of.map((operand) => factorReader(operand, texts));
  return a === undefined || b === undefined || more.length > 0 ? undefined : productWriter(head, a, b);
}

/** Any text that is not hexadecimal: a number, or else a text that the decoder refuses. */
function plainWriter(head: Piece, reference: number, texts: DirectText): FastWriter {
  return (out) => {
    if (!texts.find(reference)) return false;
    const { bytes, start, end } = texts;
    if (end - start > DECIMAL_CHARS_MAX || !texts.isJson) return false;
    if (bytes[start] === ZERO && end - start > 1 && (bytes[start + 1]! | 0x20) === LOWER_X) return false;
    out.quotedRange(head, bytes, start, end);
    return true;
  };
}

/** For an integer, with its sign changed or removed. */
function scaledWriter(expression: Expression, head: Piece, reference: number, texts: DirectText): FastWriter {
  const { scale, isNegated, isAbsolute } = expression;
  return (out) => {
    const places = scale === undefined ? 0 : placesOf(scale, texts);
    if (places === NO_PLACES || !texts.find(reference)) return false;
    const { bytes, end } = texts;
    const hasSign = bytes[texts.start] === HYPHEN;
    const start = hasSign ? texts.start + 1 : texts.start;
    if (start === end || !isDigits(bytes, start, end)) return false;
    return writeScaled(out, head, bytes, start, end, places, !isAbsolute && hasSign !== isNegated);
  };
}

function productWriter(head: Piece, readA: FactorReader, readB: FactorReader): FastWriter {
  const a = new Factor();
  const b = new Factor();
  return (out) => readA(a) && readB(b) && writeProduct(out, head, a, b);
}

type FactorReader = (factor: Factor) => boolean;

function factorReader(operand: Expression, texts: DirectText): FactorReader | undefined {
  const { source, scale } = operand;
  if (!isOnly(operand, ["scale"])) return undefined;
  if (source.kind === "constant") {
    const bytes = Buffer.from(source.text);
    return scale === undefined ? (factor) => factor.read(bytes, 0, bytes.length) : undefined;
  }
  if (source.kind !== "reference") return undefined;
  const { reference } = source;
  return (factor) => {
    const places = scale === undefined ? 0 : placesOf(scale, texts);
    if (places === NO_PLACES || !texts.find(reference) || !factor.read(texts.bytes, texts.start, texts.end))
      return false;
    factor.places += places;
    return true;
  };
}

/** Returns the places of a scale. NO_PLACES if they are not one or two digits. */
function placesOf(scale: Scale, texts: DirectText): number {
  if (scale.of === "constant") return scale.places < 0 ? NO_PLACES : scale.places;
  if (!texts.find(scale.reference)) return NO_PLACES;
  const { bytes, start, end } = texts;
  if (end - start > 2 || !isDigits(bytes, start, end)) return NO_PLACES;
  const ones = bytes[end - 1]! - ZERO;
  return end - start === 2 ? 10 * (bytes[start]! - ZERO) + ones : ones;
}

export function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (bytes[p]! < ZERO || bytes[p]! > 0x39) return false;
  return true;
}
