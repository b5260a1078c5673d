/** The ready mappings of docs/mappings, for tests. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Schemas } from "../../../src/cli/mapping/run-mapping.ts";

const FOLDER = join(import.meta.dirname, "../../../../docs/mappings");

/** Names of the folders. */
export const READY = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

export function readyFolder(name: string): string {
  return join(FOLDER, name);
}

export function samplePath(name: string): string {
  const sample = readdirSync(readyFolder(name)).find((file) => file.startsWith("sample."));
  if (sample === undefined) throw new Error(`docs/mappings/${name} has no sample`);
  return join(readyFolder(name), sample);
}

/** The ready mappings need none. */
export const NO_SCHEMAS: Schemas = { registry: undefined, signal: new AbortController().signal };
