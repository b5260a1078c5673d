/** The commands `checkpoint inspect`, `log verify` and `backup`. */
import { backupDataFolder } from "../pipeline/backup.ts";
import { inspectCheckpoints, verifyLog } from "../pipeline/inspect.ts";
import { CommandFailed } from "./command-failed.ts";
import type { Output } from "./output.ts";
import type { DataDirOptions, InspectOptions } from "./program-tools.ts";
import { Progress } from "./progress.ts";
import { readConfig } from "./read-config.ts";

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

export async function runBackup(target: string, options: DataDirOptions, output: Output): Promise<void> {
  const { lines } = await backupDataFolder(dataDirOf(options, output), target);
  output.out(`${lines.join("\n")}\n`);
}

function dataDirOf(options: DataDirOptions, output: Output): string {
  return options.dataDir ?? readConfig(options.config, output).config.dataDir;
}

function print(report: Report, { format }: InspectOptions, output: Output): void {
  const { lines, ...rest } = report;
  output.out(format === "json" ? `${JSON.stringify(rest)}\n` : `${lines.join("\n")}\n`);
  if (!report.isSound) throw new CommandFailed("something is damaged");
}
