/**
 * Decode, apply and the copy for the redo of another commit and of the working tree in one process. `npm run bench -- --against COMMIT
 * --in-process` starts it with the folder of the commit in OLD_TREE.
 */
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { report } from "../report.ts";
import { AppliedSide } from "../support/applied-side.ts";
import { measureInTurn, RECORDS_PER_ROUND, ROUNDS } from "../support/in-turn.ts";
import { machineLoad, quantile } from "../support/spread.ts";

const OLD_TREE = "SWAPSTATS_BENCH_OLD_TREE";
const SIDE = "bench/support/applied-side.ts";

/** A commit from before this file gets it: it uses little of the program. */
async function oldSide(tree: string): Promise<AppliedSide> {
  const file = join(tree, SIDE);
  if (!existsSync(file)) await copyFile(join(import.meta.dirname, "../..", SIDE), file);
  const old = (await import(pathToFileURL(file).href)) as typeof import("../support/applied-side.ts");
  return new old.AppliedSide();
}

const tree = process.env[OLD_TREE];
if (tree === undefined) throw new Error(`${OLD_TREE} is missing. Run npm run bench -- --against COMMIT --in-process.`);
const { firstMs, secondMs } = measureInTurn(await oldSide(tree), new AppliedSide());
const ratios = secondMs.map((ms, round) => ms / firstMs[round]!);
const us = (ms: readonly number[]): number => (quantile(ms, 0.5) * 1000) / RECORDS_PER_ROUND;
const quartiles = `${quantile(ratios, 0.25).toFixed(3)} to ${quantile(ratios, 0.75).toFixed(3)}`;
report({
  what: "decode, apply and the copy for the redo, new against old in one process",
  goal: "none",
  figure: `${quantile(ratios, 0.5).toFixed(3)} times the processor time (quartiles ${quartiles}); ${us(secondMs).toFixed(2)} us against ${us(firstMs).toFixed(2)} us a swap`,
  met: undefined,
  note: `The thread's processor time, median of ${ROUNDS} rounds of ${RECORDS_PER_ROUND} swaps, old and new in turn on the same batches, with a full horizon. At the end: ${machineLoad()}.`,
  values: { "new / old": quantile(ratios, 0.5), "us new": us(secondMs), "us old": us(firstMs) },
});
