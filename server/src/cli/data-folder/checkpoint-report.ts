/** The report on the checkpoints of a data folder or of a store, as `swapstats checkpoint inspect` gives it. */
import { deltasFrom, type Manifest } from "../../pipeline/checkpoint/manifest.ts";

/** Largest number of further reads of a partition whose manifest is replaced while its parts are read. */
export const ATTEMPTS_MAX = 5;

export type CheckpointReport = {
  readonly partition: number;
  /** Undefined: no manifest can be read. */
  readonly manifest: Manifest | undefined;
  readonly bytes: number;
  /** Damage, one phrase each. Empty: sound. */
  readonly findings: readonly string[];
  /** Parts that no manifest names: a crash left them, and the next owner removes them. */
  readonly unnamed: readonly string[];
};

export type CheckpointsReport = {
  readonly isSound: boolean;
  readonly partitions: readonly CheckpointReport[];
  /** The report for people, by lines. */
  readonly lines: readonly string[];
};

export function checkpointsReport(
  partitions: readonly CheckpointReport[],
  lines: readonly string[],
): CheckpointsReport {
  return { isSound: partitions.every(({ findings }) => findings.length === 0), partitions, lines };
}

/** Returns a finding where the deltas do not reach from the newest base image to the next offset. */
export function checkChain(manifest: Manifest): string[] {
  return manifest.bases.slice(0, 1).flatMap((base) => {
    const { end } = deltasFrom(manifest.deltas, base.offset);
    if (end === manifest.nextOffset) return [];
    return [`the redo behind offset ${base.offset} ends at ${end}, and the manifest says ${manifest.nextOffset}`];
  });
}

/** Returns the report for people, by lines. `things` is the word for the parts in the store. */
export function describeCheckpoint(report: CheckpointReport, things: "files" | "parts"): string[] {
  const { partition, manifest, bytes, findings, unnamed } = report;
  const lines: string[] = [];
  if (manifest === undefined) {
    lines.push(`partition ${partition}: no readable manifest`);
  } else {
    const { bases, deltas, nextOffset, epoch, owner, writtenAtMs, asOfMs } = manifest;
    lines.push(
      `partition ${partition}: next offset ${nextOffset}, written ${iso(writtenAtMs)} by ${owner}, epoch ${epoch}, ` +
        `${bases.length} base images, ${deltas.length} deltas, ${bytes} bytes`,
    );
    if (asOfMs > 0) lines.push(`  as of       ${iso(asOfMs)}`);
    for (const base of bases) {
      lines.push(
        `  base image  offset ${base.offset}, ${base.parts.length} parts, ${base.bytes} bytes, taken ${iso(base.takenAtMs)}`,
      );
    }
    const newestOffset = bases[0]?.offset ?? 0;
    lines.push(
      ...describeLog(
        deltas.filter(({ from }) => from < newestOffset),
        "which a restore reads if the newest image is damaged",
      ),
    );
    lines.push(
      ...describeLog(
        deltas.filter(({ from }) => from >= newestOffset),
        "which a restore reads",
      ),
    );
    for (const delta of deltas.filter(({ afterGap }) => afterGap))
      lines.push(`  gap         before offset ${delta.from}`);
  }
  for (const finding of findings) lines.push(`  DAMAGED     ${finding}`);
  if (unnamed.length > 0)
    lines.push(`  ${unnamed.length} ${things} that no manifest names; the next start removes them`);
  if (findings.length === 0) lines.push("  sound");
  return lines;
}

/** Describes the records that these deltas name by their offsets. No line: they name none. */
function describeLog(deltas: Manifest["deltas"], purpose: string): string[] {
  const inLog = deltas.flatMap(({ log }) => log ?? []);
  const [first] = inLog;
  if (first === undefined) return [];
  const bytes = inLog.reduce((sum, log) => sum + log.bytes, 0);
  return [`  in the log  ${bytes} bytes of records from offset ${first.from} on, ${purpose}`];
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
