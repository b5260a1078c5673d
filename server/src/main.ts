/** The command line: arguments in, exit code out. */
import { runProcess } from "./cli/run.ts";

await runProcess(process.argv.slice(2));
