/** Revoked identities: a file with a line `sub NAME` or `jti ID` for each. */
import { readTextFile } from "../../shared/read-regular-file.ts";

export type Revoked = {
  /** Subjects of tokens, and names of API keys. */
  readonly subjects: ReadonlySet<string>;
  readonly tokenIds: ReadonlySet<string>;
};

export const REVOKED_MAX = 100_000;
const FILE_BYTES_MAX = 16 * 1024 * 1024;

export const NOBODY_REVOKED: Revoked = { subjects: new Set(), tokenIds: new Set() };

/** Throws an error that names the line and what is wrong with it. */
export function readRevoked(path: string): Revoked {
  return parseRevoked(readTextFile(path, FILE_BYTES_MAX));
}

/** The rest of the line after `sub` or `jti` is the value. Empty lines and lines that begin with `#` are skipped. */
export function parseRevoked(text: string): Revoked {
  const subjects = new Set<string>();
  const tokenIds = new Set<string>();
  for (const [index, given] of text.split("\n").entries()) {
    const line = given.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, kind, value] = /^(sub|jti)\s+(.+)$/.exec(line) ?? [];
    if (value === undefined) throw new Error(`line ${index + 1} is neither \`sub NAME\` nor \`jti ID\``);
    (kind === "sub" ? subjects : tokenIds).add(value);
    if (subjects.size + tokenIds.size > REVOKED_MAX) {
      throw new Error(`it has more than ${REVOKED_MAX} entries; remove those whose tokens have expired`);
    }
  }
  return { subjects, tokenIds };
}
