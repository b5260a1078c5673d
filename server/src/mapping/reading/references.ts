/** References of a mapping: names of members, paths from the root of a record, and what is known about a record. */
import { didYouMean } from "../../shared/nearest.ts";
import { ALL_ELEMENTS, type PathStep, type Reference } from "../language.ts";
import { PATH_INDEX_MAX, PATH_STEPS_MAX, REFERENCE_CHARS_MAX, REFERENCES_MAX } from "../limits.ts";

const ABOUT = ["key", "timestamp", "partition", "offset", "row"] as const;
const ABOUT_NAMES = [...ABOUT.map((name) => `@${name}`), "@header.NAME"];
/** One step behind `$`, or behind another step: `.name`, `[0]`, `[*]`, `['odd name']`. */
const STEP = /\.([^.[\]'"*]+)|\[([0-9]+)\]|(\[\*\])|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
/** A name that needs no quotation marks in a path. */
const PLAIN_NAME = /^[^.[\]'"*]+$/;
/** Beginnings of `each` that a message lists. */
const BEGINNINGS_SHOWN = 4;
/** A name and the indexes behind it, between two dots of a member. */
const MEMBER = /^([^[\]]*)((?:\[[0-9]{1,6}\])+)$/;

/** Collects the references of a mapping, each once. */
export class ReferenceTable {
  readonly references: Reference[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #each: readonly PathStep[] | undefined;
  readonly #ignoresCase: boolean;

  /** `each` and `ignoresCase` are those of the mapping. */
  constructor(each: readonly PathStep[] | undefined, ignoresCase: boolean) {
    this.#each = each;
    this.#ignoresCase = ignoresCase;
  }

  /** Returns the index of the reference. Throws a RangeError that says what is wrong with the text. */
  indexOf(given: string): number {
    const text = given.trim();
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const reference = this.#parse(text);
    if (this.references.length >= REFERENCES_MAX)
      throw new RangeError(`is one reference too many; a mapping has at most ${REFERENCES_MAX}`);
    this.#indexes.set(text, this.references.length);
    return this.references.push(reference) - 1;
  }

  #parse(text: string): Reference {
    checkLength(text);
    if (text.startsWith("@")) return parseAbout(text);
    if (/^\$(?:$|[.[])/.test(text)) {
      const steps = parsePath(text);
      if (steps.includes(ALL_ELEMENTS)) return this.#enclosing(text, steps);
      return { of: "record", name: text, steps: steps as (string | number)[] };
    }
    const steps = text.split(".").flatMap(memberSteps);
    checkSteps(steps);
    return { of: "element", name: text, steps };
  }

  /** A path up to its last wildcard must be the beginning of `each`: it names the element that the present one is in. */
  #enclosing(text: string, steps: readonly PathStep[]): Reference {
    const each = this.#each;
    const end = steps.lastIndexOf(ALL_ELEMENTS) + 1;
    if (each === undefined) {
      const list = pathText(steps.slice(0, end));
      throw new RangeError(
        `${text} has [*], and the mapping has no valid \`each\`; write \`each: ${list}\` to map each element`,
      );
    }
    const isBeginning = steps.slice(0, end).every((step, index) => this.#isSame(step, each[index]));
    if (!isBeginning) {
      const beginnings = each.flatMap((step, index) =>
        step === ALL_ELEMENTS ? [pathText(each.slice(0, index + 1))] : [],
      );
      const more = beginnings.length > BEGINNINGS_SHOWN ? " or ..." : "";
      const shown = `${beginnings.slice(0, BEGINNINGS_SHOWN).join(" or ")}${more}`;
      throw new RangeError(
        `${text} has [*] where \`each\` has none; a path with [*] names an element around the present one, and begins with ${shown}`,
      );
    }
    const level = steps.filter((step) => step === ALL_ELEMENTS).length - 1;
    return { of: "enclosing", name: text, level, steps: steps.slice(end) as (string | number)[] };
  }

  #isSame(step: PathStep, other: PathStep | undefined): boolean {
    if (step === other) return true;
    return this.#ignoresCase && typeof step === "string" && typeof other === "string" && isAlike(step, other);
  }
}

/** Whether the names are the same in ASCII case of either kind. */
function isAlike(name: string, other: string): boolean {
  const lower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower(name) === lower(other);
}

function pathText(steps: readonly PathStep[]): string {
  const texts = steps.map((step) => {
    if (step === ALL_ELEMENTS) return "[*]";
    if (typeof step === "number") return `[${step}]`;
    return PLAIN_NAME.test(step) ? `.${step}` : `['${step.replaceAll(/['\\]/g, "\\$&")}']`;
  });
  return `$${texts.join("")}`;
}

/** Parses the path of `each`. Throws a RangeError that says what is wrong with it. */
export function parseEach(given: string): PathStep[] {
  const text = given.trim();
  checkLength(text);
  if (!/^\$(?:$|[.[])/.test(text))
    throw new RangeError(`must be a path from the root of the record, such as $.trades[*]`);
  const steps = parsePath(text);
  if (!steps.includes(ALL_ELEMENTS))
    throw new RangeError(`names no elements; write ${text}[*] for all elements of the list`);
  return steps;
}

function parseAbout(text: string): Reference {
  if (text.startsWith("@header.")) {
    const header = text.slice("@header.".length);
    if (header === "") throw new RangeError("names no header; write @header.NAME");
    return { of: "header", name: text, header };
  }
  const of = ABOUT.find((name) => text === `@${name}`);
  if (of !== undefined) return { of, name: text };
  throw new RangeError(
    `${text} is none of ${ABOUT_NAMES.join(", ")}${didYouMean(text, ABOUT_NAMES)}; a member of that name is $['${text}']`,
  );
}

function parsePath(text: string): PathStep[] {
  const steps: PathStep[] = [];
  for (STEP.lastIndex = 1; STEP.lastIndex < text.length; ) {
    const at = STEP.lastIndex;
    const match = STEP.exec(text);
    if (match === null) {
      throw new RangeError(
        `is no path at \`${text.slice(at, at + 20)}\`; write .name, [0]${text.startsWith(".*", at) ? ", [*]" : ""} or ['other name'] behind $`,
      );
    }
    const [, name, index, all, single, double] = match;
    if (index !== undefined) steps.push(checkedIndex(index));
    else if (all !== undefined) steps.push(ALL_ELEMENTS);
    else steps.push(name ?? (single ?? double ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  checkSteps(steps);
  return steps;
}

/** A member is looked up by its whole name first, so any text is a name; these are the steps if there is no such member. */
function memberSteps(segment: string): (string | number)[] {
  const match = MEMBER.exec(segment);
  if (match === null) return [segment];
  const indexes = [...(match[2] as string).matchAll(/[0-9]+/g)].map(([index]) => checkedIndex(index));
  return match[1] === "" ? indexes : [match[1] as string, ...indexes];
}

function checkedIndex(text: string): number {
  const index = Number(text);
  if (index > PATH_INDEX_MAX) throw new RangeError(`has the index ${text}; the largest is ${PATH_INDEX_MAX}`);
  return index;
}

function checkLength(text: string): void {
  if (text === "") throw new RangeError("is empty; write the name of a member or column");
  if (text.length > REFERENCE_CHARS_MAX)
    throw new RangeError(`has ${text.length} characters; a reference has at most ${REFERENCE_CHARS_MAX}`);
}

function checkSteps(steps: readonly PathStep[]): void {
  if (steps.length > PATH_STEPS_MAX)
    throw new RangeError(`has ${steps.length} names and indexes; a path has at most ${PATH_STEPS_MAX}`);
}
