/** Collects the mistakes of a query while it is read, and reads its plain members. */
import { screenerLimits } from "../limits.ts";
import type { QueryError, ServedWindow } from "./query.ts";

export type QueryContext = {
  /** The windows of the service, in their order. */
  readonly windows: readonly ServedWindow[];
  /** Returns ` (did you mean "..."?)`, or an empty text. */
  readonly hint: (given: string, known: readonly string[]) => string;
  /** Returns the form in which a token or its id is kept. */
  readonly canonicalToken: (text: string) => string;
};

const SHOWN_CHARS_MAX = 60;

/** Returns a value as it may appear in a message. It is cut, so that a response is never much longer than the request. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

export type Members = Readonly<Record<string, unknown>>;

export class QueryErrors {
  readonly list: QueryError[] = [];

  /** Notes a mistake. Further ones than a response lists are dropped. Returns undefined, as the value that could not be read. */
  add(path: string, message: string): undefined {
    if (this.list.length < screenerLimits.errorsMax) this.list.push({ path, message });
    return undefined;
  }

  /** Returns the members of an object, or undefined with a mistake. */
  members(value: unknown, path: string): Members | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
    return this.add(path, `must be an object, not ${shown(value)}`);
  }

  /** Notes each member that is not one of `known`. */
  checkNames(members: Members, known: readonly string[], path: string, hint: QueryContext["hint"]): void {
    for (const name of Object.keys(members)) {
      if (known.includes(name)) continue;
      const message = `is not a member here; there are ${known.join(", ")}${hint(name, known)}`;
      this.add(joinPath(path, shown(name).slice(1, -1)), message);
    }
  }

  integer(value: unknown, min: number, max: number, path: string): number | undefined {
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    return this.add(path, `must be an integer from ${min} to ${max}, not ${shown(value)}`);
  }

  /** Returns the value if it is one of these names. */
  name<Name extends string>(
    value: unknown,
    names: readonly Name[],
    path: string,
    what: string,
    hint: QueryContext["hint"],
  ): Name | undefined {
    if (typeof value === "string" && (names as readonly string[]).includes(value)) return value as Name;
    const near = typeof value === "string" ? hint(value, names) : "";
    return this.add(path, `must be ${what}, one of ${names.join(", ")}, not ${shown(value)}${near}`);
  }

  /** Returns the names of a list in the order of `names`, each once. */
  names<Name extends string>(
    value: unknown,
    names: readonly Name[],
    path: string,
    what: string,
    hint: QueryContext["hint"],
  ): readonly Name[] {
    if (!Array.isArray(value) || value.length === 0 || value.length > names.length) {
      this.add(path, `must be a list of 1 to ${names.length} of ${names.join(", ")}, not ${shown(value)}`);
      return [];
    }
    const wanted = value.map((one, at) => this.name(one, names, `${path}[${at}]`, what, hint));
    return names.filter((name) => wanted.includes(name));
  }
}

export const joinPath = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);
