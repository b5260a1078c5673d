/**
 * RESULTS.md: one table of all rows, in which each says when it was measured and at which commit, so that a run of some benchmarks
 * replaces their rows and leaves those of the others.
 */
import type { Row } from "../report.ts";

/** What one benchmark gave in one run. */
export type Result = { readonly name: string; readonly rows: readonly Row[]; readonly failed: boolean };

type ResultsFile = {
  /** Of the newest run. */
  readonly machine: string;
  readonly versions: string;
  /** Of this run: date and commit. */
  readonly measured: string;
  /** All benchmarks that there are, in the order of the table. */
  readonly names: readonly string[];
  /** Those that were run; what failed keeps the rows that it had. */
  readonly results: readonly Result[];
};

const HEADS = ["what", "goal", "figure", "met", "how, and what bounds it", "measured", "benchmark"];

/** The new text, given the one before; undefined: there is none. */
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
    "Made by `npm run bench`. Ratios are of one run on one machine; each row says when it was measured, and at which commit.\n",
    `- machine: ${machine}`,
    `- versions: ${versions}`,
    ...(failed.length === 0 ? [] : [`- failed in the newest run, and as they were before: ${failed.join(", ")}`]),
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

/** Rows of the table as they stand, by the benchmark in their last cell. */
function linesByBenchmark(text: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const name = /^\| .* \| `([a-z0-9-]+)` \|$/.exec(line)?.[1];
    if (name !== undefined) lines.set(name, [...(lines.get(name) ?? []), line]);
  }
  return lines;
}
