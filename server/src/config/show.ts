/** The effective configuration as text, for `config show`: every key and the origin of its value. Secrets are masked. */
import type { Setting } from "./settings.ts";
import { formatValue } from "./values.ts";

/** Returns YAML that loads to the same configuration, unless it has secrets. Keys that are not set are comments. */
export function showYaml(settings: readonly Setting[]): string {
  const lines: string[] = [];
  let open: string[] = [];
  for (const { path, spec, value, origin } of settings) {
    const parts = path.split(".");
    const parents = parts.slice(0, -1);
    const common = parents.findIndex((part, depth) => open[depth] !== part);
    const from = common === -1 ? parents.length : common;
    for (let depth = from; depth < parents.length; depth++) lines.push(`${"  ".repeat(depth)}${parents[depth]}:`);
    open = parents;
    const shown = formatValue(spec.kind, value);
    const line = `${parts.at(-1)}: ${shown === undefined ? "" : JSON.stringify(shown)}`;
    const indent = "  ".repeat(parents.length);
    lines.push(shown === undefined ? `${indent}# ${line}(not set)` : `${indent}${line}${noteOf(origin)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Returns nested objects as JSON text. */
export function showJson(settings: readonly Setting[]): string {
  const root: Record<string, unknown> = {};
  for (const { path, spec, value } of settings) {
    const parts = path.split(".");
    let node = root;
    for (const part of parts.slice(0, -1)) {
      node[part] ??= {};
      node = node[part] as Record<string, unknown>;
    }
    node[parts.at(-1) ?? path] = formatValue(spec.kind, value) ?? null;
  }
  return `${JSON.stringify(root, null, 2)}\n`;
}

function noteOf(origin: Setting["origin"]): string {
  return origin === "default" ? "" : ` # ${origin}`;
}
