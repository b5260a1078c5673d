/** The table of all sides, and a row of it for the results of each. */
import { report } from "../report.ts";
import { machineLoad } from "../support/spread.ts";
import { median } from "../support/workload.ts";
import type { Measured } from "./side-process.ts";

export type Side = { readonly name: string; readonly job: string; readonly runs: readonly Measured[] };

const HEADS = ["system", "job", "CPU-s a million", "in the second half", "thousand swaps/s", "peak MB"];

/** Prints the table, and reports a row a side. */
export function tellSides(sides: readonly Side[], records: number): void {
  const rows = sides.map((side) => [side.name, side.job, ...columns(side.runs, records)]);
  console.log(`\n${[HEADS, HEADS.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`);
  for (const [i, [name, job, cpu, later, rate, peak]] of rows.entries()) {
    const { runs } = sides[i]!;
    report({
      what: `beside others: ${name} (${job})`,
      goal: "none; all of one run are compared",
      figure: `${cpu} CPU-s per million swaps, ${rate} thousand swaps/s, ${peak} MB`,
      met: undefined,
      values: {
        "CPU-s a million": (median(runs.map(({ cpuSeconds }) => cpuSeconds)) * 1e6) / records,
        "swaps/s": records / median(runs.map(({ seconds }) => seconds)),
        MB: median(runs.map(({ peakMb }) => peakMb)),
      },
      note: `Median of ${runs.length} rounds over ${records} records in 4 partitions, with the lowest and the highest; the process from its start. CPU-s per million of the second half of the records: ${later}. Broker and side share the machine (${machineLoad()} at the end; with more load than processors, rates mean little).`,
    });
  }
}

/** Medians with their spread. */
function columns(runs: readonly Measured[], records: number): string[] {
  const perMillion = (cpuSeconds: number, of: number): number => (cpuSeconds * 1e6) / of;
  const later = runs.flatMap(({ laterCpuSeconds }) =>
    laterCpuSeconds === undefined ? [] : [perMillion(laterCpuSeconds, records / 2)],
  );
  return [
    spread(
      runs.map(({ cpuSeconds }) => perMillion(cpuSeconds, records)),
      2,
    ),
    later.length === 0 ? "not measured" : spread(later, 2),
    spread(
      runs.map(({ seconds }) => records / seconds / 1000),
      0,
    ),
    spread(
      runs.map(({ peakMb }) => peakMb),
      0,
    ),
  ];
}

function spread(values: readonly number[], places: number): string {
  const text = (value: number): string => value.toFixed(places);
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}
