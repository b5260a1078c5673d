/**
 * Registers suites that need something a machine may lack. Where it is missing, the suite is not registered, and the test command lists it
 * as "not run here" with the reason. In CI (`CI=true`) a missing thing is a failed test. No test is ever skipped, and nothing is left out
 * unnoticed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { test } from "node:test";
import { findServer, type ServerName } from "../../../scripts/servers/install.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../..");

type Needs = {
  /** The file of real swaps. */
  readonly realData?: true;
  /** A Python 3 that can import these modules. `[]` for the bare language. */
  readonly python?: readonly string[];
  readonly chromium?: true;
  /** Programs on PATH. */
  readonly programs?: readonly string[];
  /** Permission to mount a small file system (root on Linux). */
  readonly mount?: true;
  /** Real servers, as scripts/servers/install.ts installs them. */
  readonly servers?: readonly ServerName[];
};

/** Paths of the found things. The path of a thing that was not required is empty. */
type Found = { realDataFile: string; python: string; chromium: string };

/** The folder with the real swaps: SWAPSTATS_DATA, or `../shared/data` beside the repository. */
function realDataDir(): string {
  return process.env.SWAPSTATS_DATA ?? resolve(REPOSITORY, "../shared/data");
}

/** Calls `register` if everything is here. Otherwise says why the suite does not run, or fails in CI. */
export function requires(suite: string, needs: Needs, register: (found: Found) => void): void {
  const found: Found = { realDataFile: "", python: "", chromium: "" };
  const reason = findAll(needs, found);
  if (reason === undefined) {
    register(found);
    return;
  }
  if (process.env.CI === "true") {
    test(suite, () => assert.fail(`in CI every suite runs, but here is ${reason}`));
    return;
  }
  const line = `not run here: ${suite}: ${reason}\n`;
  const list = process.env.SWAPSTATS_TEST_NOT_RUN_FILE;
  if (list === undefined) process.stderr.write(line);
  else appendFileSync(list, line);
}

/** Fills `found`, and returns the missing things. */
function findAll(needs: Needs, found: Found): string | undefined {
  if (needs.realData) {
    found.realDataFile = join(realDataDir(), "eth_dex_20230808.csv");
    if (!existsSync(found.realDataFile)) return "no file of real swaps (SWAPSTATS_DATA names its folder)";
  }
  if (needs.python !== undefined) {
    found.python = findPython(needs.python);
    if (found.python === "") return `no Python 3 with the modules [${needs.python.join(", ")}]`;
  }
  if (needs.chromium) {
    found.chromium = findProgram(["chromium", "chromium-browser", "google-chrome"]);
    if (found.chromium === "") return "no Chromium";
  }
  const absent = (needs.programs ?? []).filter((name) => findProgram([name]) === "");
  if (absent.length > 0) return `no program ${absent.join(", ")}`;
  if (needs.mount && !canMount()) return "no right to mount a file system";
  const missing = (needs.servers ?? []).filter((name) => findServer(name) === undefined);
  if (missing.length > 0) return `no ${missing.join(", ")} (node scripts/servers/install.ts ${missing.join(" ")})`;
  return undefined;
}

/**
 * Returns the first interpreter that imports all modules. Debian's packages belong to the system's interpreter, even if another one is
 * first on PATH.
 */
function findPython(modules: readonly string[]): string {
  const candidates = [findProgram(["python3"]), "/usr/bin/python3"].filter((path) => path !== "" && existsSync(path));
  const program = modules.map((name) => `import ${name}`).join("\n");
  return candidates.find((path) => spawnSync(path, ["-c", program], { stdio: "ignore" }).status === 0) ?? "";
}

function findProgram(names: readonly string[]): string {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of names) {
    for (const folder of folders) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return "";
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-mount-"));
  try {
    const options = ["-t", "tmpfs", "-o", "size=64k", "swapstats-probe", folder];
    if (spawnSync("mount", options, { stdio: "ignore" }).status !== 0) return false;
    return spawnSync("umount", [folder], { stdio: "ignore" }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
