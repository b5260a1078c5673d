/**
 * A Go that can build the servers. From 1.21 on the tool fetches the version that a module asks for by itself. Older ones, such as
 * that of Debian 12 (1.19), do not, but they can fetch that version as the module that it is published as, with its checksum checked like
 * that of any other.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { download } from "./downloads.ts";

/** What the newest of the servers asks for. */
const GO_VERSION = "1.26.8";
/** From here on Go switches by itself. */
const SWITCHES_FROM_MINOR = 21;

/** `found`, or a newer one that is kept below `cache`, which must exist. */
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

/** Modules are kept read-only and without the right to be run. */
function makeUsable(root: string): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const isProgram = /[\\/](bin|tool)([\\/]|$)/.test(entry.parentPath.slice(root.length));
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() || isProgram ? 0o755 : 0o644);
  }
  chmodSync(root, 0o755);
}

function outputOf(go: string, args: readonly string[]): string {
  // GOROOT of another installation would give this one its libraries.
  const { GOROOT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(go, args, { encoding: "utf8", env, cwd: dirname(go) });
  if (status !== 0) throw new Error(`${go} ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}
