/** Compares the rows of runs of an old and a new program that were made in turn. */
import type { Row } from "../report.ts";
import { quantile } from "../support/spread.ts";
import { textTable } from "../support/text-table.ts";

/** The rows of two runs, one right after the other. */
export type Pair = { readonly old: readonly Row[]; readonly new: readonly Row[] };

type Values = Readonly<Record<string, number>>;

/** A number with a unit behind it, such as `122k`, `8.20 us` or `3,600`. */
const NUMBER = /(-?\d[\d,]*(?:\.\d+)?)\s?([^\s(),;:]*)/g;

/** Returns a row's numbers by name: its values, or else the numbers in the text of its figure with their place and unit. */
function valuesOf(row: Row, fromFigure: boolean): Values {
  if (!fromFigure && row.values !== undefined) return row.values;
  const found = [...row.figure.matchAll(NUMBER)];
  return Object.fromEntries(
    found.map(([, digits = "", unit = ""], i) => [`${i + 1}. ${unit}`.trim(), Number(digits.replaceAll(",", ""))]),
  );
}

/** Returns a table for each row: medians of old and new, and the ratio new / old of a pair as median and range. */
export function comparisonText(pairs: readonly Pair[]): string {
  const [first] = pairs;
  if (first === undefined) return "";
  const texts = first.new.map(({ what }) => rowText(what, pairs));
  const gone = first.old.filter(({ what }) => !first.new.some((row) => row.what === what));
  for (const { what } of gone) texts.push(`${what}\n  only the old program has this row`);
  return texts.join("\n\n");
}

function rowText(what: string, pairs: readonly Pair[]): string {
  const found = pairs.flatMap((pair) => {
    const before = pair.old.find((row) => row.what === what);
    const after = pair.new.find((row) => row.what === what);
    if (before === undefined || after === undefined) return [];
    const fromFigure = before.values === undefined || after.values === undefined;
    return [{ before: valuesOf(before, fromFigure), after: valuesOf(after, fromFigure) }];
  });
  if (found.length === 0) return `${what}\n  only the new program has this row`;
  const names = Object.keys(found[0]!.after).filter((name) =>
    found.every(({ before, after }) => before[name] !== undefined && after[name] !== undefined),
  );
  if (names.length === 0) return `${what}\n  the rows of old and new have no number in common`;
  const lines = names.map((name) => {
    const before = found.map((pair) => pair.before[name]!);
    const after = found.map((pair) => pair.after[name]!);
    const ratios = after.map((value, i) => value / before[i]!);
    const range = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`;
    return [
      `  ${name}`,
      short(quantile(before, 0.5)),
      short(quantile(after, 0.5)),
      quantile(ratios, 0.5).toFixed(3),
      range,
    ];
  });
  return `${what}\n${textTable(["  value", "old", "new", "new / old", "range"], lines)}`;
}

const short = (value: number): string =>
  Math.abs(value) >= 1000 ? value.toFixed(0) : `${Number(value.toPrecision(4))}`;
