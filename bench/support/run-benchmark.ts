/** Runs one benchmark in a separate process, and reads its rows. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "../report.ts";
import type { Result } from "./results-file.ts";

/** As server/bin/swapstats starts the service. */
const HUGE_PAGES = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };

type BenchmarkRun = {
  /** The folder of the benchmark: `bench` of this working tree, or of another commit's. */
  readonly folder: string;
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the benchmark. */
  readonly signal: AbortSignal;
};

/** Returns the rows that the benchmark reported. Rejects when it cannot start, and with the signal's reason when aborted. */
export async function runBenchmark({ folder, name, env, signal }: BenchmarkRun): Promise<Result> {
  const kept = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
  const rowsFile = join(kept, "rows");
  const startedMs = performance.now();
  try {
    signal.throwIfAborted();
    const child = spawn(process.execPath, [join(folder, `${name}.ts`)], {
      stdio: "inherit",
      env: { ...HUGE_PAGES, ...process.env, ...env, SWAPSTATS_BENCH_ROWS_FILE: rowsFile },
    });
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end, { once: true });
    const [status] = (await once(child, "exit")) as [number | null];
    signal.removeEventListener("abort", end);
    signal.throwIfAborted();
    console.log(`${name} took ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    const lines = existsSync(rowsFile) ? readFileSync(rowsFile, "utf8").trimEnd().split("\n") : [];
    return { name, rows: lines.map((line) => JSON.parse(line) as Row), failed: status !== 0 };
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}
