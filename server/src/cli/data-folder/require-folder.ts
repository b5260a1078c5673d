import { existsSync } from "node:fs";
import { SwapstatsError } from "../../shared/errors.ts";

/** Throws `not_found` where there is no such folder. */
export function requireFolder(dataDir: string): void {
  if (existsSync(dataDir)) return;
  throw new SwapstatsError("not_found", `There is no data folder ${dataDir}. Name another one with --data-dir.`);
}
