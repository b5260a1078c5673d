/** Checks a filter that comes from an address, where anybody may have written anything. */
import { type FieldKind, findField } from "../model/fields.ts";
import { type Filter, queryLimits } from "../model/query.ts";
import { buildFilter } from "./build.ts";
import { draftOf } from "./draft.ts";
import { type Operator, operatorLabels, operatorsOf } from "./operators.ts";

type CheckedFilter = { readonly filter: Filter } | { readonly problem: string };

const { leavesMax, depthMax, valuesMax } = queryLimits;

/** Returns the value if it is a filter that a service with these windows takes, otherwise a sentence about the first mistake. */
export function checkFilter(value: unknown, windows: readonly string[]): CheckedFilter {
  const problem = shapeProblem(value, 1);
  if (problem !== undefined) return { problem };
  const filter = value as Filter;
  const { errors, unfinished } = buildFilter(draftOf(filter), windows, 0);
  const [error] = errors;
  if (error !== undefined) return { problem: error.message };
  return unfinished.length > 0 ? { problem: "A comparison has no value." } : { filter };
}

type Members = Readonly<Record<string, unknown>>;

/** Returns what is wrong with the shape of a node, or undefined. It looks no deeper than the service does. */
function shapeProblem(value: unknown, depth: number): string | undefined {
  if (depth > depthMax) return `The groups are more than ${depthMax} levels deep.`;
  if (typeof value !== "object" || value === null) return "It is not written as the service expects.";
  const members = value as Members;
  const kinds = ["and", "or", "not", "field"].filter((kind) => Object.hasOwn(members, kind));
  const [kind] = kinds;
  if (kinds.length !== 1 || kind === undefined) return "Each part must be one of and, or, not, or a comparison.";
  if (kind === "field") return comparisonProblem(members);
  if (Object.keys(members).length > 1) return `A group has only the member "${kind}".`;
  if (kind === "not") return shapeProblem(members.not, depth + 1);
  const parts = members[kind];
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > leavesMax) {
    return `A group has 1 to ${leavesMax} parts.`;
  }
  for (const part of parts) {
    const problem = shapeProblem(part, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function comparisonProblem({ field: name, window, ...operators }: Members): string | undefined {
  const field = typeof name === "string" ? findField(name) : undefined;
  if (field === undefined) return `The service has no figure ${shown(name)}.`;
  if (field.isOfWindow ? typeof window !== "string" : window !== undefined) {
    return `${field.label} ${field.isOfWindow ? "needs a window" : "has no window"}.`;
  }
  const known = operatorsOf(field.kind);
  const given = Object.entries(operators);
  if (given.length === 0) return `${field.label} is compared with nothing.`;
  for (const [op, value] of given) {
    if (!(known as readonly string[]).includes(op)) return `${field.label} cannot be compared by ${shown(op)}.`;
    const isList = op === "in" || op === "between";
    const values: readonly unknown[] = isList && Array.isArray(value) ? value : [value];
    if (isList !== Array.isArray(value) || values.length === 0 || values.length > valuesMax) {
      return `"${operatorLabels[op as Operator]}" takes ${isList ? "a list" : "one value"}.`;
    }
    if (op === "between" && values.length !== 2) return `"between" takes two values.`;
    const isPlain = values.every((one) => isScalar(one, field.kind));
    if (!isPlain) return `${field.label} is compared with something that is no value.`;
    // A comma separates the values of a list while it is edited.
    if (op === "in" && values.some((one) => /[,;]/.test(String(one)))) return "A value of a list has a comma.";
  }
  return undefined;
}

function isScalar(value: unknown, kind: FieldKind): boolean {
  if (kind === "flag") return typeof value === "boolean";
  return typeof value === "string" || (kind !== "text" && typeof value === "number" && Number.isFinite(value));
}

const SHOWN_CHARS_MAX = 40;
const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, SHOWN_CHARS_MAX);
