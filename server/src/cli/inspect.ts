/** The commands `checkpoint inspect` and `log verify`. */
import { inspectCheckpoints, verifyLog } from "../pipeline/inspect.ts";
import type { Output } from "./output.ts";
import type { InspectOptions } from "./program.ts";
import { Progress } from "./progress.ts";
import { readConfig } from "./read-config.ts";
import { CommandFailed } from "./run.ts";

type Report = { readonly isSound: boolean; readonly lines: readonly string[] };

export async function runCheckpointInspect(options: InspectOptions, output: Output): Promise<void> {
  print(await inspectCheckpoints(dataDirOf(options, output)), options, output);
}

export async function runLogVerify(options: InspectOptions, output: Output): Promise<void> {
  const progress = new Progress(output, "verify", performance.now());
  try {
    const report = await verifyLog(dataDirOf(options, output), (bytesDone, bytesAll) =>
      progress.update({ records: undefined, bytesDone, bytesAll }, performance.now()),
    );
    progress.end();
    print(report, options, output);
  } finally {
    progress.end();
  }
}

function dataDirOf(options: InspectOptions, output: Output): string {
  return options.dataDir ?? readConfig(options.config, output).config.dataDir;
}

function print(report: Report, { format }: InspectOptions, output: Output): void {
  const { lines, ...rest } = report;
  output.out(format === "json" ? `${JSON.stringify(rest)}\n` : `${lines.join("\n")}\n`);
  if (!report.isSound) throw new CommandFailed("something is damaged");
}
