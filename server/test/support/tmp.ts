import { mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The owner of a temporary folder: the context of `test`, or the module `node:test` in a suite. */
type Cleanup = { after(run: () => Promise<void>): void };

/** Creates a folder below the system's temporary one, and removes it after the test. Returns its real path, without links. */
export function tempDir(t: Cleanup, name = "test"): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `swapstats-${name}-`)));
  // A killed server may still be closing files, so a failed removal is retried.
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return path;
}
