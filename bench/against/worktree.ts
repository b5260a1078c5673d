/** The working tree of another commit in a temporary folder, with the packages of this one. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PACKAGES = "node_modules";

/** Runs git, and returns its output without the line feed at the end. Throws with git's message. */
export function git(repository: string, ...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** Runs `work` with the folder of the commit, and always removes it. Packages are linked, and what `npm run build` makes is built. */
export async function withWorktree<T>(
  repository: string,
  commit: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const kept = mkdtempSync(join(tmpdir(), "swapstats-against-"));
  const folder = join(kept, "tree");
  try {
    git(repository, "worktree", "add", "--quiet", "--detach", folder, commit);
    for (const packages of globSync([PACKAGES, `*/${PACKAGES}`], { cwd: repository })) {
      if (existsSync(join(folder, packages, ".."))) linkPackages(join(repository, packages), join(folder, packages));
    }
    build(folder);
    return await work(folder);
  } finally {
    rmSync(kept, { recursive: true, force: true });
    git(repository, "worktree", "prune");
  }
}

/** Links to the workspaces are relative, so copies of them lead to the commit's own sources. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), join(to, name));
    else if (name.startsWith("@")) linkPackages(path, join(to, name));
    else symlinkSync(path, join(to, name));
  }
}

function build(folder: string): void {
  const file = join(folder, "package.json");
  const { scripts } = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { scripts: undefined };
  if (scripts?.build === undefined) return;
  const { status, stderr } = spawnSync("npm", ["run", "-s", "build"], { cwd: folder, encoding: "utf8" });
  if (status !== 0)
    console.error(`The build of the old program failed, and benchmarks that need it will fail: ${stderr}`);
}
