/** Expressions of a mapping: one source and its modifiers. */
import { isMap, isScalar } from "yaml";
import type { Case, DecimalSpelling, Expression, Source } from "../language.ts";
import { DEPTH_MAX } from "../limits.ts";
import type { FieldKind } from "../values/fields.ts";
import type { ConditionReader } from "./conditions.ts";
import { readConstant } from "./constants.ts";
import { booleanOf, type Entry, type MappingDocument, textOf, type Value } from "./mapping-document.ts";
import { MODIFIERS, readModifiers, readSpelling } from "./modifiers.ts";
import type { ReferenceTable } from "./references.ts";

/** What the values of an expression are used for, and how decimals in it are spelled. */
type Use = { readonly kind: FieldKind; readonly spelling: DecimalSpelling | undefined };

const SOURCES = [
  ...[
    "column",
    "path",
    "value",
    "first",
    "concat",
    "add",
    "subtract",
    "multiply",
    "divide",
    "sign_of",
    "hash",
    "choose",
  ],
];
/** Keys that are a source unless their value is true or false. */
const UNARY = ["lower", "negate", "abs"];
const NAMES = [...SOURCES, ...MODIFIERS, "positive", "negative"];
const MUST = "the name of a member or column, a constant, or a mapping with a source such as path, value or first";

const PLAIN: Omit<Expression, "source"> = {
  isPlain: true,
  replace: [],
  isLower: false,
  values: undefined,
  otherwise: undefined,
  spelling: undefined,
  scale: undefined,
  isNegated: false,
  isAbsolute: false,
  time: undefined,
  default: undefined,
};
/** Stands where a problem was. */
const ABSENT: Expression = { ...PLAIN, source: { kind: "constant", text: "" } };

export class ExpressionReader {
  readonly #document: MappingDocument;
  readonly #references: ReferenceTable;
  readonly #conditions: ConditionReader;

  constructor(document: MappingDocument, references: ReferenceTable, conditions: ConditionReader) {
    this.#document = document;
    this.#references = references;
    this.#conditions = conditions;
  }

  /** Reads an expression. Problems are added to the document. */
  read(value: Value, use: Use, depth = 0): Expression {
    if (depth > DEPTH_MAX) return this.#refuse(value, `is nested more than ${DEPTH_MAX} deep`);
    const { node } = value;
    if (isScalar(node) && node.value !== null) {
      const name = textOf(node);
      if (name === undefined) return this.#constant(value);
      return this.#withUse(this.#reference(value, name), use);
    }
    if (!isMap(node)) return this.#refuse(value, `must be ${MUST}`);
    const entries = this.#document.entries(value, MUST);
    if (entries === undefined) return ABSENT;
    this.#document.checkNames(entries, NAMES, "a source or a modifier of a value");
    const isSource = ([name, { node: part }]: [string, Entry]): boolean =>
      SOURCES.includes(name) || (UNARY.includes(name) && booleanOf(part) === undefined);
    const sources = [...entries].filter(isSource);
    const [source] = sources;
    if (source === undefined) return this.#refuse(value, "needs a source: column, path, value, first, ...");
    if (sources.length > 1) {
      const names = sources.map(([name]) => name).join(" and ");
      return this.#refuse(value, `has ${names}; a value has one source, so put one into the other`);
    }
    return this.#modified(value, entries, source, use, depth);
  }

