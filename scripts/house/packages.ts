/**
 * Rules about package files: exact versions, a complete lock file that names no registry, and for every dependency a reason in
 * ARCHITECTURE.md and a file that uses it.
 */
import type { Files, Problem } from "./problem.ts";
import { isCode } from "./source.ts";

type LockEntry = {
  link?: boolean;
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
};

/** Packages that are run, and that no file imports. */
const TOOLS = new Set(["node", "typescript", "@biomejs/biome"]);

export function checkPackages(files: Files): Problem[] {
  return [...checkLock(files), ...checkManifests(files)];
}

function checkLock(files: Files): Problem[] {
  const file = "package-lock.json";
  const text = files.get(file);
  if (text === undefined) return [{ file, line: 1, message: "missing" }];
  const packages = (JSON.parse(text) as { packages: Record<string, LockEntry> }).packages;
  const problems: Problem[] = [];
  for (const [path, entry] of Object.entries(packages)) {
    if (entry.link !== true && entry.resolved !== undefined) {
      problems.push({ file, line: 1, message: `${path} has a "resolved" address; .npmrc leaves them out` });
    }
    // npm drops the packages of other platforms when it cannot load them. `npm ci` then refuses the lock file on every machine.
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      if (!resolvesFrom(packages, path, name)) {
        problems.push({
          file,
          line: 1,
          message: `${name}, needed by ${path || "the root"}, is missing; create the lock file again`,
        });
      }
    }
  }
  return problems;
}

/** Looks a package up as Node does: in node_modules of the package itself, then of each folder above it. */
function resolvesFrom(packages: Readonly<Record<string, LockEntry>>, path: string, name: string): boolean {
  let at = path;
  for (;;) {
    if (`${at === "" ? "" : `${at}/`}node_modules/${name}` in packages) return true;
    if (at === "") return false;
    const parent = at.lastIndexOf("/node_modules/");
    at = parent === -1 ? "" : at.slice(0, parent);
  }
}

function checkManifests(files: Files): Problem[] {
  const architecture = files.get("ARCHITECTURE.md") ?? "";
  const sources = [...files].flatMap(([file, text]) => (isCode(file) ? [text] : []));
  const isUsed = (name: string): boolean =>
    sources.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
  const problems: Problem[] = [];
  for (const [file, text] of files) {
    if (!/(^|\/)package\.json$/.test(file)) continue;
    const manifest = JSON.parse(text) as Record<"dependencies" | "devDependencies", Record<string, string> | undefined>;
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      if (name.startsWith("@swapstats/")) continue;
      if (!/^\d+\.\d+\.\d+$/.test(version)) {
        problems.push({ file, line: 1, message: `${name} must have an exact version, not "${version}"` });
      }
      if (name.startsWith("@types/")) continue;
      if (!architecture.includes(`\`${name}\``)) {
        problems.push({ file, line: 1, message: `ARCHITECTURE.md does not say why ${name} is used` });
      }
      if (!TOOLS.has(name) && !isUsed(name)) {
        problems.push({ file, line: 1, message: `no file uses ${name}; remove it` });
      }
    }
  }
  return problems;
}
