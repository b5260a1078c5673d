/** Runs a benchmark under V8's sampling profiler, in all its Node processes and threads, and prints where the time went. */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runBenchmark } from "../support/run-benchmark.ts";
import { addProfile, type CpuProfile, noSums } from "./cpu-profile.ts";
import { PARTS } from "./parts.ts";
import { profileText } from "./profile-text.ts";

/** Long benchmarks make files of some MB a minute and thread with it. */
const INTERVAL_US = 500;

type ProfileRequest = {
  /** `bench` of the working tree. */
  readonly folder: string;
  readonly name: string;
  /** Functions in each table. */
  readonly top: number;
  /** Only threads in which a function or path with this text was seen. Empty: all. */
  readonly threadsWith: string;
  /** Only samples below such a function. Empty: all. */
  readonly under: string;
  readonly signal: AbortSignal;
};

/** Returns the exit code. A process that is killed leaves no profile. */
export async function runProfile({ folder, name, top, threadsWith, under, signal }: ProfileRequest): Promise<number> {
  const kept = mkdtempSync(join(tmpdir(), "swapstats-profile-"));
  try {
    const options = `--cpu-prof --cpu-prof-dir=${kept} --cpu-prof-interval=${INTERVAL_US}`;
    const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} ${options}`.trim() };
    const { failed } = await runBenchmark({ folder, name, env, signal });
    const sums = noSums();
    let threads = 0;
    for (const file of globSync("*.cpuprofile", { cwd: kept })) {
      const profile = JSON.parse(readFileSync(join(kept, file), "utf8")) as CpuProfile;
      const isWanted = profile.nodes.some(({ callFrame }) =>
        `${callFrame.functionName} ${callFrame.url}`.includes(threadsWith),
      );
      if (!isWanted) continue;
      addProfile(sums, profile, { root: dirname(folder), rules: PARTS, under });
      threads += 1;
    }
    if (sums.samples === 0) {
      console.error(
        `No sample of ${name} is left: ${threads} threads were profiled. Check --threads-with and --under.`,
      );
      return 1;
    }
    console.log(`\nProfile of ${name}: ${profileText(sums, threads, top)}`);
    return failed ? 1 : 0;
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}
