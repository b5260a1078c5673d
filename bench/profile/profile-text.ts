/** The tables of a profile. */
import { machineLoad } from "../support/spread.ts";
import { TABLE_COLUMNS, textTable } from "../support/text-table.ts";
import type { ProfileSums } from "./cpu-profile.ts";

const ROOT = "(root)";

/** Returns the time by part, then the `top` functions by self and by inclusive time. */
export function profileText(sums: ProfileSums, threads: number, top: number): string {
  const { totalUs, idleUs, samples } = sums;
  const time = (us: number): string => `${(us / 1000).toFixed(0)}`;
  const share = (us: number): string => `${((100 * us) / Math.max(1, totalUs)).toFixed(1)}`;
  const parts = [...sums.parts].sort(([, a], [, b]) => b - a);
  const functions = [...sums.functions.values()].filter(({ name }) => name !== ROOT);
  const table = (of: (one: (typeof functions)[number]) => number): string =>
    textTable(
      ["function", "self ms", "self %", "inclusive ms", "inclusive %"],
      functions
        .filter((one) => of(one) > 0)
        .sort((a, b) => of(b) - of(a))
        .slice(0, top)
        .map(({ name, selfUs, inclusiveUs }) => [
          ...[name.replace("server/src/", ""), time(selfUs), share(selfUs)],
          ...[time(inclusiveUs), share(inclusiveUs)],
        ]),
      TABLE_COLUMNS,
    );
  return [
    `${(totalUs / 1e6).toFixed(2)} s in ${samples} samples of ${threads} threads, without ${(idleUs / 1e6).toFixed(2)} s idle.`,
    "The clock is the wall's: a thread that waits for a processor counts as running.",
    `At the end: ${machineLoad()}.`,
    "\nBy part. Each sample is in one. Parts of apply, such as settling, have everything that they call.\n",
    textTable(
      ["part", "ms", "%"],
      parts.map(([name, us]) => [name, time(us), share(us)]),
    ),
    `\nThe ${top} functions with the most time of their own\n`,
    table(({ selfUs }) => selfUs),
    `\nThe ${top} functions with the most time, calls included\n`,
    table(({ inclusiveUs }) => inclusiveUs),
  ].join("\n");
}
