/** Writes the parts of docs/configuration.md that follow from the table of keys: the keys, those of feeders, and the list of secrets. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KeySpec, keysOf } from "../server/src/config/key.ts";
import { FEEDERS } from "../server/src/config/keys/feeders.ts";
import { CONFIG_KEYS } from "../server/src/config/keys.ts";

export const PAGE = join(import.meta.dirname, "../docs/configuration.md");

/** The page with these parts as the table of keys has them. Throws where the page lacks the marks of a part. */
export function withKeys(page: string, keys: readonly KeySpec[] = CONFIG_KEYS): string {
  const known = withPart(withPart(page, "keys", keysTable(keys)), "secrets", secretsList(keys));
  return withPart(known, "feeders", feederTables());
}

function keysTable(keys: readonly KeySpec[]): string {
  const rows = keys.map(({ path, defaultText, meaning }) => {
    const shown = defaultText === "" ? "" : `\`${defaultText}\` `;
    return `| \`${path}\` | ${shown}| ${meaning} |`;
  });
  return ["| key | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

/** The keys of the entries of `ingest.feeders`, by type. */
function feederTables(): string {
  const parts = Object.entries(FEEDERS.types).map(([type, section]) => {
    const keys = keysOf(section).map((spec) =>
      spec.isRequired ? { ...spec, meaning: `${spec.meaning} Needed.` } : spec,
    );
    return `\`type: ${type}\`\n\n${keysTable(keys)}`;
  });
  return parts.join("\n\n");
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
