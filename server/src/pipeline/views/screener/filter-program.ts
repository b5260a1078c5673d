/**
 * A filter as a program over columns. It runs on a list of tokens at once: each comparison is a loop over one column, and `and`, `or` and
 * `not` combine their results. An absent figure satisfies no comparison, and `not` is plain negation: it holds for an absent figure.
 */
import { screenerField } from "@swapstats/protocol/screener/fields.ts";
import { isLeaf, partsOf, type ScreenerFilter, type ScreenerLeaf } from "@swapstats/protocol/screener/query.ts";
import { type ColumnSpec, columnOf } from "./column-spec.ts";
import type { ScreenColumns } from "./columns.ts";
import { type Threshold, thresholdOf } from "./threshold.ts";

/** Tokens of one run at most. */
export const BATCH_MAX = 1024;
/** An id in place of a token: the chain, and the token. */
const ID = /^([0-9]{1,10}):(.+)$/s;

/**
 * Sets `out` to 1 for each token of `indexes` that matches, else to 0. Where `where` is 0 the result does not matter, and an expensive step
 * leaves it out.
 */
type Step = (
  columns: ScreenColumns,
  indexes: Uint32Array,
  count: number,
  out: Uint8Array,
  where?: Uint8Array | undefined,
) => void;

export type FilterProgram = {
  readonly columns: readonly ColumnSpec[];
  /** Comparisons of a token: the measure of its cost. */
  readonly leaves: number;
  readonly run: Step;
};

type WindowIndexOf = (window: string) => number;

/** `windowIndexOf` throws for a window that is not configured. */
export function compileFilter(filter: ScreenerFilter | undefined, windowIndexOf: WindowIndexOf): FilterProgram {
  if (filter === undefined)
    return { columns: [], leaves: 1, run: (_columns, _indexes, count, out) => out.fill(1, 0, count) };
  const columns = new Map<string, ColumnSpec>();
  let leaves = 0;
  const used = (spec: ColumnSpec): ColumnSpec => {
    leaves += 1;
    columns.set(spec.key, spec);
    return columns.get(spec.key) as ColumnSpec;
  };
  const compiled = (node: ScreenerFilter): Step => {
    if (isLeaf(node)) return compileLeaf(node, (field, window) => used(columnOf({ field, window }, windowIndexOf)));
    // Texts come last: what the numbers leave is compared.
    const parts = [...partsOf(node)].sort((a, b) => Number(isOfText(a)) - Number(isOfText(b)));
    const steps = parts.map(compiled);
    if ("not" in node) return negated(steps[0] as Step);
    return "and" in node ? all(steps) : any(steps);
  };
  const run = compiled(filter);
  return { columns: [...columns.values()], leaves, run };
}

const isOfText = (filter: ScreenerFilter): boolean => {
  return isLeaf(filter) && screenerField(filter.field)?.value === "text";
};

function negated(step: Step): Step {
  return (columns, indexes, count, out) => {
    step(columns, indexes, count, out);
    for (let i = 0; i < count; i++) out[i] = 1 - (out[i] as number);
  };
}

function all(steps: readonly Step[]): Step {
  const [first, ...rest] = steps;
  if (first === undefined || rest.length === 0) return first as Step;
  const other = new Uint8Array(BATCH_MAX);
  return (columns, indexes, count, out) => {
    first(columns, indexes, count, out);
    for (const step of rest) {
      step(columns, indexes, count, other, out);
      for (let i = 0; i < count; i++) out[i] = (out[i] as number) & (other[i] as number);
    }
  };
}

function any(steps: readonly Step[]): Step {
  const [first, ...rest] = steps;
  if (first === undefined || rest.length === 0) return first as Step;
  const other = new Uint8Array(BATCH_MAX);
  return (columns, indexes, count, out) => {
    first(columns, indexes, count, out);
    for (const step of rest) {
      step(columns, indexes, count, other);
      for (let i = 0; i < count; i++) out[i] = (out[i] as number) | (other[i] as number);
    }
  };
}

type UseColumn = (field: string, window: string | undefined) => ColumnSpec;

