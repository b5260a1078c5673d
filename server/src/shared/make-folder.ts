/** Makes a folder with those above it. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes the folder and what is missing above it, or throws the system's error. Not `mkdirSync` with `recursive`: below /proc, where a
 * folder can be seen and nothing can be made, Node 24 asks again for ever, and a process that hangs there hears no signal.
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
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !isFolder(folder)) throw error;
    }
  }
}

/** Throws where a file stands in the way, or the path cannot be looked at. */
function isFolder(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) throw new Error(`ENOTDIR: ${path} is not a folder`);
  return stats !== undefined;
}
