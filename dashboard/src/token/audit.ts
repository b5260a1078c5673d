/** The audit of a window, in words. */
import type { Audit } from "@swapstats/client";
import { exact } from "../format/figures.ts";

/** A figure as it is served and as it is recomputed. Undefined: it has no value. */
type AuditRow = {
  readonly name: string;
  readonly served: string | undefined;
  readonly recomputed: string | undefined;
  readonly isDifferent: boolean;
};

/** Times and marks are no figures that one adds up. */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  ...["open_time", "close_time", "complete", "traders_estimated", "traders_error", "previous"],
]);

/** Returns every figure of the window and of the span before it, those that differ first. */
export function auditRows({ served, recomputed, differences }: Audit): readonly AuditRow[] {
  const [one, other] = [flat(served), flat(recomputed)];
  const different = new Map(differences.map((difference) => [difference.field, difference]));
  const names = new Set([...different.keys(), ...one.keys(), ...other.keys()]);
  return [...names].map((name) => {
    const told = different.get(name);
    return {
      name,
      served: told === undefined ? one.get(name) : told.served,
      recomputed: told === undefined ? other.get(name) : told.recomputed,
      isDifferent: told !== undefined,
    };
  });
}

function flat(values: Audit["served"]): ReadonlyMap<string, string> {
  const of = (object: object, prefix: string): [string, string][] =>
    Object.entries(object).flatMap(([name, value]) =>
      NOT_COMPARED.has(name) || value === null ? [] : [[`${prefix}${name}`, String(value)]],
    );
  return new Map([...of(values, ""), ...(values.previous === undefined ? [] : of(values.previous, "previous."))]);
}

/** Returns the verdict: `No difference: all 20 figures of 1h follow from 1,234 swaps.` */
export function verdictOf(audit: Audit): string {
  const { differences, rows, window } = audit;
  const swaps = `${exact(rows)} ${rows === 1 ? "swap" : "swaps"}`;
  if (differences.length === 0) {
    return `No difference: all ${auditRows(audit).length} figures of ${window} follow from ${swaps}.`;
  }
  return `${differences.length === 1 ? "1 figure differs" : `${differences.length} figures differ`} from what ${swaps} give. Please report it.`;
}
