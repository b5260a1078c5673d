/**
 * `replay` of a file of swaps, from the start of the process to the printed overview, against a bare reader that splits the same file into
 * lines and calls JSON.parse on each: `node bench/replay.ts [--swaps N --rounds N]`. Rounds alternate, each in a separate process, and the
 * median counts.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { SideReport } from "./replay/side.ts";
import { report } from "./report.ts";
import { median, Workload } from "./support/workload.ts";

const { values } = parseArgs({
  options: { swaps: { type: "string", default: "1000000" }, rounds: { type: "string", default: "5" } },
});
const SWAPS = Number(values.swaps);
const ROUNDS = Number(values.rounds);
const SWAPS_PER_WRITE = 10_000;

function writeSwaps(path: string): void {
  const workload = new Workload();
  const file = openSync(path, "w");
  for (let left = SWAPS; left > 0; left -= SWAPS_PER_WRITE) {
    writeSync(file, workload.chunk(Math.min(left, SWAPS_PER_WRITE)).bytes);
  }
  closeSync(file);
}

async function run(side: "replay" | "parse", path: string): Promise<SideReport> {
  const child = fork(join(import.meta.dirname, "replay", "side.ts"), [side, path]);
  const exited = once(child, "exit");
  const [taken] = (await Promise.race([once(child, "message"), exited])) as [SideReport | number | null];
  if (taken === null || typeof taken === "number") throw new Error(`${side} ended without an answer`);
  if (taken.lines !== SWAPS) throw new Error(`${side} saw ${taken.lines} of ${SWAPS} swaps`);
  await exited;
  return taken;
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-replay-"));
try {
  const path = join(folder, "swaps.ndjson");
  writeSwaps(path);
  const replays: SideReport[] = [];
  const parses: SideReport[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    parses.push(await run("parse", path));
    replays.push(await run("replay", path));
  }
  const ratioOf = (of: (taken: SideReport) => number): number =>
    median(replays.map((taken, i) => of(parses[i] as SideReport) / of(taken)));
  const perSecond = (sides: readonly SideReport[]): string =>
    `${Math.round(SWAPS / median(sides.map(({ seconds }) => seconds)) / 1000)}k swaps/s`;
  const ratio = ratioOf(({ seconds }) => seconds);
  const cpuRatio = ratioOf(({ cpuSeconds }) => cpuSeconds);
  report({
    what: "`replay` of a file of NDJSON through the embedded engine, against a reader that only calls JSON.parse on each line",
    goal: "at least 1.0 times its rate",
    figure: `${ratio.toFixed(2)} times (${perSecond(replays)} against ${perSecond(parses)})`,
    met: ratio >= 1,
    note:
      `Median of ${ROUNDS} rounds over ${SWAPS} swaps, ${(statSync(path).size / 1e6).toFixed(0)} MB, each from the start of a process. The ratio of processor ` +
      `time is ${cpuRatio.toFixed(2)}. The engine's checks and apply take more than half of it; decoding and the overview of all tokens at the end take a tenth each.`,
    values: {
      "CPU-s": median(replays.map(({ cpuSeconds }) => cpuSeconds)),
      "swaps/s": SWAPS / median(replays.map(({ seconds }) => seconds)),
      "times JSON.parse": ratio,
      "times JSON.parse, processor time": cpuRatio,
    },
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
