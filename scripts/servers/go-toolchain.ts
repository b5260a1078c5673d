/**
 * Finds a Go that can build the servers. From 1.21 on the Go tool downloads the version that a module requires. Older versions, such as
 * Debian 12's 1.19, do not. They can download that version as a published module, with its checksum verified like any other.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { download } from "./downloads.ts";

/** Version that the newest of the servers requires. */
const GO_VERSION = "1.26.8";
/** From this version on Go switches by itself. */
const SWITCHES_FROM_MINOR = 21;

/** Returns `found`, or a newer Go that is stored below `cache`. The folder must exist. */
export function goThatBuilds(found: string, cache: string): string {
  const ownVersion = outputOf(found, ["env", "GOVERSION"]);
  const minor = Number(/^go1\.([0-9]+)/.exec(ownVersion)?.[1]);
  if (minor >= SWITCHES_FROM_MINOR) return found;
  const target = join(cache, `go-${GO_VERSION}`);
  if (!existsSync(target)) fetchGo(found, cache, target);
  return join(target, "bin", "go");
}

function fetchGo(older: string, cache: string, target: string): void {
  const platform = `${outputOf(older, ["env", "GOOS"])}-${outputOf(older, ["env", "GOARCH"])}`;
  const args = ["mod", "download", "-json", `golang.org/toolchain@v0.0.1-go${GO_VERSION}.${platform}`];
  download(older, args);
  const { Dir: source } = JSON.parse(outputOf(older, args)) as { Dir: string };
  const folder = mkdtempSync(join(cache, "new-"));
  try {
    const copy = join(folder, "go");
    cpSync(source, copy, { recursive: true });
    makeUsable(copy);
    renameSync(copy, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Go stores modules read-only and without execute permission. */
function makeUsable(root: string): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const isProgram = /[\\/](bin|tool)([\\/]|$)/.test(entry.parentPath.slice(root.length));
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() || isProgram ? 0o755 : 0o644);
  }
  chmodSync(root, 0o755);
}

function outputOf(go: string, args: readonly string[]): string {
  // GOROOT of another installation would give this one the wrong libraries.
  const { GOROOT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(go, args, { encoding: "utf8", env, cwd: dirname(go) });
  if (status !== 0) throw new Error(`${go} ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}
