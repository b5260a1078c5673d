/**
 * The cost of each part of apply, measured by leaving it out: `node bench/apply-parts.ts [PART...]`. The upper bound of a better part: what
 * remains includes everything that the part shares with others, such as a line of memory that another one needs, too.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { LEFT_OUT, type LeftOut } from "./parts/left-out.ts";
import { report } from "./report.ts";
import { RECORDS_PER_ROUND, ROUNDS, type TurnTimes } from "./support/in-turn.ts";
import { machineLoad, quantile } from "./support/spread.ts";
import { median } from "./support/workload.ts";

async function measure({ name }: LeftOut): Promise<TurnTimes> {
  const child = fork(join(import.meta.dirname, "parts", "measure.ts"), [name]);
  const exited = once(child, "exit");
  const [times] = (await Promise.race([once(child, "message"), exited])) as [TurnTimes | number | null];
  if (times === null || typeof times === "number")
    throw new Error(`the measurement without ${name} ended with ${times}`);
  await exited;
  return times;
}

function reportPart({ part, how }: LeftOut, { firstMs: wholeMs, secondMs: withoutMs }: TurnTimes): void {
  const us = (ms: number): number => (ms * 1000) / RECORDS_PER_ROUND;
  const shares = wholeMs.map((whole, i) => 1 - withoutMs[i]! / whole);
  const wholeUs = us(median(wholeMs));
  const partUs = us(median(wholeMs.map((whole, i) => whole - withoutMs[i]!)));
  const percent = (share: number): string => (100 * share).toFixed(1);
  report({
    what: `decode and apply of a swap: saved by leaving out ${part}`,
    goal: "none",
    figure: `${partUs.toFixed(2)} of ${wholeUs.toFixed(2)} us (${percent(median(shares))} %; quartiles ${percent(quantile(shares, 0.25))} to ${percent(quantile(shares, 0.75))} %)`,
    met: undefined,
    note: `${how} The thread's processor time, median of ${ROUNDS} rounds of ${RECORDS_PER_ROUND} swaps, whole and rest in turn in one process, with a full horizon and the copy for the redo. At the end: ${machineLoad()}.`,
    values: { us: partUs, "us, the whole": wholeUs, "% of the whole": 100 * median(shares) },
  });
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !LEFT_OUT.some((one) => one.name === name));
if (unknown.length > 0) {
  throw new Error(
    `No part is named ${unknown.join(" or ")}; there are ${LEFT_OUT.map(({ name }) => name).join(", ")}.`,
  );
}
for (const one of LEFT_OUT) {
  if (asked.length === 0 || asked.includes(one.name)) reportPart(one, await measure(one));
}
