/**
 * RESULTS.md: one table of all rows. Each row says when it was measured and at which commit, so a run of some benchmarks replaces only
 * their rows.
 */
import type { Row } from "../report.ts";

/** The result of one benchmark in one run. */
export type Result = { readonly name: string; readonly rows: readonly Row[]; readonly failed: boolean };

type ResultsFile = {
  /** Of the newest run. */
  readonly machine: string;
  readonly versions: string;
  /** Date and commit of this run. */
  readonly measured: string;
  /** All existing benchmarks, in the order of the table. */
  readonly names: readonly string[];
  /** The benchmarks of this run. A failed one keeps its earlier rows. */
  readonly results: readonly Result[];
};

const HEADS = ["what", "goal", "figure", "met", "how it was measured, and what limits it", "measured", "benchmark"];

/** Returns the new text, given the previous one. Undefined: there is none. */
export function resultsText(before: string | undefined, file: ResultsFile): string {
  const { machine, versions, measured, names, results } = file;
  const kept = linesByBenchmark(before ?? "");
  const lines = names.flatMap((name) => {
    const result = results.find((one) => one.name === name);
    if (result === undefined || result.failed) return kept.get(name) ?? [];
    return result.rows.map((row) => lineOf(row, measured, name));
  });
  const failed = results.filter((result) => result.failed).map(({ name }) => name);
  return [
    "# Results\n",
    "Made by `npm run bench`. Each ratio compares two measurements of one run on one machine. Each row says when it was measured, and at which commit. Machine and versions are those of the newest rows.\n",
    `- machine: ${machine}`,
    `- versions: ${versions}`,
    ...(failed.length === 0 ? [] : [`- failed in the newest run, so their earlier rows stay: ${failed.join(", ")}`]),
    "",
    rowOf(HEADS),
    `|${"---|".repeat(HEADS.length)}`,
    ...lines,
    "",
  ].join("\n");
}

function lineOf({ what, goal, figure, met, note }: Row, measured: string, name: string): string {
  const verdict = met === undefined ? "" : met ? "yes" : "no";
  const cells = [what, goal, figure, verdict, note, measured, `\`${name}\``];
  return rowOf(cells.map((text) => text.replaceAll("|", "\\|")));
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Rows of the table by the benchmark in their last cell. */
function linesByBenchmark(text: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const name = /^\| .* \| `([a-z0-9-]+)` \|$/.exec(line)?.[1];
    if (name !== undefined) lines.set(name, [...(lines.get(name) ?? []), line]);
  }
  return lines;
}
