/** Random drafts of filters whose values are finished. */
import fc from "fast-check";
import type { Draft, DraftComparison, DraftGroup } from "../../src/screener/filter/draft.ts";
import { operatorsOf } from "../../src/screener/filter/operators.ts";
import { type Field, fields } from "../../src/screener/model/fields.ts";

export const WINDOWS: readonly string[] = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];

const digits = fc.integer({ min: 0, max: 1_000_000 }).map(String);
const decimal = fc.tuple(fc.boolean(), digits, fc.option(digits)).map(([isNegative, whole, fraction]) => {
  const text = fraction === null ? whole : `${whole}.${fraction}`;
  return isNegative ? `-${text}` : text;
});
const word = fc.stringMatching(/^[A-Za-z0-9:]{1,12}$/);
const time = fc.integer({ min: 1_000_000_000, max: 2_000_000_000 }).map((seconds) => String(seconds * 1_000));

function textOf({ kind, name }: Field): fc.Arbitrary<string> {
  if (name === "chain_id") return digits;
  if (kind === "text") return word;
  if (kind === "flag") return fc.constantFrom("true", "false");
  return kind === "time" ? time : decimal;
}

const comparison: fc.Arbitrary<DraftComparison> = fc.constantFrom(...fields).chain((field) => {
  const value = textOf(field);
  return fc
    .record({
      isNot: fc.boolean(),
      window: fc.constantFrom(...WINDOWS),
      op: fc.constantFrom(...operatorsOf(field.kind)),
      values: fc.array(value, { minLength: 2, maxLength: 4 }),
    })
    .map(({ isNot, window, op, values }): DraftComparison => {
      const [low = "", high = ""] = values.slice(0, 2).sort((a, b) => Number(a) - Number(b));
      return {
        kind: "comparison",
        isNot,
        field: field.name,
        window: field.isOfWindow ? window : "",
        op,
        text: op === "in" ? values.join(", ") : low,
        to: op === "between" ? high : "",
      };
    });
});

/** Groups with two parts at least, at most three levels deep, so that every draft is within the limits. */
export const draftGroup: fc.Arbitrary<DraftGroup> = fc.letrec<{ node: Draft; group: DraftGroup }>((tie) => ({
  node: fc.oneof({ maxDepth: 2, depthIdentifier: "levels" }, comparison, tie("group")),
  group: fc.record({
    kind: fc.constant("group" as const),
    match: fc.constantFrom("all" as const, "any" as const, "not-all" as const, "none" as const),
    parts: fc.array(tie("node"), { minLength: 2, maxLength: 3, depthIdentifier: "levels" }),
  }),
})).group;
