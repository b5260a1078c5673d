/** Command lines of scripts: `--help`, and a clear sentence for what is wrong. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** Returns the values of the options. `--help` prints the usage and ends the process; a wrong option does so with exit code 2. */
export function readOptions<const T extends ParseArgsOptionsConfig>(usage: string, options: T) {
  if (process.argv.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
