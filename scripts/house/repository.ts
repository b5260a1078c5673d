import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Files } from "./problem.ts";

export const REPOSITORY = resolve(import.meta.dirname, "../..");

const TEXT =
  /(\.(tsx?|js|json|jsonc|md|yaml|yml|toml|sh|html|css|proto|sql|py|txt|editorconfig|npmrc|gitignore|gitattributes)|\/run|LICENSE|bin\/swapstats)$/;
/** Known by their names alone, so that links find them. */
const PICTURE = /\.png$/;
const FILE_BYTES_MAX = 4 * 2 ** 20;

/** Reads all texts of the repository, and the names of its pictures: tracked files and untracked files that git does not ignore. */
export function readRepository(): Files {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: REPOSITORY,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  const files = new Map<string, string>();
  for (const file of new Set(list.split("\0"))) {
    const path = join(REPOSITORY, file);
    if (PICTURE.test(file)) files.set(file, "");
    const info = statSync(path, { throwIfNoEntry: false });
    if (TEXT.test(file) && info?.isFile() && info.size <= FILE_BYTES_MAX) files.set(file, readFileSync(path, "utf8"));
  }
  return files;
}
