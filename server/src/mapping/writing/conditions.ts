import type { Condition } from "../language.ts";
import { VALUE, type ValueTable } from "../value-table.ts";
import { holds, type Lookup } from "../values/evaluate.ts";
import { presentText } from "../values/null-markers.ts";
import { ByteTexts } from "./byte-texts.ts";
import type { DirectText } from "./direct-text.ts";

/** Returns whether the condition holds for the values of the table. */
export type Test = () => boolean;

/** Returns the test of a condition. Comparisons with texts compare bytes where the value allows it; all others use strings. */
export function compileCondition(
  condition: Condition,
  values: ValueTable,
  texts: DirectText,
  lookup: Lookup,
  nulls: ReadonlySet<string>,
): Test {
  const part = (inner: Condition): Test => compileCondition(inner, values, texts, lookup, nulls);
  switch (condition.kind) {
    case "all": {
      const tests = condition.of.map(part);
      return () => tests.every((test) => test());
    }
    case "any": {
      const tests = condition.of.map(part);
      return () => tests.some((test) => test());
    }
    case "not": {
      const test = part(condition.of);
      return () => !test();
    }
    case "equal":
    case "in": {
      const { reference } = condition;
      const literals = condition.kind === "in" ? condition.literals : [condition.literal];
      const isOfTexts = literals.every(({ text, number }) => number === undefined && presentText(text, nulls) === text);
      if (!isOfTexts) break;
      const known = new ByteTexts(literals.map(({ text }) => [text, true] as const));
      const hasTrue = literals.some(({ text }) => text === "true");
      const hasFalse = literals.some(({ text }) => text === "false");
      return () => {
        const kind = values.kinds[reference];
        if (kind === VALUE.true) return hasTrue;
        if (kind === VALUE.false) return hasFalse;
        if (!texts.find(reference)) return holds(condition, lookup);
        return known.get(texts.bytes, texts.start, texts.end) !== undefined;
      };
    }
    default:
  }
  return () => holds(condition, lookup);
}
