/** A naive reader of JSON records for the tests of the scanner: a parser that keeps repeated names and the text of every value. */
import { ALL_ELEMENTS, type Mapping, type PathStep } from "../../../src/mapping/language.ts";

type Json = {
  /** The text as it is written. */
  readonly text: string;
  readonly string?: string;
  /** Members in their order, also those of one name. */
  readonly members?: readonly (readonly [name: string, value: Json])[];
  readonly items?: readonly Json[];
};

const STRING = /"(?:[^"\\]|\\.)*"/y;
const OTHER = /-?[0-9][0-9.eE+-]*|true|false|null/y;

/** Parses a text that JSON.parse accepts. */
export function parseNaively(text: string): Json {
  let at = 0;
  const space = (): void => {
    while (" \t\r\n".includes(text[at] ?? "x")) at++;
  };
  const token = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found = ""] = pattern.exec(text) ?? [];
    at += found.length;
    return found;
  };
  /** Reads the parts of an object or array, with the commas between them. */
  const list = (one: () => void): void => {
    at++;
    space();
    while (text[at] !== "}" && text[at] !== "]") {
      one();
      space();
      if (text[at] === ",") at++;
      space();
    }
    at++;
  };
  const value = (): Json => {
    space();
    const start = at;
    if (text[at] === '"') {
      const found = token(STRING);
      return { text: found, string: JSON.parse(found) as string };
    }
    if (text[at] === "{") {
      const members: [string, Json][] = [];
      list(() => {
        const name = JSON.parse(token(STRING)) as string;
        space();
        at++;
        members.push([name, value()]);
      });
      return { text: text.slice(start, at), members };
    }
    if (text[at] === "[") {
      const items: Json[] = [];
      list(() => items.push(value()));
      return { text: text.slice(start, at), items };
    }
    return { text: token(OTHER) };
  };
  return value();
}

/** The last member of the name, else the last whose name differs in case alone. */
function member(value: Json | undefined, name: string, ignoresCase: boolean): Json | undefined {
  const exact = value?.members?.findLast(([own]) => own === name);
  const alike = (own: string): boolean => ignoresCase && asciiLower(own) === asciiLower(name);
  return (exact ?? value?.members?.findLast(([own]) => alike(own)))?.[1];
}

const asciiLower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

function child(value: Json | undefined, step: string | number, ignoresCase: boolean): Json | undefined {
  return typeof step === "number" ? value?.items?.[step] : member(value, step, ignoresCase);
}

/** An element of `each`, and the values that each wildcard named on the way to it. */
type Element = { readonly value: Json; readonly enclosing: readonly Json[] };

/** The elements of `each`. All elements of a value that is no array are the value itself; null has none. */
export function elementsOf(root: Json, path: readonly PathStep[] | undefined, ignoresCase: boolean): Element[] {
  let found: Element[] = [{ value: root, enclosing: [] }];
  for (const step of path ?? []) {
    found = found.flatMap(({ value, enclosing }) => {
      if (step === ALL_ELEMENTS) {
        const items = value.items ?? (value.text === "null" ? [] : [value]);
        return items.map((item) => ({ value: item, enclosing: [...enclosing, item] }));
      }
      const next = child(value, step, ignoresCase);
      return next === undefined ? [] : [{ value: next, enclosing }];
    });
  }
  return found;
}

/** The text of a reference that names a member of the element, of one around it or of the record. */
export function textOf(mapping: Mapping, reference: number, root: Json, element: Element): string | undefined {
  const given = mapping.references[reference]!;
  let from: Json | undefined = element.value;
  if (given.of === "record") from = root;
  else if (given.of === "enclosing") from = element.enclosing[given.level];
  else if (given.of !== "element") throw new Error(`${given.name} is no member`);
  const whole = given.of === "element" ? member(from, given.name, mapping.ignoresCase) : undefined;
  const value = whole ?? given.steps.reduce((at: Json | undefined, step) => child(at, step, mapping.ignoresCase), from);
  return value === undefined || value.text === "null" ? undefined : (value.string ?? value.text);
}
