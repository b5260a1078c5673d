/** Reports the figures of a benchmark to the terminal and to `npm run bench`, which collects them in RESULTS.md and compares them. */
import { appendFileSync } from "node:fs";

export type Row = {
  /** Subject and counterpart of the measurement, as in the table of goals. */
  readonly what: string;
  readonly goal: string;
  /** The figure with its unit. */
  readonly figure: string;
  /** Whether the goal was met. Undefined where there is no goal. */
  readonly met: boolean | undefined;
  /** What bounds it, or how it was measured, in a sentence. */
  readonly note: string;
  /** The numbers behind the figure at full precision, by their unit. A comparison reads a row without them from the text of its figure. */
  readonly values?: Readonly<Record<string, number>>;
};

export function report(row: Row): void {
  const verdict = row.met === undefined ? "" : row.met ? " (met)" : " (NOT met)";
  console.log(`${row.what}: ${row.figure}; goal: ${row.goal}${verdict}. ${row.note}`);
  const file = process.env.SWAPSTATS_BENCH_ROWS_FILE;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}
