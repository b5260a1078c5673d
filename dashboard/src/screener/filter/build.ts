/** Makes the filter of a draft, and says in plain words what is wrong with it. */
import { type Field, findField } from "../model/fields.ts";
import { type Filter, queryLimits } from "../model/query.ts";
import type { Draft, DraftComparison, DraftGroup, Path } from "./draft.ts";
import { type FilterValue, readValue } from "./values.ts";

export type DraftError = { readonly path: Path; readonly message: string };

type Built = {
  /** The filter of all finished parts. Undefined: all tokens. */
  readonly filter: Filter | undefined;
  /** Mistakes. While there is one, the filter must not be used. */
  readonly errors: readonly DraftError[];
  /** Comparisons without a value yet. They are left out. */
  readonly unfinished: readonly Path[];
};

const { leavesMax, depthMax, valuesMax } = queryLimits;

/** Returns the filter of a draft at a service with these windows. `nowMs` is the time to which `30m ago` refers. */
export function buildFilter(draft: DraftGroup, windows: readonly string[], nowMs: number): Built {
  const builder = new Builder(windows, nowMs);
  const filter = builder.node(draft, []);
  const { errors, unfinished, leaves } = builder;
  if (leaves > leavesMax) {
    errors.push({ path: [], message: `The filter has ${leaves} comparisons; the service takes at most ${leavesMax}.` });
  }
  const depth = filter === undefined ? 0 : depthOf(filter);
  if (depth > depthMax) {
    errors.push({ path: [], message: `The groups are ${depth} levels deep; the service takes at most ${depthMax}.` });
  }
  return { filter, errors, unfinished };
}

class Builder {
  readonly errors: DraftError[] = [];
  readonly unfinished: Path[] = [];
  leaves = 0;
  readonly #windows: readonly string[];
  readonly #nowMs: number;

  constructor(windows: readonly string[], nowMs: number) {
    this.#windows = windows;
    this.#nowMs = nowMs;
  }

  node(draft: Draft, path: Path): Filter | undefined {
    if (draft.kind === "comparison") return this.#comparison(draft, path);
    const parts = draft.parts.map((part, at) => this.node(part, [...path, at])).filter((part) => part !== undefined);
    const [first] = parts;
    if (first === undefined) return undefined;
    const isAny = draft.match === "any" || draft.match === "none";
    const joined: Filter = parts.length === 1 ? first : isAny ? { or: parts } : { and: parts };
    return draft.match === "none" || draft.match === "not-all" ? { not: joined } : joined;
  }

  #comparison(comparison: DraftComparison, path: Path): Filter | undefined {
    const { field: name, window, op, isNot } = comparison;
    const field = findField(name);
    if (field === undefined) return this.#error(path, `The service has no figure "${name}".`);
    if (field.isOfWindow && !this.#windows.includes(window)) {
      return this.#error(path, `The service has no window "${window}". Choose one of ${this.#windows.join(", ")}.`);
    }
    const value = this.#value(comparison, field, path);
    if (value === undefined) return undefined;
    this.leaves += 1;
    const leaf: Filter = { field: name, ...(field.isOfWindow ? { window } : {}), [op]: value };
    return isNot ? { not: leaf } : leaf;
  }

  #value({ op, text, to }: DraftComparison, field: Field, path: Path): FilterValue | FilterValue[] | undefined {
    const texts = op === "between" ? [text, to] : op === "in" ? text.split(/[,;]/) : [text];
    const given = op === "in" ? texts.filter((one) => one.trim() !== "") : texts;
    if (given.length === 0 || given.some((one) => one.trim() === "")) {
      this.unfinished.push(path);
      return undefined;
    }
    if (given.length > valuesMax) {
      return this.#error(path, `The list has ${given.length} values; the service takes at most ${valuesMax}.`);
    }
    const values: FilterValue[] = [];
    for (const one of given) {
      const read = readValue(field, one, this.#nowMs);
      if ("error" in read) return this.#error(path, read.error);
      values.push(read.value);
    }
    if (op === "between" && Number(values[0]) > Number(values[1])) {
      return this.#error(path, `${text.trim()} is more than ${to.trim()}. The lowest value comes first.`);
    }
    return op === "between" || op === "in" ? values : values[0];
  }

  #error(path: Path, message: string): undefined {
    this.errors.push({ path, message });
    return undefined;
  }
}

/** Returns the levels of a filter. A single comparison is one level. */
export function depthOf(filter: Filter): number {
  if ("and" in filter) return 1 + Math.max(...(filter.and as readonly Filter[]).map(depthOf));
  if ("or" in filter) return 1 + Math.max(...(filter.or as readonly Filter[]).map(depthOf));
  return "not" in filter ? 1 + depthOf(filter.not as Filter) : 1;
}
