import { stat } from "node:fs/promises";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { CatalogFile } from "./catalog.ts";
import type { Duck } from "./duck.ts";
import type { HistoryFiles } from "./files.ts";
import type { View } from "./history-queries.ts";

/** Reads every column of every file. Resolves with a sentence for each that is missing or damaged, or has other rows than the catalog says. */
export async function verifyFiles(duck: Duck, files: HistoryFiles, view: View, signal: AbortSignal): Promise<string[]> {
  const problems: string[] = [];
  for (const file of view.snapshot.files) {
    signal.throwIfAborted();
    const [path] = await view.fetch([file]);
    const problem = await problemOf(duck, files, file, path as string);
    if (problem !== undefined) problems.push(`The file ${files.pathOf(file.path)} ${problem}.`);
  }
  return problems;
}

async function problemOf(
  duck: Duck,
  files: HistoryFiles,
  file: CatalogFile,
  path: string,
): Promise<string | undefined> {
  try {
    const { size } = await stat(files.pathOf(path));
    if (size !== file.bytes) return `has ${size} bytes instead of ${file.bytes}`;
    // A hash of all columns reads all pages.
    const [row] = await duck.query(`SELECT count(*), bit_xor(hash(data)) FROM ${files.scan([path])} AS data`);
    return Number(row![0]) === file.rows ? undefined : `has ${row![0]} rows instead of ${file.rows}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "is missing";
    if (error instanceof SwapstatsError && error.retryable) throw error;
    return `cannot be read: ${(error as Error).message}`;
  }
}
