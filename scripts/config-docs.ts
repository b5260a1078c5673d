/** Writes the parts of docs/configuration.md that follow from the table of keys: the keys, and the list of secrets. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeySpec } from "../server/src/config/key.ts";
import { CONFIG_KEYS } from "../server/src/config/keys.ts";

export const PAGE = join(import.meta.dirname, "../docs/configuration.md");

/** The page with both parts as the table of keys has them. Throws where the page lacks the marks of a part. */
export function withKeys(page: string, keys: readonly KeySpec[] = CONFIG_KEYS): string {
  return withPart(withPart(page, "keys", keysTable(keys)), "secrets", secretsList(keys));
}

function keysTable(keys: readonly KeySpec[]): string {
  const rows = keys.map(({ path, defaultText, meaning }) => {
    const shown = defaultText === "" ? "" : `\`${defaultText}\` `;
    return `| \`${path}\` | ${shown}| ${meaning} |`;
  });
  return ["| key | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

function secretsList(keys: readonly KeySpec[]): string {
  const paths = keys.filter(({ kind }) => kind.type === "secret").map(({ path }) => `- \`${path}\``);
  return paths.join("\n");
}

/** A part stands between `<!-- NAME: written by npm run docs -->` and `<!-- end of NAME -->`. */
function withPart(page: string, name: string, content: string): string {
  const head = `<!-- ${name}: written by npm run docs -->\n`;
  const end = `\n<!-- end of ${name} -->`;
  const from = page.indexOf(head);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`docs/configuration.md has no part "${name}": ${head}...${end}`);
  return page.slice(0, from + head.length) + content + page.slice(to);
}

if (import.meta.main) writeFileSync(PAGE, withKeys(readFileSync(PAGE, "utf8")));
