/**
 * Replaces the matches of regular expressions. The engine is RE2's in JavaScript, because its time is linear in the text for every pattern.
 * Rejected: a check that allows only harmless patterns of the built-in engine. `a*a*b` takes quadratic time without any nesting, and a
 * check that refuses such patterns refuses useful ones too.
 */
import { RE2JS, RE2JSException } from "re2js";
import { printableCut } from "../../shared/printable-text.ts";
import type { Replacement } from "../language.ts";
import { PATTERN_CHARS_MAX, PATTERN_INSTRUCTIONS_MAX, REPLACE_STEPS_MAX, TEXT_CHARS_MAX } from "../limits.ts";

/** Compiled at the first use. A mapping itself is data. */
const COMPILED = new WeakMap<Replacement, RE2JS>();

/** Steps above which the matches of a text are counted before they are replaced. */
const COUNTED_STEPS_MIN = 100_000;
/** Steps of this thread. */
let stepsTaken = 0;

/** Returns about how many steps all replacements of this thread have taken: instructions of a pattern times characters that were searched. */
export function replacementSteps(): number {
  return stepsTaken;
}

/** Returns what is wrong with the pattern or its replacement, or undefined. */
export function checkReplacement({ pattern, replacement }: Replacement): string | undefined {
  if (pattern.length > PATTERN_CHARS_MAX)
    return `has ${pattern.length} characters; a pattern has at most ${PATTERN_CHARS_MAX}`;
  try {
    const compiled = RE2JS.compile(pattern);
    const instructions = compiled.programSize();
    if (instructions > PATTERN_INSTRUCTIONS_MAX)
      return `repeats too much: it has ${instructions} instructions, and at most ${PATTERN_INSTRUCTIONS_MAX} are allowed`;
    for (const [, digits] of replacement.matchAll(/\$([0-9]{1,2})/g)) {
      if (Number(digits) > compiled.groupCount()) return `has no group ${digits}, which \`with\` names`;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const why = printableCut(error.message.replace(/^error parsing regexp: /, ""));
    return `is no regular expression of the linear kind (RE2: no lookaround, no backreferences): ${why}`;
  }
}

/**
 * Returns the text with all matches replaced; `$1` in the replacement is the first group. The text is cut to TEXT_CHARS_MAX before and after.
 * It stays as it is if the search could take more than REPLACE_STEPS_MAX steps: one search is linear, but each match begins a new one.
 */
export function replaceMatches(text: string, replacement: Replacement): string {
  let compiled = COMPILED.get(replacement);
  if (compiled === undefined) {
    compiled = RE2JS.compile(replacement.pattern);
    COMPILED.set(replacement, compiled);
  }
  const cut = text.slice(0, TEXT_CHARS_MAX);
  if (!isAffordable(cut, compiled)) return cut;
  return compiled.matcher(cut).replaceAll(replacement.replacement).slice(0, TEXT_CHARS_MAX);
}

function isAffordable(text: string, compiled: RE2JS): boolean {
  const instructions = compiled.programSize();
  const searchesMax = text.length + 1;
  let steps = searchesMax * instructions;
  if (searchesMax * steps > COUNTED_STEPS_MIN) {
    const matcher = compiled.matcher(text);
    while (steps <= REPLACE_STEPS_MAX && matcher.find()) steps += (searchesMax - matcher.end()) * instructions;
  }
  stepsTaken += steps;
  return steps <= REPLACE_STEPS_MAX;
}
