/** A filter while a person edits it: a tree of groups and comparisons, whose values are the texts as typed. */
import { type Field, findField } from "../model/fields.ts";
import type { Comparison, Filter } from "../model/query.ts";
import { type Operator, operatorsOf } from "./operators.ts";
import { valueText } from "./values.ts";

export type DraftComparison = {
  readonly kind: "comparison";
  /** True: tokens that match it are left out. */
  readonly isNot: boolean;
  readonly field: string;
  /** Empty for members of the token. */
  readonly window: string;
  readonly op: Operator;
  /** The value, the values of `in` with commas between them, or the lowest value of `between`. */
  readonly text: string;
  /** The highest value of `between`. */
  readonly to: string;
};

/** Which tokens a group matches: those that match all of its parts, any, not all, or none. */
export type Match = "all" | "any" | "not-all" | "none";

export type DraftGroup = { readonly kind: "group"; readonly match: Match; readonly parts: readonly Draft[] };

export type Draft = DraftComparison | DraftGroup;

/** Indexes of the parts on the way from the top group to a node. */
export type Path = readonly number[];

export const emptyDraft: DraftGroup = { kind: "group", match: "all", parts: [] };

/** Returns the draft of a filter that was checked. The top is always a group. */
export function draftOf(filter: Filter | undefined): DraftGroup {
  if (filter === undefined) return emptyDraft;
  const draft = nodeOf(filter);
  return draft.kind === "group" ? draft : { ...emptyDraft, parts: [draft] };
}

const INVERSE: Readonly<Record<Match, Match>> = { all: "not-all", any: "none", "not-all": "all", none: "any" };

function nodeOf(filter: Filter): Draft {
  if (isAnd(filter)) return group("all", filter.and.map(nodeOf));
  if (isOr(filter)) return group("any", filter.or.map(nodeOf));
  if (!isNot(filter)) return comparisonsOf(filter);
  const inner = nodeOf(filter.not);
  return inner.kind === "group" ? { ...inner, match: INVERSE[inner.match] } : { ...inner, isNot: !inner.isNot };
}

const group = (match: Match, parts: readonly Draft[]): DraftGroup => ({ kind: "group", match, parts });

/** Several operators in one comparison must all hold, so they become a group. */
function comparisonsOf({ field: name, window = "", ...operators }: Comparison): Draft {
  const field = findField(name) as Field;
  const parts = operatorsOf(field.kind).flatMap((op): DraftComparison[] => {
    const value = operators[op];
    if (value === undefined) return [];
    const common = { kind: "comparison", isNot: false, field: name, window, op } as const;
    if (!Array.isArray(value)) return [{ ...common, text: valueText(field, value), to: "" }];
    const texts = value.map((one) => valueText(field, one));
    const [from = "", to = ""] = texts;
    return [op === "between" ? { ...common, text: from, to } : { ...common, text: texts.join(", "), to: "" }];
  });
  return parts.length === 1 ? (parts[0] as DraftComparison) : group("all", parts);
}

const isAnd = (filter: Filter): filter is { readonly and: readonly Filter[] } => "and" in filter;
const isOr = (filter: Filter): filter is { readonly or: readonly Filter[] } => "or" in filter;
const isNot = (filter: Filter): filter is { readonly not: Filter } => "not" in filter;

/** Returns an empty comparison of a field, with its most usual operator. */
export function newComparison(field: Field, window: string): DraftComparison {
  const op = operatorsOf(field.kind)[0] as Operator;
  const text = field.kind === "flag" ? "true" : "";
  return {
    kind: "comparison",
    isNot: false,
    field: field.name,
    window: field.isOfWindow ? window : "",
    op,
    text,
    to: "",
  };
}

/** Returns the comparison with another field. Operator and value stay where the new field can have them. */
export function withField(comparison: DraftComparison, field: Field, window: string): DraftComparison {
  const fresh = newComparison(field, comparison.window || window);
  const isSameKind = findField(comparison.field)?.kind === field.kind;
  const op = operatorsOf(field.kind).includes(comparison.op) ? comparison.op : fresh.op;
  return isSameKind ? { ...comparison, ...{ field: field.name, window: fresh.window, op } } : fresh;
}

/** Returns the draft with the node at the path replaced, or removed by undefined. The top group is at the empty path. */
export function replaceAt(draft: DraftGroup, path: Path, node: Draft | undefined): DraftGroup {
  const [at, ...rest] = path;
  if (at === undefined) return node?.kind === "group" ? node : emptyDraft;
  const part = draft.parts[at];
  if (rest.length > 0) {
    if (part?.kind !== "group") return draft;
    return { ...draft, parts: draft.parts.with(at, replaceAt(part, rest, node)) };
  }
  return { ...draft, parts: node === undefined ? draft.parts.toSpliced(at, 1) : draft.parts.with(at, node) };
}

/** Returns the draft with a node added as the last part of the group at the path. */
export function addAt(draft: DraftGroup, path: Path, node: Draft): DraftGroup {
  const [at, ...rest] = path;
  if (at === undefined) return { ...draft, parts: [...draft.parts, node] };
  const part = draft.parts[at];
  return part?.kind === "group" ? { ...draft, parts: draft.parts.with(at, addAt(part, rest, node)) } : draft;
}
