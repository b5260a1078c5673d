/** The commands `checkpoint inspect`, `log verify` and `backup`. */

import { printableJson } from "../shared/printable-text.ts";
import { countPartitions } from "../sources/open-source.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../stores/open-checkpoint-store.ts";
import { CommandFailed } from "./command-failed.ts";
import { backupDataFolder } from "./data-folder/backup.ts";
import type { CheckpointsReport } from "./data-folder/checkpoint-report.ts";
import { inspectCheckpoints } from "./data-folder/inspect-folder.ts";
import { inspectStore } from "./data-folder/inspect-store.ts";
import { verifyLog } from "./data-folder/verify-log.ts";
import type { Output } from "./output.ts";
import { Progress } from "./progress.ts";
import { readConfig } from "./read-config.ts";
import { snakeCase } from "./snake-case.ts";

type Report = { readonly isSound: boolean; readonly lines: readonly string[] };

export type DataDirOptions = { config?: string; dataDir?: string };
export type InspectOptions = DataDirOptions & { format: "text" | "json" };

export async function runCheckpointInspect(options: InspectOptions, output: Output): Promise<void> {
  print(await inspectConfigured(options, output), options, output);
}

/** Inspects the given folder, or the store of the configuration. */
async function inspectConfigured(
  { dataDir, config: path }: InspectOptions,
  output: Output,
): Promise<CheckpointsReport> {
  if (dataDir !== undefined) return inspectCheckpoints(dataDir);
  const { config } = readConfig(path, output);
  const setup = checkpointStoreSetup(config, config.dataDir);
  if (setup.kind === "embedded") return inspectCheckpoints(config.dataDir);
  // Each partition is read, because the store has no list of them.
  const partitions = await countPartitions(config);
  const { store } = await openCheckpointStore(setup.kind === "kafka" ? { ...setup, makesTopic: false } : setup);
  try {
    return await inspectStore(store, partitions, `the store that is configured (${setup.kind})`);
  } finally {
    await store.close();
  }
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
  output.out(format === "json" ? `${printableJson(JSON.stringify(snakeCase(rest)))}\n` : `${lines.join("\n")}\n`);
  if (!report.isSound) throw new CommandFailed("something is damaged");
}
