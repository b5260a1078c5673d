/** The configuration file that `config init` writes: every key with its default and its meaning, all commented out. */
import { envNameOf, keysOf } from "./key.ts";
import { FEEDERS } from "./keys/feeders.ts";
import { CONFIG_KEYS } from "./keys.ts";

const WIDTH = 100;
const CHAIN_EXAMPLE = "56";

const HEAD = [
  "Configuration of swapstats. Every key is listed with its default, commented out. Remove the `#` of the keys that",
  "you change. `swapstats config check --config FILE` checks the file.",
];

/** Returns YAML that loads to the defaults. */
export function initialYaml(): string {
  const lines = HEAD.map((line) => `# ${line}`);
  let open: readonly string[] = [];
  for (const { path, kind, defaultText, meaning } of CONFIG_KEYS) {
    const parts = path.replace("<id>", CHAIN_EXAMPLE).split(".");
    const parents = parts.slice(0, -1);
    const common = commonLength(open, parents);
    if (common === 0 && (parents.length === 0 || open[0] !== parents[0])) lines.push("");
    for (let depth = common; depth < parents.length; depth++) {
      lines.push(
        `${"  ".repeat(depth)}${parents[depth]}:${parents[depth] === CHAIN_EXAMPLE ? " # a chain, by its id" : ""}`,
      );
    }
    open = parents;
    const indent = "  ".repeat(parents.length);
    for (const line of wrapped(plain(meaning), WIDTH - indent.length)) lines.push(`${indent}# ${line}`);
    if (kind.type === "secret")
      lines.push(`${indent}# By reference: file:PATH or env:NAME. Or by the variable ${envNameOf(path)}.`);
    lines.push(`${indent}# ${parts.at(-1)}: ${scalar(defaultText)}`.trimEnd());
    if (path === FEEDERS.list.path) lines.push(...feederLines(indent));
  }
  return `${lines.join("\n")}\n`;
}

/** Returns an entry of each type with all its keys. */
function feederLines(indent: string): string[] {
  return Object.entries(FEEDERS.types).flatMap(([type, section]) => [
    `${indent}#   - type: ${type}`,
    ...[...keysOf(FEEDERS.common), ...keysOf(section)].map(({ path, defaultText, isRequired }) =>
      `${indent}#     ${isRequired ? "" : "# "}${path}: ${scalar(defaultText)}`.trimEnd(),
    ),
  ]);
}

/** Returns the text as a YAML scalar. A colon at its end would start a section. */
function scalar(text: string): string {
  return text.endsWith(":") ? JSON.stringify(text) : text;
}

/** Replaces Markdown links by their text and file. */
function plain(meaning: string): string {
  return meaning.replaceAll(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g, "$1 (docs/$2)");
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width - 2) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
