/** The command `config init`. */
import { writeFileSync } from "node:fs";
import { initialYaml } from "../config/init.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { Output } from "./output.ts";

/** Writes the file, or prints it when `file` is `-`. Throws `storage_failed` when the file exists and may not be replaced, or cannot be written. */
export function runConfigInit(file: string, mayReplace: boolean, output: Output): void {
  const text = initialYaml();
  if (file === "-") {
    output.out(text);
    return;
  }
  try {
    writeFileSync(file, text, { flag: mayReplace ? "w" : "wx" });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const message = isThere
      ? `${file} exists already; give another name, or --force to replace it`
      : `Cannot write ${file}: ${(cause as Error).message}`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
  output.out(`Wrote ${file}. Change what you need, then: swapstats config check --config ${file}\n`);
}
