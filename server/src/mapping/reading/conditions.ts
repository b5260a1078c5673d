/** Conditions of a mapping: `type == swap`, `amount > 0`, `side in [buy, sell]`, `memo exists`, and lists of them. */
import { isSeq } from "yaml";
import type { Condition, DecimalSpelling, Literal } from "../language.ts";
import { CONSTANT_CHARS_MAX, DEPTH_MAX, LIST_MAX } from "../limits.ts";
import { parseDecimal } from "../values/decimals.ts";
import { type MappingDocument, textOf, type Value } from "./mapping-document.ts";
import type { ReferenceTable } from "./references.ts";

const MUST = "a text such as `type == swap`, a list of them, or one of any, all, not";
/** Never holds; it stands where a problem was. */
const NEVER: Condition = { kind: "any", of: [] };

export class ConditionReader {
  readonly #document: MappingDocument;
  readonly #references: ReferenceTable;
  readonly #spelling: DecimalSpelling | undefined;

  /** `spelling` is that of the decimals in records; literals are in plain notation. */
  constructor(document: MappingDocument, references: ReferenceTable, spelling: DecimalSpelling | undefined) {
    this.#document = document;
    this.#references = references;
    this.#spelling = spelling;
  }

  /** Reads a condition. Problems are added to the document. */
  read(value: Value, depth = 0): Condition {
    const document = this.#document;
    if (depth > DEPTH_MAX) {
      document.problem(value, `is nested more than ${DEPTH_MAX} deep`);
      return NEVER;
    }
    const text = textOf(value.node);
    if (text !== undefined) return this.#comparison(value, text);
    if (isSeq(value.node)) return { kind: "all", of: this.#list(value, depth) };
    const entries = document.entries(value, MUST);
    if (entries === undefined) return NEVER;
    document.checkNames(entries, ["any", "all", "not"], "any, all or not");
    const [any, all, not] = [entries.get("any"), entries.get("all"), entries.get("not")];
    if (entries.size !== 1) document.problem(value, "must have exactly one of any, all, not");
    if (any !== undefined) return { kind: "any", of: this.#list(any, depth) };
    if (all !== undefined) return { kind: "all", of: this.#list(all, depth) };
    return not === undefined ? NEVER : { kind: "not", of: this.read(not, depth + 1) };
  }

  #list(value: Value, depth: number): Condition[] {
    const list = this.#document.list(value, "a list of conditions") ?? [];
    return list.map((item) => this.read(item, depth + 1));
  }

  #comparison(value: Value, text: string): Condition {
    try {
      return parseCondition(text, this.#references, this.#spelling);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#document.problem(value, error.message);
      return NEVER;
    }
  }
}

/** Operators, and how the text goes on behind each. A name in quotation marks within a path is no operator. */
const OPERATOR = /(?:'[^']*'|"[^"]*")\]|(==|!=|<=|>=|<|>|=)|\s(not\s+in|in)\s*(?=\[)|\s(exists|missing)\s*$/g;

function parseCondition(text: string, references: ReferenceTable, spelling: DecimalSpelling | undefined): Condition {
  for (const match of text.matchAll(OPERATOR)) {
    const operator = match[1] ?? match[2]?.replace(/\s+/, " ") ?? match[3];
    if (operator === undefined) continue;
    if (operator === "=") throw new RangeError(`has =; write == to compare`);
    const reference = references.indexOf(text.slice(0, match.index));
    const rest = text.slice(match.index + match[0].length).trim();
    return conditionOf(operator, { reference, spelling }, rest);
  }
  throw new RangeError(
    "has no comparison; write REF == VALUE, !=, <, <=, >, >=, in [...], not in [...], exists or missing",
  );
}

type Left = { readonly reference: number; readonly spelling: DecimalSpelling | undefined };

function conditionOf(operator: string, left: Left, rest: string): Condition {
  const not = (of: Condition): Condition => ({ kind: "not", of });
  switch (operator) {
    case "exists":
      return { kind: "exists", reference: left.reference };
    case "missing":
      return not({ kind: "exists", reference: left.reference });
    case "in":
      return { kind: "in", ...left, literals: parseLiterals(rest) };
    case "not in":
      return not({ kind: "in", ...left, literals: parseLiterals(rest) });
    case "==":
      return { kind: "equal", ...left, literal: parseLiteral(rest) };
    case "!=":
      return not({ kind: "equal", ...left, literal: parseLiteral(rest) });
  }
  const literal = parseLiteral(rest);
  if (literal.number === undefined) throw new RangeError(`compares with ${rest}, which is no number`);
  const compared: Condition = { kind: operator.startsWith("<") ? "less" : "greater", ...left, literal };
  return operator.length === 1 ? compared : { kind: "any", of: [compared, { kind: "equal", ...left, literal }] };
}

/** A text in quotation marks (two of them stand for one), or a bare word up to the end or the next comma. */
const LITERAL = /\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^\s'",[\]][^'",[\]]*))\s*(,|$)/y;

function parseLiteral(text: string): Literal {
  const literals = readLiterals(text, false);
  return literals[0] as Literal;
}

function parseLiterals(text: string): Literal[] {
  if (!text.startsWith("[") || !text.endsWith("]"))
    throw new RangeError("needs a list behind `in`, such as [buy, sell]");
  return readLiterals(text.slice(1, -1), true);
}

function readLiterals(text: string, isList: boolean): Literal[] {
  const literals: Literal[] = [];
  let isOpen = true;
  for (LITERAL.lastIndex = 0; isOpen; ) {
    const at = LITERAL.lastIndex;
    const match = LITERAL.exec(text);
    if (match === null || (!isList && match[4] === ",")) {
      const place = text.slice(at).trim();
      throw new RangeError(
        place === ""
          ? "has no value to compare with"
          : `has ${place}, which is no value; put text with other signs into '...'`,
      );
    }
    const value = match[1]?.replaceAll("''", "'") ?? match[2]?.replaceAll('""', '"') ?? (match[3] as string).trim();
    if (value.length > CONSTANT_CHARS_MAX)
      throw new RangeError(`has a value of more than ${CONSTANT_CHARS_MAX} characters`);
    if (literals.length === LIST_MAX) throw new RangeError(`has more than ${LIST_MAX} values`);
    literals.push({ text: value, number: parseDecimal(value) });
    isOpen = match[4] === ",";
  }
  return literals;
}
