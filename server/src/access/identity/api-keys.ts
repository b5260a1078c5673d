/**
 * API keys: a file with a line `NAME SCOPE SHA256` for each. The file holds no key, so that reading it lets nobody in. A plain hash suffices
 * because keys are 256 random bits; the slow hashes that passwords need would only slow down every first request.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readTextFile } from "../../shared/read-regular-file.ts";
import type { Scope } from "../identity.ts";
import { readScopes } from "./scopes.ts";

export type ApiKey = {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly hash: Buffer;
};

/** Keys of one file. Each request with an unknown key is compared with all of them. */
export const API_KEYS_MAX = 1_000;
const FILE_BYTES_MAX = 1024 * 1024;
/** Marks a key, so that scanners of repositories find keys that were committed. */
const KEY_PREFIX = "swapstats_";
const KEY_BYTES = 32;
const NAME = /^[A-Za-z0-9._@:-]{1,128}$/;
export const KEY_NAME_HINT = "1 to 128 letters, digits and . _ @ : -";
const HASH = /^[0-9a-f]{64}$/i;

export const isKeyName = (name: string): boolean => NAME.test(name);
export const newApiKey = (): string => `${KEY_PREFIX}${randomBytes(KEY_BYTES).toString("base64url")}`;
export const hashOfKey = (key: string): Buffer => createHash("sha256").update(key).digest();

/** Writes the line of a key as the file has it, without the end of the line. */
export function keyLine({ name, scopes, hash }: ApiKey): string {
  return `${name} ${[...scopes].join(",")} ${hash.toString("hex")}`;
}

/** Throws an error that names the line and what is wrong with it. */
export function readApiKeys(path: string): readonly ApiKey[] {
  return parseApiKeys(readTextFile(path, FILE_BYTES_MAX));
}

/** Empty lines and lines that begin with `#` are skipped. Throws an error that names the line and what is wrong with it. */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const keys: ApiKey[] = [];
  const names = new Set<string>();
  for (const [index, given] of text.split("\n").entries()) {
    const line = given.trim();
    if (line === "" || line.startsWith("#")) continue;
    const key = parseLine(line, index + 1);
    if (names.has(key.name)) throw new Error(`line ${index + 1}: the name ${key.name} is there twice`);
    names.add(key.name);
    keys.push(key);
    if (keys.length > API_KEYS_MAX) throw new Error(`it has more than ${API_KEYS_MAX} keys; issue tokens instead`);
  }
  return keys;
}

/** The message never repeats the line: someone may have written the key itself there. */
function parseLine(line: string, number: number): ApiKey {
  const [name = "", scope = "", hash = "", ...rest] = line.split(/\s+/);
  if (!isKeyName(name)) throw new Error(`line ${number}: the name is not ${KEY_NAME_HINT}`);
  const scopes = readScopes(scope);
  if (scopes === undefined) {
    throw new Error(`line ${number}: the scope is not read, ingest or admin, or several of them with commas`);
  }
  if (!HASH.test(hash) || rest.length > 0) {
    throw new Error(`line ${number}: after name and scope comes the SHA-256 of the key, 64 hexadecimal digits`);
  }
  return { name, scopes, hash: Buffer.from(hash, "hex") };
}

/** Takes the same time whichever key matches, and whether one does. */
export function findApiKey(keys: readonly ApiKey[], text: string): ApiKey | undefined {
  const hash = hashOfKey(text);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key;
  return found;
}
