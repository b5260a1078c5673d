/**
 * Writers of the members of events, one for each field of a mapping. The general one computes the expression with JavaScript strings.
 * The usual forms of expressions have a fast one before it, which copies bytes, and gives up at any value that is not usual.
 */
import { SLOT } from "../../codecs/event-fields.ts";
import { DECIMAL_CHARS_MAX } from "../../codecs/limits.ts";
import type { Expression, FieldMapping } from "../language.ts";
import { VALUE, type ValueTable } from "../value-table.ts";
import { evaluate, type Lookup } from "../values/evaluate.ts";
import { FIELDS, writeField } from "../values/fields.ts";
import { ByteTexts } from "./byte-texts.ts";
import { Factor } from "./decimal-digits.ts";
import { decimalWriter } from "./decimal-writers.ts";
import type { DirectText } from "./direct-text.ts";
import { type EventBytes, type FastWriter, headOf, type Piece, pieceOf } from "./event-bytes.ts";
import { integerWriter, timeWriter } from "./integer-writers.ts";
import { isOnly } from "./modifiers.ts";

export type FieldWriter = {
  /** For usual values. Returns false, and writes nothing, for others. */
  readonly fast: FastWriter;
  /** For all values. Writes the member if the field has one. */
  readonly write: (out: EventBytes) => void;
};

const NAMES = Object.keys(SLOT);
/** Entries of `values` that are compared one by one. */
const TABLE_MAX = 16;
const HYPHEN = 0x2d;

/** Returns the fields in the order in which the decoder expects them: it compares a record with the one before. */
export function inCanonicalOrder(fields: readonly FieldMapping[]): FieldMapping[] {
  return fields.toSorted((a, b) => NAMES.indexOf(a.name) - NAMES.indexOf(b.name));
}

/** Returns the writer of a field. `texts` and `lookup` give the values of the table. */
export function compileField(field: FieldMapping, values: ValueTable, texts: DirectText, lookup: Lookup): FieldWriter {
  const { name, expression } = field;
  const head = headOf(name);
  const { source } = expression;
  if (source.kind === "constant" && expression.scale?.of !== "reference") {
    const member = memberOf(name, evaluate(expression, lookup));
    return { fast: member === undefined ? () => true : constantWriter(member), write: () => undefined };
  }
  const write = (out: EventBytes): void => {
    const json = fieldJson(name, evaluate(expression, lookup));
    if (json !== "") out.json(head, json);
  };
  if (source.kind !== "reference") {
    return { fast: computedWriter(name, expression, texts) ?? unusual, write };
  }
  const { reference } = source;
  return {
    fast: fastWriter(name, expression, reference, values, texts) ?? unusual,
    write: (out) => {
      if (values.kinds[reference] !== VALUE.nested) write(out);
      // No field is an object or an array, so the decoder refuses it by the name of the field.
      else out.range(head, values.bytes[reference]!, values.starts[reference]!, values.ends[reference]!);
    },
  };
}

const unusual: FastWriter = () => false;

function constantWriter(member: Piece): FastWriter {
  return (out) => {
    out.piece(member);
    return true;
  };
}

/** Returns the fast writer of an expression that computes its value from several, or from a sign. */
function computedWriter(name: string, expression: Expression, texts: DirectText): FastWriter | undefined {
  if (FIELDS[name] === "decimal") return decimalWriter(expression, headOf(name), texts);
  return expression.source.kind === "sign" ? signWriter(name, expression, texts) : undefined;
}

/** Returns the fast writer of an expression whose source is a reference. */
function fastWriter(
  name: string,
  expression: Expression,
  reference: number,
  values: ValueTable,
  texts: DirectText,
): FastWriter | undefined {
  const head = headOf(name);
  if (expression.values !== undefined) return tableWriter(name, expression, reference, texts);
  switch (FIELDS[name]) {
    case "decimal":
      return decimalWriter(expression, head, texts);
    case "integer":
      return expression.isPlain ? integerWriter(head, reference, texts) : undefined;
    case "time":
      return timeWriter(expression, head, reference, texts);
    case "boolean":
      return expression.isPlain ? booleanWriter(name, reference, values, texts) : undefined;
    default:
      return expression.isPlain ? textWriter(head, reference, texts) : undefined;
  }
}

function textWriter(head: Piece, reference: number, texts: DirectText): FastWriter {
  return (out) => {
    if (!texts.find(reference) || !texts.isJson) return false;
    out.quotedRange(head, texts.bytes, texts.start, texts.end);
    return true;
  };
}

/** For `values` without other modifiers. */
function tableWriter(
  name: string,
  expression: Expression,
  reference: number,
  texts: DirectText,
): FastWriter | undefined {
  const { values, otherwise } = expression;
  if (values === undefined || values.size > TABLE_MAX || !isOnly(expression, ["values", "otherwise"])) return undefined;
  const members = new ByteTexts(Array.from(values, ([text, value]) => [text, memberOf(name, value.trim())] as const));
  const other = otherwise === undefined ? undefined : memberOf(name, otherwise);
  const plain =
    otherwise === undefined && FIELDS[name] === "text" ? textWriter(headOf(name), reference, texts) : undefined;
  return (out) => {
    if (!texts.find(reference)) return false;
    const member = members.get(texts.bytes, texts.start, texts.end) ?? other;
    if (member === undefined) return plain?.(out) ?? false;
    out.piece(member);
    return true;
  };
}

/** The sign of a number as it is written. */
function signWriter(name: string, expression: Expression, texts: DirectText): FastWriter | undefined {
  const { source } = expression;
  if (!expression.isPlain || source.kind !== "sign" || !source.of.isPlain || source.of.source.kind !== "reference")
    return undefined;
  const { reference } = source.of.source;
  const positive = memberOf(name, source.positive);
  const negative = memberOf(name, source.negative);
  const number = new Factor();
  return (out) => {
    if (positive === undefined || negative === undefined || !texts.find(reference)) return false;
    const { bytes, start, end } = texts;
    const isNegative = bytes[start] === HYPHEN;
    if (!number.read(bytes, isNegative ? start + 1 : start, end) || number.isZero) return false;
    out.piece(isNegative ? negative : positive);
    return true;
  };
}

function booleanWriter(name: string, reference: number, values: ValueTable, texts: DirectText): FastWriter | undefined {
  if (texts.isNull("true") || texts.isNull("false")) return undefined;
  const members = { true: memberOf(name, "true")!, false: memberOf(name, "false")! };
  return (out) => {
    const kind = values.kinds[reference];
    if (kind !== VALUE.true && kind !== VALUE.false) return false;
    out.piece(kind === VALUE.true ? members.true : members.false);
    return true;
  };
}

/** Returns the whole member of a text that is known before. Undefined if it has none. */
function memberOf(name: string, text: string | undefined): Piece | undefined {
  const json = fieldJson(name, text);
  return json === "" ? undefined : pieceOf(`,${JSON.stringify(name)}:${json}`);
}

/** The decoder reads a decimal in quotes faster than one without. Both mean the same up to a length. */
function fieldJson(name: string, text: string | undefined): string {
  const json = writeField(name, text);
  const isBare = FIELDS[name] === "decimal" && json !== "" && !json.startsWith('"');
  return isBare && json.length <= DECIMAL_CHARS_MAX ? `"${json}"` : json;
}
