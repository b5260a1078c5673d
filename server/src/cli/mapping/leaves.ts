/** Flattens sample records: finds the elements that may be swaps, and the values of each of their members by its path. */
import { type ExactValue, isObject, NumberText } from "./exact-json.ts";
import { wordsOf } from "./field-names.ts";
import type { Scalar } from "./value-shapes.ts";

/** Depth of members and of arrays that is looked at. */
const DEPTH_MAX = 6;
/** Members of an element that are looked at. */
const LEAVES_MAX = 500;
const NAME_CHARS_MAX = 40;
/** Elements that are looked at. */
const ELEMENTS_MAX = 1000;

/** A member of the elements that holds a text, a number or a boolean. */
export type Leaf = {
  /** Reference in the language of mappings. */
  readonly reference: string;
  /** Other references to the same, for records that spell the name otherwise. */
  readonly others: readonly string[];
  readonly words: readonly string[];
  /** Present values that are not null or empty. */
  readonly values: readonly Scalar[];
  /** In how many elements it has a value under its first name. */
  readonly count: number;
};

type Elements = {
  /** `each` of the mapping. Undefined: the record is the element. */
  readonly each: string | undefined;
  readonly elements: readonly ExactValue[];
};

/** Returns the records as elements, and each list of objects inside them, the least nested first. */
export function elementsOf(records: readonly ExactValue[]): Elements[] {
  const found = new Map<string, ExactValue[]>();
  const own = records.flatMap((record) => (Array.isArray(record) ? record : [record])).filter(isObject);
  const each = records.some((record) => Array.isArray(record)) ? "$[*]" : undefined;
  for (const record of records) collect(record, "$", 0, found);
  const nested = [...found]
    .sort(([a], [b]) => depthOf(a) - depthOf(b))
    .map(([path, elements]) => ({ each: path, elements: elements.slice(0, ELEMENTS_MAX) }));
  return [{ each, elements: own.slice(0, ELEMENTS_MAX) }, ...nested];
}

const depthOf = (path: string): number => path.split(".").length;

function collect(value: ExactValue, path: string, depth: number, found: Map<string, ExactValue[]>): void {
  if (depth > DEPTH_MAX || !isObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    if (!isPlainName(name)) continue;
    const at = `${path}.${name}`;
    if (Array.isArray(member)) {
      const objects = member.filter(isObject);
      if (objects.length === 0) continue;
      const list = found.get(`${at}[*]`) ?? [];
      list.push(...objects.slice(0, ELEMENTS_MAX));
      found.set(`${at}[*]`, list);
    } else collect(member, at, depth + 1, found);
  }
}

/** Returns the members of the elements. Members that differ in spelling, and never occur together, become one. */
export function leavesOf(elements: readonly ExactValue[]): Leaf[] {
  const leaves = new Map<string, { path: readonly string[]; values: Scalar[]; rows: Set<number> }>();
  elements.forEach((element, row) => {
    walk(element, [], (path, scalar) => {
      const key = path.join(".");
      const leaf = leaves.get(key) ?? { path, values: [], rows: new Set<number>() };
      if (!leaves.has(key)) {
        if (leaves.size >= LEAVES_MAX) return;
        leaves.set(key, leaf);
      }
      leaf.rows.add(row);
      if (scalar !== undefined) leaf.values.push(scalar);
    });
  });
  const merged = new Map<
    string,
    { reference: string; others: string[]; path: readonly string[]; values: Scalar[]; rows: Set<number> }
  >();
  for (const { path, values, rows } of leaves.values()) {
    const key = wordsOf(path).join("");
    const same = merged.get(key);
    const reference = path.join(".");
    if (same === undefined || [...rows].some((row) => same.rows.has(row))) {
      merged.set(same === undefined ? key : `${key} ${reference}`, {
        reference,
        others: [],
        path,
        values: [...values],
        rows: new Set(rows),
      });
      continue;
    }
    same.others.push(reference);
    same.values.push(...values);
    for (const row of rows) same.rows.add(row);
  }
  const found = [...merged.values()].map(({ reference, others, path, values }) => ({
    reference,
    others,
    words: wordsOf(path),
    values,
    count: values.length,
  }));
  return withStateBefore(found);
}

/** A change of a database row has the row in `after`, and a deletion has it in `before` alone. The two become one member. */
function withStateBefore(leaves: readonly Leaf[]): Leaf[] {
  const befores = new Map(leaves.map((leaf) => [leaf.reference, leaf]));
  return leaves.map((leaf) => {
    const before = befores.get(leaf.reference.replace(/(^|\.)after\./, "$1before."));
    if (before === undefined || before === leaf) return leaf;
    return { ...leaf, others: [...leaf.others, before.reference], values: [...leaf.values, ...before.values] };
  });
}

/** Calls back with each member: undefined for null and empty texts. */
function walk(
  value: ExactValue,
  path: readonly string[],
  take: (path: readonly string[], scalar: Scalar | undefined) => void,
): void {
  if (path.length > DEPTH_MAX) return;
  if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      if (isName(name)) walk(member, [...path, name], take);
    }
    return;
  }
  if (path.length === 0 || Array.isArray(value)) return;
  take(path, scalarOf(value));
}

function scalarOf(value: ExactValue): Scalar | undefined {
  if (value instanceof NumberText) return { text: value.text, kind: "number" };
  if (typeof value === "boolean") return { text: String(value), kind: "boolean" };
  if (typeof value !== "string" || ["", "\\N", "NULL", "null", "None"].includes(value.trim())) return undefined;
  return { text: value, kind: "text" };
}

function isPlainName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name);
}

/** Other names are no references to a member: empty ones, those with spaces around them, and those that begin like a path. */
function isName(name: string): boolean {
  return name !== "" && name.trim() === name && name.length <= NAME_CHARS_MAX && !/^[$@]/.test(name);
}
