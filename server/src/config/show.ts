/** The effective configuration as text, for `config show`: every key and the origin of its value. Secrets are masked. */
import type { Setting } from "./settings.ts";
import { formatValue } from "./values.ts";

/** Returns YAML that loads to the same configuration, unless it has secrets. Keys that are not set are comments. */
export function showYaml(settings: readonly Setting[]): string {
  const lines: string[] = [];
  let open: string[] = [];
  for (const { path, spec, value, origin } of settings) {
    const parts = partsOf(path);
    const parents = parts.slice(0, -1);
    const common = parents.findIndex((part, depth) => open[depth] !== part);
    const from = common === -1 ? parents.length : common;
    let dash = "";
    for (let depth = from; depth < parents.length; depth++) {
      if (isIndex(parents[depth])) dash = "- ";
      else lines.push(`${"  ".repeat(depth)}${parents[depth]}:`);
    }
    open = parents;
    const shown = formatValue(spec.kind, value);
    const line = `${parts.at(-1)}: ${shown === undefined ? "" : JSON.stringify(shown)}`;
    const indent = `${"  ".repeat(parents.length - (dash === "" ? 0 : 1))}${dash}`;
    lines.push(shown === undefined ? `${indent}# ${line}(not set)` : `${indent}${line}${noteOf(origin)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Returns nested objects as JSON text. */
export function showJson(settings: readonly Setting[]): string {
  const root: Node = {};
  for (const { path, spec, value } of settings) {
    const parts = partsOf(path);
    let node: Node = root;
    for (const [depth, part] of parts.slice(0, -1).entries()) {
      const name = isIndex(part) ? part.slice(1, -1) : part;
      node[name] ??= isIndex(parts[depth + 1]) ? ([] as unknown as Node) : {};
      node = node[name] as Node;
    }
    node[parts.at(-1) ?? path] = formatValue(spec.kind, value) ?? null;
  }
  return `${JSON.stringify(root, null, 2)}\n`;
}

/** An object, or an array by its indexes. */
type Node = Record<string, unknown>;

/** Returns `ingest`, `feeders`, `[0]`, `path` for `ingest.feeders[0].path`. */
function partsOf(path: string): string[] {
  return path.replaceAll("[", ".[").split(".");
}

function isIndex(part: string | undefined): boolean {
  return part?.startsWith("[") === true;
}
function noteOf(origin: Setting["origin"]): string {
  return origin === "default" ? "" : ` # ${origin}`;
}
