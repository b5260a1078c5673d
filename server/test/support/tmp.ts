import { mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a test hands over so that its folder goes with it: the context of `test`, or the module `node:test` in a suite. */
export type Cleanup = { after(run: () => Promise<void>): void };

/** A fresh folder below the system's temporary one, removed after the test. Returns its real path (no links in it). */
export function tempDir(t: Cleanup, name = "test"): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `swapstats-${name}-`)));
  // A server that was killed may still be closing files, so a failed removal is tried again.
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return path;
}
