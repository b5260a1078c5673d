/** `npm run bench -- --against COMMIT NAME`: a benchmark of the working tree and of another commit, in turn. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Row } from "../report.ts";
import { runBenchmark } from "../support/run-benchmark.ts";
import { machineLoad } from "../support/spread.ts";
import { comparisonText, type Pair } from "./comparison.ts";
import { git, withWorktree } from "./worktree.ts";

type AgainstRequest = {
  /** `bench` of the working tree. */
  readonly folder: string;
  readonly commit: string;
  readonly name: string;
  readonly pairs: number;
  readonly signal: AbortSignal;
};

/** Returns the exit code. Each run is the commit's own benchmark file on its own sources. */
export async function runAgainst({ folder, commit, name, pairs, signal }: AgainstRequest): Promise<number> {
  const repository = dirname(folder);
  const old = commitOf(repository, commit);
  if (old === undefined) return failed(`${commit} is no commit of this repository.`);
  return withWorktree(repository, old, async (tree) => {
    const oldFolder = join(tree, "bench");
    if (!existsSync(join(oldFolder, `${name}.ts`))) {
      return failed(
        `${commit} has no benchmark ${name}: bench/${name}.ts does not exist there. Choose a later commit.`,
      );
    }
    const rowsOf = async (which: "old" | "new"): Promise<readonly Row[]> => {
      console.log(`\n== ${name}, ${which}`);
      const result = await runBenchmark({ folder: which === "old" ? oldFolder : folder, name, signal });
      if (result.failed) throw new Error(`${name} of the ${which} program failed`);
      if (result.rows.length === 0) throw new Error(`${name} of the ${which} program reported no rows`);
      return result.rows;
    };
    const made: Pair[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      // Old, new, new, old, ...: a drift of the machine affects both alike.
      const first = await rowsOf(pair % 2 === 0 ? "old" : "new");
      const second = await rowsOf(pair % 2 === 0 ? "new" : "old");
      made.push(pair % 2 === 0 ? { old: first, new: second } : { old: second, new: first });
    }
    console.log(`\n${headOf(repository, old, name, pairs)}\n\n${comparisonText(made)}`);
    return 0;
  });
}

/** Runs the applying thread's work of both in one process, in turn. Returns the exit code. */
export async function runInProcess(folder: string, commit: string, signal: AbortSignal): Promise<number> {
  const repository = dirname(folder);
  const old = commitOf(repository, commit);
  if (old === undefined) return failed(`${commit} is no commit of this repository.`);
  return withWorktree(repository, old, async (tree) => {
    const env = { SWAPSTATS_BENCH_OLD_TREE: tree };
    const result = await runBenchmark({ folder: join(folder, "against"), name: "in-process", env, signal });
    return result.failed ? 1 : 0;
  });
}

function commitOf(repository: string, commit: string): string | undefined {
  try {
    return git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}^{commit}`);
  } catch {
    return undefined;
  }
}

function failed(message: string): number {
  console.error(message);
  return 2;
}

function headOf(repository: string, old: string, name: string, pairs: number): string {
  const isChanged = (path: string): boolean => git(repository, "diff", "--stat", old, "--", path) !== "";
  const subject = git(repository, "log", "-1", "--format=%h %s", old);
  return [
    `${name}: old is ${subject}`,
    `new is the working tree on ${git(repository, "log", "-1", "--format=%h %s")}`,
    `Medians of ${pairs} ${pairs === 1 ? "pair" : "pairs"}, old and new in turn. new / old: median and range of the pairs.`,
    `At the end: ${machineLoad()}.`,
    ...(isChanged("bench") ? ["Files of bench/ differ between the two: each ran its own."] : []),
    ...(isChanged("package-lock.json")
      ? ["The lock file differs between the two: both ran with the new packages."]
      : []),
  ].join("\n");
}
