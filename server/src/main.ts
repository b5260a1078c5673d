/** The entry of the program: the command line, from arguments to the exit code. */
import { runProcess } from "./cli/run.ts";

await runProcess(process.argv.slice(2));
