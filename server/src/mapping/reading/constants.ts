/** Constants of a mapping as texts. */
import { isScalar } from "yaml";
import { CONSTANT_CHARS_MAX } from "../limits.ts";
import { formatDecimal, parseDecimal } from "../values/decimals.ts";
import { type MappingDocument, scalarText, type Value } from "./mapping-document.ts";

/** Returns the text of a number as it is written, in plain notation. Undefined for other values. */
export function numberText(node: unknown): string | undefined {
  if (!isScalar(node) || (typeof node.value !== "number" && typeof node.value !== "bigint")) return undefined;
  const source = node.source ?? String(node.value);
  // YAML writes octal numbers as 0o17.
  const number = parseDecimal(/^0o[0-7]+$/.test(source) ? BigInt(source).toString() : source);
  return number && formatDecimal(number);
}

/** Returns the text of a constant, empty for null. Adds a problem and returns an empty text if it is none. */
export function readConstant(document: MappingDocument, value: Value): string {
  const text = constantText(value.node);
  if (text === undefined) document.problem(value, "must be a text, a number, true or false");
  else if (text.length > CONSTANT_CHARS_MAX)
    document.problem(value, `has ${text.length} characters; a constant has at most ${CONSTANT_CHARS_MAX}`);
  return text ?? "";
}

/** Returns the text of a YAML scalar: texts as they are, numbers in plain notation, `true`, `false`, and an empty text for null. */
export function constantText(node: unknown): string | undefined {
  // A key without a value has no node.
  if (node === null || node === undefined) return "";
  if (!isScalar(node)) return undefined;
  if (typeof node.value === "number" || typeof node.value === "bigint") return numberText(node);
  return node.value === null ? "" : typeof node.value === "boolean" ? String(node.value) : scalarText(node);
}
