/** Reads a filter tree: checks each node, and gives each comparison one operator. */
import { screenerLimits } from "../limits.ts";
import { decimalOf } from "./decimal-value.ts";
import { needsWindow, type ScreenerField, screenerField, screenerFields } from "./fields.ts";
import {
  flagOperators,
  numberOperators,
  type ScreenerFilter,
  type ScreenerLeaf,
  type ScreenerOperator,
  textOperators,
} from "./query.ts";
import { joinPath, type Members, type QueryContext, type QueryErrors, shown } from "./query-errors.ts";

const { leavesMax, depthMax, valuesMax, valueCharsMax } = screenerLimits;

/** The smallest time of a swap. A smaller number is a time in seconds. */
const TIME_MS_MIN = 100_000_000_000;
const NODES = ["and", "or", "not", "field"] as const;

export class FilterParser {
  readonly #context: QueryContext;
  readonly #errors: QueryErrors;
  #leaves = 0;

  constructor(context: QueryContext, errors: QueryErrors) {
    this.#context = context;
    this.#errors = errors;
  }

  /** Returns the filter, or undefined if it has a mistake. */
  parse(value: unknown, path: string, depth = 1): ScreenerFilter | undefined {
    const errors = this.#errors;
    if (depth > depthMax) return errors.add(path, `is nested more than ${depthMax} levels deep`);
    const members = errors.members(value, path);
    if (members === undefined) return undefined;
    const kinds = NODES.filter((name) => Object.hasOwn(members, name));
    const [kind] = kinds;
    if (kinds.length !== 1 || kind === undefined) {
      return errors.add(path, `must have exactly one of ${NODES.join(", ")}, not ${shown(value)}`);
    }
    if (kind === "field") return this.#comparisons(members, path);
    errors.checkNames(members, [kind], path, this.#context.hint);
    const below = joinPath(path, kind);
    if (kind === "not") {
      const not = this.parse(members[kind], below, depth + 1);
      return not === undefined ? undefined : { not };
    }
    const parts = this.#parts(members[kind], below, depth);
    if (parts === undefined) return undefined;
    return kind === "and" ? { and: parts } : { or: parts };
  }

  #parts(value: unknown, path: string, depth: number): ScreenerFilter[] | undefined {
    if (!Array.isArray(value) || value.length === 0 || value.length > leavesMax) {
      return this.#errors.add(path, `must be a list of 1 to ${leavesMax} filters, not ${shown(value)}`);
    }
    const parts = value.map((one, at) => this.parse(one, `${path}[${at}]`, depth + 1));
    return parts.every((part) => part !== undefined) ? parts : undefined;
  }

  /** Several operators in one comparison must all hold. */
  #comparisons(members: Members, path: string): ScreenerFilter | undefined {
    const errors = this.#errors;
    const { hint } = this.#context;
    const name = errors.name(members.field, screenerFields, joinPath(path, "field"), "a field", hint);
    if (name === undefined) return undefined;
    const field = screenerField(name) as ScreenerField;
    const operators = operatorsOf(field);
    const windowNames = needsWindow(field) ? ["window"] : [];
    errors.checkNames(members, ["field", ...windowNames, ...operators], path, hint);
    const window = needsWindow(field) ? this.window(members.window, joinPath(path, "window"), name) : undefined;
    const given = operators.filter((operator) => Object.hasOwn(members, operator));
    if (given.length === 0)
      return errors.add(path, `compares ${name} with nothing; give one of ${operators.join(", ")}`);
    this.#leaves += given.length;
    if (this.#leaves > leavesMax)
      return errors.add(path, `is comparison ${this.#leaves}; a filter has at most ${leavesMax}`);
    const leaves = given.map((op): ScreenerLeaf | undefined => {
      const values = this.#values(field, op, members[op], joinPath(path, op));
      return values && { field: name, ...(window === undefined ? {} : { window }), op, values };
    });
    if (!leaves.every((leaf) => leaf !== undefined)) return undefined;
    return leaves.length === 1 ? leaves[0] : { and: leaves };
  }

  /** Reads the window of a figure. */
  window(value: unknown, path: string, figure: string): string | undefined {
    const names = this.#context.windows.map((window) => window.name);
    if (value === undefined) return this.#errors.add(path, `is missing: ${figure} needs one of ${names.join(", ")}`);
    return this.#errors.name(value, names, path, "a window of this service", this.#context.hint);
  }

  #values(field: ScreenerField, op: ScreenerOperator, value: unknown, path: string): readonly string[] | undefined {
    if (op === "between") {
      if (!Array.isArray(value) || value.length !== 2) {
        return this.#errors.add(path, `must be a list of two values, the lowest and the highest, not ${shown(value)}`);
      }
    } else if (op === "in") {
      if (!Array.isArray(value) || value.length === 0 || value.length > valuesMax) {
        return this.#errors.add(path, `must be a list of 1 to ${valuesMax} values, not ${shown(value)}`);
      }
    } else {
      const text = this.#value(field, value, path);
      return text === undefined ? undefined : [text];
    }
    const texts = value.map((one, at) => this.#value(field, one, `${path}[${at}]`));
    return texts.every((text) => text !== undefined) ? texts : undefined;
  }

  /** Reads a single value, and returns its text. */
  #value(field: ScreenerField, value: unknown, path: string): string | undefined {
    const errors = this.#errors;
    if (field.value === "flag") {
      if (typeof value === "boolean") return value ? "1" : "0";
      return errors.add(path, `must be true or false, not ${shown(value)}`);
    }
    if (field.value === "text") {
      if (typeof value !== "string" || value === "" || value.length > valueCharsMax) {
        return errors.add(path, `must be a text of 1 to ${valueCharsMax} characters, not ${shown(value)}`);
      }
      return field.source.figure === "token" ? this.#context.canonicalToken(value) : value;
    }
    const decimal = decimalOf(value, valueCharsMax);
    if (decimal === undefined) {
      return errors.add(path, `must be a number or a decimal such as "0.5", not ${shown(value)}`);
    }
    if (field.value === "time" && Number(decimal) > 0 && Number(decimal) < TIME_MS_MIN) {
      return errors.add(path, `must be a time in ms since 1970, such as 1760000000000; ${shown(value)} is in seconds`);
    }
    return decimal;
  }
}

function operatorsOf({ value }: ScreenerField): readonly ScreenerOperator[] {
  if (value === "text") return textOperators;
  return value === "flag" ? flagOperators : numberOperators;
}
