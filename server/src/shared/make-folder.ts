/** Creates a folder and its parents. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Creates the folder and its missing parents, or throws the system's error. `mkdirSync` with `recursive` was rejected: below /proc, where a
 * folder can be read but nothing can be created, Node 24 retries for ever, and the hanging process handles no signal.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = path; !isFolder(folder); folder = dirname(folder)) {
    missing.push(folder);
    if (dirname(folder) === folder) break;
  }
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process created it first.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !isFolder(folder)) throw error;
    }
  }
}

/** Throws when a file is in the way, or when the path cannot be read. */
function isFolder(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) throw new Error(`ENOTDIR: ${path} is not a folder`);
  return stats !== undefined;
}
