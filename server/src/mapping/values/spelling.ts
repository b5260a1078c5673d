import type { DecimalSpelling } from "../language.ts";

/** Signs between thousands that stand with a decimal comma if the mapping names none. */
const USUAL = ".' \u00a0\u202f";

type Rule = { readonly grouped: RegExp; readonly plain: RegExp; readonly group: RegExp };
const RULES = new Map<string, Rule>();

/** Returns `1.234,56` as `1234.56`. Texts that are not spelled in this way stay as they are. */
export function withPoint(text: string, { point, thousands }: DecimalSpelling): string {
  const signs = thousands ?? (point === "," ? USUAL : "");
  const { grouped, plain, group } = ruleOf(point, signs);
  if (!grouped.test(text) && !plain.test(text)) return text;
  return text.replace(group, "").replace(",", ".");
}

/** The signs are one character or USUAL, so there are few rules. */
function ruleOf(point: string, signs: string): Rule {
  const key = point + signs;
  let rule = RULES.get(key);
  if (rule === undefined) {
    const set = signs === "" ? "(?!)" : `[${signs.replaceAll(/[\\\]^-]/g, "\\$&")}]`;
    const fraction = `(?:\\${point}[0-9]+)?$`;
    rule = {
      grouped: new RegExp(`^[+-]?[0-9]{1,3}(?:${set}[0-9]{3})+${fraction}`),
      plain: new RegExp(`^[+-]?[0-9]+${fraction}`),
      group: new RegExp(set, "g"),
    };
    RULES.set(key, rule);
  }
  return rule;
}
