/** The commands `key create` and `key list`: API keys in the file of `security.api_keys_path`. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { type ApiKey, hashOfKey, keyLine, newApiKey, readApiKeys } from "../access/identity/api-keys.ts";
import type { Scope } from "../access/identity.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { Output } from "./output.ts";
import { type Column, tableLines } from "./table.ts";

const LINE_FEED = 10;
/** Only the owner of the file may read it. */
const FILE_MODE = 0o600;
/** Hexadecimal digits of a hash that a list shows. */
const HASH_DIGITS_SHOWN = 12;

const COLUMNS: readonly Column[] = ["NAME", "SCOPE", "SHA256"].map((title) => ({ title, align: "left" }));

type NewKey = { readonly name: string; readonly scopes: ReadonlySet<Scope> };

/** Adds a key to the file, which is made if it is absent. Prints the key, which is kept nowhere else. */
export function runKeyCreate({ name, scopes }: NewKey, path: string | undefined, output: Output): void {
  const file = fileOf(path);
  const isThere = existsSync(file);
  const keys = isThere ? read(file) : [];
  if (keys.some((key) => key.name === name)) {
    throw new SwapstatsError(
      "usage",
      `${file} has a key named ${name}. Choose another name, or remove its line first.`,
    );
  }
  const text = newApiKey();
  const line = `${keyLine({ name, scopes, hash: hashOfKey(text) })}\n`;
  try {
    const needsEnd = isThere && ![undefined, LINE_FEED].includes(readFileSync(file).at(-1));
    appendFileSync(file, `${needsEnd ? "\n" : ""}${line}`, { mode: FILE_MODE });
  } catch (cause) {
    throw new SwapstatsError("storage_failed", `Cannot write ${file}: ${(cause as Error).message}.`, { cause });
  }
  output.err(`Added ${name} (${[...scopes].join(", ")}) to ${file}. The key is shown once, and kept nowhere:\n`);
  output.out(`${text}\n`);
}

export function runKeyList(path: string | undefined, output: Output): void {
  const rows = read(fileOf(path)).map(({ name, scopes, hash }) => [
    name,
    [...scopes].join(","),
    hash.toString("hex").slice(0, HASH_DIGITS_SHOWN),
  ]);
  output.out(`${tableLines(COLUMNS, rows).join("\n")}\n`);
}

function fileOf(path: string | undefined): string {
  if (path !== undefined) return path;
  throw new SwapstatsError(
    "usage",
    "No file of keys is named. Give --file, or set security.api_keys_path in the configuration.",
  );
}

function read(file: string): readonly ApiKey[] {
  try {
    return readApiKeys(file);
  } catch (cause) {
    throw new SwapstatsError("bad_config", `${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