function compileLeaf(leaf: ScreenerLeaf, use: UseColumn): Step {
  const { field, window, op, values } = leaf;
  if (field === "token") return tokenStep(leaf, use);
  const column = use(field, window);
  if (column.isText) return textStep(column, op, values);
  const [low, high] = values.map((value) => thresholdOf(value, column.places));
  if (op === "between")
    return all([numberStep(column, "gte", low as Threshold), numberStep(column, "lte", high as Threshold)]);
  if (op === "in") return any(values.map((value) => numberStep(column, "eq", thresholdOf(value, column.places))));
  return numberStep(column, op as NumberOperator, low as Threshold);
}

/** A token is compared by its own text, or by its id, which has the chain in front. */
function tokenStep({ op, values }: ScreenerLeaf, use: UseColumn): Step {
  const token = use("token", undefined);
  if (op === "contains" || op === "prefix") return textStep(token, op, values);
  const plain = values.filter((value) => !ID.test(value));
  const steps = plain.length === 0 ? [] : [textStep(token, "in", plain)];
  for (const value of values) {
    const id = ID.exec(value);
    if (id === null) continue;
    const chain = numberStep(use("chain_id", undefined), "eq", thresholdOf(id[1] as string, 0));
    steps.push(all([chain, textStep(token, "eq", [id[2] as string])]));
  }
  return op === "ne" ? negated(any(steps)) : any(steps);
}

function textStep(column: ColumnSpec, op: ScreenerLeaf["op"], values: readonly string[]): Step {
  const [value = ""] = values;
  const folded = value.toLowerCase();
  const wanted = new Set(values);
  const isFolded = op === "contains" || op === "prefix";
  const test: (text: string) => boolean =
    op === "contains"
      ? (text) => text.includes(folded)
      : op === "prefix"
        ? (text) => text.startsWith(folded)
        : op === "ne"
          ? (text) => text !== value
          : (text) => wanted.has(text);
  return (columns, indexes, count, out, where) => {
    const { texts, folded: foldedTexts } = columns.texts(column);
    const source = isFolded ? foldedTexts : texts;
    for (let i = 0; i < count; i++) {
      out[i] = 0;
      if (where !== undefined && where[i] === 0) continue;
      const text = source[indexes[i] as number];
      if (text !== undefined && test(text)) out[i] = 1;
    }
  };
}

type NumberOperator = "gt" | "gte" | "lt" | "lte" | "eq" | "ne";
/** Whether an operator holds for a token below, at, and above the value. */
const HOLDS: Readonly<
  Record<NumberOperator, { readonly below: boolean; readonly at: boolean; readonly above: boolean }>
> = {
  gt: { below: false, at: false, above: true },
  gte: { below: false, at: true, above: true },
  lt: { below: true, at: false, above: false },
  lte: { below: true, at: true, above: false },
  eq: { below: false, at: true, above: false },
  ne: { below: true, at: false, above: true },
};

/**
 * Compares the first numbers of keys. Where they tie, the whole keys decide; if the first number is the whole key, all ties have one result.
 * Comparisons with NaN, an absent figure, are false.
 */
function numberStep(column: ColumnSpec, op: NumberOperator, { key, side }: Threshold): Step {
  const { below, at, above } = HOLDS[op];
  const limit = key.k0;
  /** Of a token by the sign of its key less the value. Values of a token are whole units, so one beside the key is on one side of all of them. */
  const byOrder = (order: number): number => Number(order === 0 ? at : order < 0 ? below : above);
  return (columns, indexes, count, out) => {
    const keys = columns.numbers(column);
    const { firsts } = keys;
    if (keys.isSingle && key.k1 === 0) {
      compareFirsts(firsts, indexes, count, out, limit, Number(below), byOrder(-side), Number(above));
      return;
    }
    for (let i = 0; i < count; i++) {
      const index = indexes[i] as number;
      const value = firsts[index] as number;
      if (value === limit) out[i] = byOrder(keys.compareTo(index, key) || -side);
      else out[i] = Number((above && value > limit) || (below && value < limit));
    }
  };
}

function compareFirsts(
  firsts: Float64Array,
  indexes: Uint32Array,
  count: number,
  out: Uint8Array,
  limit: number,
  below: number,
  at: number,
  above: number,
): void {
  for (let i = 0; i < count; i++) {
    const value = firsts[indexes[i] as number] as number;
    out[i] = value > limit ? above : value < limit ? below : value === limit ? at : 0;
  }
}
