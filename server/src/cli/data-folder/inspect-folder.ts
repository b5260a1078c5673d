/**
 * Inspects the checkpoints of a data folder. Nothing is written and no lock is taken, so it works beside a running service. Files
 * that the service removes during the inspection are not reported as damage.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest, PartRef } from "../../pipeline/checkpoint/manifest.ts";
import { checkpointBytes, decodeManifest, isIntact } from "../../pipeline/checkpoint/manifest.ts";
import {
  CHECKPOINTS_FOLDER,
  checkpointPartitions,
  manifestName,
  manifestNumbers,
  partFile,
  partitionFolder,
} from "../../stores/embedded-checkpoint-store.ts";
import {
  ATTEMPTS_MAX,
  type CheckpointReport,
  type CheckpointsReport,
  checkChain,
  checkpointsReport,
  describeCheckpoint,
} from "./checkpoint-report.ts";
import { requireFolder } from "./require-folder.ts";

/** Reads every checkpoint of a data folder and checks each of its files. Throws `not_found` when there is no such folder. */
export async function inspectCheckpoints(dataDir: string): Promise<CheckpointsReport> {
  requireFolder(dataDir);
  const folder = join(dataDir, CHECKPOINTS_FOLDER);
  const names = existsSync(folder) ? await readdir(folder) : [];
  const partitions: CheckpointReport[] = [];
  for (const partition of checkpointPartitions(names)) partitions.push(await inspectPartition(dataDir, partition));
  const lines = partitions.flatMap((report) => describeCheckpoint(report, "files"));
  if (partitions.length === 0) lines.push(`No checkpoint below ${folder}: the service has not written one yet.`);
  return checkpointsReport(partitions, lines);
}

async function inspectPartition(dataDir: string, partition: number): Promise<CheckpointReport> {
  const folder = partitionFolder(dataDir, partition);
  for (let attempt = 1; ; attempt++) {
    const before = manifestNumbers(await readdir(folder)).at(-1);
    const report = await inspectOnce(folder, partition);
    const after = manifestNumbers(await readdir(folder)).at(-1);
    if (before === after || report.findings.length === 0 || attempt === ATTEMPTS_MAX) return report;
  }
}

async function inspectOnce(folder: string, partition: number): Promise<CheckpointReport> {
  const names = await readdir(folder);
  const findings: string[] = [];
  const known = new Set<string>();
  const checked = new Set<string>();
  let current: Manifest | undefined;
  // Newest first. The older manifest is used when the newer one is damaged.
  for (const number of manifestNumbers(names).toReversed()) {
    const name = manifestName(number);
    known.add(name);
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    if (bytes === undefined) continue;
    const decoded = decodeManifest(bytes, partition);
    if (decoded.kind === "damaged") findings.push(`${join(folder, name)}: ${decoded.reason}`);
    if (decoded.kind === "newer")
      findings.push(`${join(folder, name)}: format ${decoded.format} is of a newer version`);
    if (decoded.kind !== "good") continue;
    const { manifest } = decoded;
    for (const part of [...manifest.bases.flatMap((base) => base.parts), ...manifest.deltas]) {
      known.add(partFile(part.name));
      // Parts that only the older manifest names may already be removed.
      if (current === undefined && !checked.has(part.name)) await checkPart(folder, part, findings);
      checked.add(part.name);
    }
    if (current === undefined) findings.push(...checkChain(manifest));
    current ??= manifest;
  }
  const unnamed = names.filter((name) => !known.has(name));
  return {
    partition,
    manifest: current,
    bytes: current === undefined ? 0 : checkpointBytes(current),
    findings,
    unnamed,
  };
}

async function checkPart(folder: string, part: PartRef, findings: string[]): Promise<void> {
  const path = join(folder, partFile(part.name));
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) findings.push(`${path}: missing or not readable`);
  else if (bytes.length !== part.bytes) findings.push(`${path}: ${bytes.length} bytes, should have ${part.bytes}`);
  else if (!isIntact(part, bytes)) findings.push(`${path}: the checksum does not match`);
}
