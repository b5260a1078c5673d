/**
 * Inspects the checkpoints of a remote store (Redis, S3, Kafka). Nothing is written, so it works beside running instances. Parts that
 * they replace during the inspection are not reported as damage.
 */
import {
  checkpointBytes,
  type DecodedManifest,
  decodeManifest,
  isIntact,
  type PartRef,
  partNames,
} from "../../pipeline/checkpoint/manifest.ts";
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import {
  ATTEMPTS_MAX,
  type CheckpointReport,
  type CheckpointsReport,
  checkChain,
  checkpointsReport,
  describeCheckpoint,
} from "./checkpoint-report.ts";

/** Inspects the first `count` partitions. `where` names the store. Rejects with `storage_failed` while the store is unavailable. */
export async function inspectStore(store: CheckpointStore, count: number, where: string): Promise<CheckpointsReport> {
  const partitions: CheckpointReport[] = [];
  for (let partition = 0; partition < count; partition++) {
    const report = await inspectPartition(store, partition);
    if (report !== undefined) partitions.push(report);
  }
  const lines = partitions.flatMap((report) => describeCheckpoint(report, "parts"));
  if (partitions.length === 0) lines.push(`No checkpoint in ${where}: no instance has written one yet.`);
  return checkpointsReport(partitions, lines);
}

/** Resolves to undefined where the store has nothing of the partition. */
async function inspectPartition(store: CheckpointStore, partition: number): Promise<CheckpointReport | undefined> {
  for (let attempt = 1; ; attempt++) {
    const before = await store.readManifest(partition);
    if (before?.unreadable !== undefined) throw before.unreadable;
    const report = await inspectOnce(store, partition, before?.bytes);
    const after = await store.readManifest(partition);
    const isSound = report === undefined || report.findings.length === 0;
    if (before?.version === after?.version || isSound || attempt === ATTEMPTS_MAX) return report;
  }
}

async function inspectOnce(
  store: CheckpointStore,
  partition: number,
  bytes: Uint8Array | undefined,
): Promise<CheckpointReport | undefined> {
  const listed = await store.listParts(partition);
  if (bytes === undefined && listed.length === 0) return undefined;
  const findings: string[] = [];
  const decoded: DecodedManifest[] = [];
  for (const one of [bytes, await store.readPreviousManifest(partition)]) {
    if (one === undefined) continue;
    const read = decodeManifest(one, partition);
    const name = decoded.length === 0 ? "the manifest" : "the manifest before";
    if (read.kind === "damaged") findings.push(`${name}: ${read.reason}`);
    if (read.kind === "newer") findings.push(`${name}: format ${read.format} is of a newer version`);
    decoded.push(read);
  }
  const manifests = decoded.flatMap((one) => (one.kind === "good" ? [one.manifest] : []));
  const known = new Set(manifests.flatMap((manifest) => [...partNames(manifest)]));
  // Newest first. The older manifest is used when the newer one is damaged; otherwise its parts may already be removed.
  const [manifest] = manifests;
  if (manifest !== undefined) {
    const parts = [...manifest.bases.flatMap((base) => base.parts), ...manifest.deltas];
    for (const part of parts) findings.push(...(await checkPart(store, partition, part)));
    findings.push(...checkChain(manifest));
  }
  const size = manifest === undefined ? 0 : checkpointBytes(manifest);
  return { partition, manifest, bytes: size, findings, unnamed: listed.filter((name) => !known.has(name)) };
}

async function checkPart(store: CheckpointStore, partition: number, part: PartRef): Promise<string[]> {
  const bytes = await store.getPart(partition, part.name);
  if (bytes === undefined) return [`${part.name}: missing`];
  if (bytes.length !== part.bytes) return [`${part.name}: ${bytes.length} bytes, should have ${part.bytes}`];
  return isIntact(part, bytes) ? [] : [`${part.name}: the checksum does not match`];
}
