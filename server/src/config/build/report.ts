/** Problems that concern more than one key. */
import type { KeySpec, KeyValue } from "../key.ts";
import type { ConfigProblem } from "../settings.ts";

/** Adds a problem of a key. The place where the key was given is added later. */
export type Report = (key: KeySpec, message: string) => void;

export function reportTo(problems: ConfigProblem[]): Report {
  return ({ path }, message) => void problems.push({ path, where: "", message });
}

/** A key, its value, and its name as messages about the other one say it. */
type Named = readonly [key: KeySpec, value: KeyValue, name: string];

/** Reports the missing one where only one of the two is set. */
export function checkBothOrNeither(a: Named, b: Named, report: Report, advice = "give both"): void {
  if ((a[1] === undefined) === (b[1] === undefined)) return;
  const [missing, given] = a[1] === undefined ? [a, b] : [b, a];
  report(missing[0], `is not set, and ${given[2]} is; ${advice}`);
}

/** Reports each key that is set. */
export function refuseEach(keys: readonly (readonly [KeySpec, KeyValue])[], report: Report, message: string): void {
  for (const [key, value] of keys) if (value !== undefined) report(key, message);
}