  #modified(
    value: Value,
    entries: ReadonlyMap<string, Entry>,
    [name, part]: readonly [string, Entry],
    outer: Use,
    depth: number,
  ): Expression {
    const document = this.#document;
    if (name === "value" && entries.size > 1) return this.#refuse(value, "has a value, so it has nothing else");
    for (const sign of ["positive", "negative"]) {
      const entry = entries.get(sign);
      if (entry !== undefined && name !== "sign_of") document.problem(entry, "belongs to sign_of");
    }
    const spelling = readSpelling(document, entries, outer.spelling);
    const own = { ...PLAIN, ...readModifiers(document, this.#references, entries, outer.kind) };
    if (!UNARY.includes(name)) {
      const source = this.#source(name, part, entries, { ...outer, spelling }, depth);
      return this.#withUse({ ...own, source, isPlain: isPlain(own) }, { ...outer, spelling });
    }
    const inner = this.read(part, { kind: name === "lower" ? outer.kind : "decimal", spelling }, depth + 1);
    const modified = {
      ...own,
      isLower: own.isLower || name === "lower",
      isNegated: own.isNegated || name === "negate",
      isAbsolute: own.isAbsolute || name === "abs",
      isPlain: false,
    };
    if (isPlain({ ...inner, spelling: undefined }))
      return { ...modified, spelling: inner.spelling, source: inner.source };
    return { ...modified, source: { kind: "first", of: [inner] } };
  }

  #source(name: string, part: Entry, entries: ReadonlyMap<string, Entry>, use: Use, depth: number): Source {
    const operands = (kind: FieldKind, min: number, max?: number): Expression[] =>
      (this.#document.list(part, "a list of values", min, max) ?? []).map((item) =>
        this.read(item, { ...use, kind }, depth + 1),
      );
    switch (name) {
      case "value":
        return this.#constant(part).source;
      case "first":
        return { kind: name, of: operands(use.kind, 1) };
      case "concat":
        return { kind: name, of: operands("text", 1) };
      case "hash":
        return { kind: name, of: operands("text", 1), form: use.kind === "integer" ? "integer" : "text" };
      case "add":
      case "multiply":
        return { kind: name, of: operands("decimal", 1) };
      case "subtract":
      case "divide": {
        const [left = ABSENT, right = ABSENT] = operands("decimal", 2, 2);
        return { kind: name, left, right };
      }
      case "sign_of":
        return this.#sign(part, entries, use, depth);
      case "choose":
        return this.#choice(part, use, depth);
      default: {
        const text = textOf(part.node);
        if (text !== undefined) return this.#reference(part, text).source;
        this.#document.problem(part, "must be the name of a member or column");
        return ABSENT.source;
      }
    }
  }

  #sign(part: Entry, entries: ReadonlyMap<string, Entry>, use: Use, depth: number): Source {
    const textFor = (sign: string): string => {
      const entry = entries.get(sign);
      if (entry === undefined) this.#document.problem(part, `needs ${sign}: the text for ${sign} numbers`);
      return entry === undefined ? "" : readConstant(this.#document, entry);
    };
    const of = this.read(part, { ...use, kind: "decimal" }, depth + 1);
    return { kind: "sign", of, positive: textFor("positive"), negative: textFor("negative") };
  }

  #choice(part: Entry, use: Use, depth: number): Source {
    const document = this.#document;
    const cases: Case[] = [];
    let otherwise: Expression | undefined;
    const list =
      document.list(part, "a list of cases: {when: CONDITION, then: VALUE}, and {else: VALUE} at its end") ?? [];
    for (const [index, item] of list.entries()) {
      const entries = document.entries(item, "{when: CONDITION, then: VALUE} or {else: VALUE}");
      if (entries === undefined) continue;
      document.checkNames(entries, ["when", "then", "else"], "when, then or else");
      const [when, then, last] = [entries.get("when"), entries.get("then"), entries.get("else")];
      if (last !== undefined && when === undefined && then === undefined) {
        if (index < list.length - 1) document.problem(last, "must be the last case");
        otherwise = this.read(last, use, depth + 1);
      } else if (when !== undefined && then !== undefined && last === undefined) {
        const condition = this.#conditions.read(when);
        cases.push({ when: condition, result: this.read(then, use, depth + 1) });
      } else document.problem(item, "must have when and then, or else alone");
    }
    return { kind: "choose", cases, otherwise };
  }

  #reference(value: Value, text: string): Expression {
    try {
      return { ...PLAIN, source: { kind: "reference", reference: this.#references.indexOf(text) } };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#refuse(value, error.message);
    }
  }

  #constant(value: Value): Expression {
    return { ...PLAIN, source: { kind: "constant", text: readConstant(this.#document, value) } };
  }

  /** Decimals of a record have the mapping's spelling. Constants and results of arithmetic are in plain notation. */
  #withUse(expression: Expression, { kind, spelling }: Use): Expression {
    const { source } = expression;
    if (kind !== "decimal" || spelling === undefined) return expression;
    if (source.kind !== "reference" && source.kind !== "concat") return expression;
    return { ...expression, spelling, isPlain: false };
  }

  #refuse(value: Value, message: string): Expression {
    this.#document.problem(value, message);
    return ABSENT;
  }
}

function isPlain(expression: Omit<Expression, "source">): boolean {
  return (Object.keys(PLAIN) as (keyof typeof PLAIN)[]).every((key) => {
    const [is, plain] = [expression[key], PLAIN[key]];
    return key === "isPlain" || is === plain || (Array.isArray(is) && is.length === 0);
  });
}
