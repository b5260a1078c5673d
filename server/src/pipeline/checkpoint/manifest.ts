/**
 * The manifest of a checkpoint: it lists the parts that make up the state of one partition, and names its owner.
 *
 *   base image B0 at offset Y ----redo----redo----+----redo----redo----> next offset
 *                                   base image B1 at offset X
 *
 * A base is an image of the whole state; a redo delta holds the records that were applied after it. The newest two bases are
 * kept, and all deltas since the older one, so there are two ways to the same state, and one damaged file loses nothing:
 * with B1 unreadable B0 and the deltas serve, with a delta unreadable the log does, which is kept from X on. A delta may name offsets
 * of a log that keeps its records by itself, such as a topic, in the place of the records.
 *
 * Stored as one line `swapstats-checkpoint <crc32 of the rest, hex>` and JSON, so that people can read it.
 */
import { crc32 } from "node:zlib";

/** The newest format. */
export const MANIFEST_FORMAT = 2;
/** A manifest without `log` in its deltas. Versions that know no other format can continue it. */
const FORMAT_WITHOUT_LOG = 1;
const FIRST_LINE = /^swapstats-checkpoint ([0-9a-f]{8})\n/;
const FIRST_LINE_BYTES = "swapstats-checkpoint 00000000\n".length;

export type PartRef = { readonly name: string; readonly bytes: number; readonly crc32: number };

/** How far the history store was durable when a manifest was written, at least. */
export type HistoryPosition = {
  /** The stream of settled rows. */
  readonly logId: string;
  readonly epoch: number;
  /** Time from which the stream is valid. Missing until it is known. */
  readonly fromMs?: number;
  /** All rows below this sequence are durable. */
  readonly settled: number;
  /** No row from there on is older than this; 0 when that is not known. */
  readonly settledBeforeMs: number;
  /** The raw rows of all records below this offset are durable. Missing where raw events are not kept. */
  readonly raw?: number;
};

/** Where a base lies in the stream of settled rows. */
export type BaseHistory = {
  readonly epoch: number;
  /** Sequence of the first row that the base itself does not hold: that of the image, or of the first carried row. */
  readonly from: number;
  /** Sequence of the image. */
  readonly settled: number;
  /** All rows below `settled` are older than this. */
  readonly untilMs: number;
  /** Parts with the rows [from, settled), one chunk each. */
  readonly carried: readonly PartRef[];
};

export type BaseImage = {
  /** The image holds all records below it. */
  readonly offset: number;
  /** The engine's own header of the image: its version, configuration and sizes. */
  readonly header: string;
  readonly parts: readonly PartRef[];
  readonly bytes: number;
  readonly takenAtMs: number;
  /** Missing where no history was kept. */
  readonly history?: BaseHistory;
};

/** The records of offsets [from, to). */
export type RedoDelta = PartRef & {
  readonly from: number;
  readonly to: number;
  /** Whether offsets are missing before it. The engine then records a gap first. */
  readonly afterGap: boolean;
  /** Records that are in the log and not in this part: the offset of the first, and the bytes of all. Missing if the part holds all records. */
  readonly log?: { readonly from: number; readonly bytes: number };
};

export type Manifest = {
  readonly format: number;
  readonly partition: number;
  /** The owner's claim; greater than that of every owner before. */
  readonly epoch: number;
  readonly owner: string;
  /** Names the log that the offsets refer to, where logs have names. */
  readonly logId?: string;
  /** Position behind the last record that the checkpoint holds. */
  readonly nextOffset: number;
  /** No response had a later as-of when this manifest was written. 0 before the first response. */
  readonly asOfMs: number;
  readonly writtenAtMs: number;
  /** Missing where no history is kept. */
  readonly history?: HistoryPosition;
  /** Newest first, at most BASES_KEPT. */
  readonly bases: readonly BaseImage[];
  /** Ascending, from the older base on. */
  readonly deltas: readonly RedoDelta[];
};

export const BASES_KEPT = 2;

/** Returns the manifest of a partition without a checkpoint. The claim adds epoch and owner. */
export function emptyManifest(partition: number, nowMs: number): Omit<Manifest, "epoch" | "owner"> {
  return { format: FORMAT_WITHOUT_LOG, partition, nextOffset: 0, asOfMs: 0, writtenAtMs: nowMs, bases: [], deltas: [] };
}

/** Returns the oldest format that can hold these deltas. */
export function formatOf(deltas: readonly RedoDelta[]): number {
  return deltas.some(({ log }) => log !== undefined) ? MANIFEST_FORMAT : FORMAT_WITHOUT_LOG;
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const body = `${JSON.stringify(manifest, null, 1)}\n`;
  const sum = crc32(body).toString(16).padStart(8, "0");
  return new TextEncoder().encode(`swapstats-checkpoint ${sum}\n${body}`);
}

/** The manifest, or its problem. `newer` is a format that this version does not know. */
export type DecodedManifest =
  | { readonly kind: "good"; readonly manifest: Manifest }
  | { readonly kind: "damaged"; readonly reason: string }
  | { readonly kind: "newer"; readonly format: number };

export function decodeManifest(bytes: Uint8Array, partition: number): DecodedManifest {
  const text = new TextDecoder().decode(bytes);
  const match = FIRST_LINE.exec(text);
  if (match === null) return { kind: "damaged", reason: "it does not begin as a manifest does" };
  if (Number.parseInt(match[1]!, 16) !== crc32(bytes.subarray(FIRST_LINE_BYTES))) {
    return { kind: "damaged", reason: "its checksum does not match its content" };
  }
  // With a matching checksum, some version of this program wrote it.
  const manifest = JSON.parse(text.slice(FIRST_LINE_BYTES)) as Manifest;
  if (manifest.format > MANIFEST_FORMAT) return { kind: "newer", format: manifest.format };
  if (manifest.format < FORMAT_WITHOUT_LOG)
    return { kind: "damaged", reason: `it has the unknown format ${manifest.format}` };
  if (manifest.partition !== partition) {
    return { kind: "damaged", reason: `it belongs to partition ${manifest.partition}` };
  }
  return { kind: "good", manifest };
}

/** Returns the names of all parts that a manifest needs. */
export function partNames(manifest: Manifest): Set<string> {
  const names = new Set<string>();
  for (const base of manifest.bases) for (const part of partsOfBase(base)) names.add(part.name);
  for (const delta of manifest.deltas) names.add(delta.name);
  return names;
}

/** Returns the parts of an image, with those of the rows that it carries. */
export function partsOfBase({ parts, history }: BaseImage): readonly PartRef[] {
  return history === undefined ? parts : [...parts, ...history.carried];
}

/** Returns the bytes of all parts that a manifest names. */
export function checkpointBytes(manifest: Manifest): number {
  const bases = manifest.bases.reduce((sum, base) => sum + base.bytes, 0);
  return manifest.deltas.reduce((sum, delta) => sum + delta.bytes, bases);
}

/** Returns the deltas that follow `offset` without a hole, and where they end. */
export function deltasFrom(deltas: readonly RedoDelta[], offset: number): { run: RedoDelta[]; end: number } {
  const run: RedoDelta[] = [];
  let end = offset;
  for (const delta of deltas) {
    if (delta.to <= end && delta.from < end) continue;
    if (delta.from !== end && !(delta.afterGap && delta.from > end)) break;
    run.push(delta);
    end = delta.to;
  }
  return { run, end };
}

/**
 * Returns the offset from which the log must be kept for this checkpoint to survive the loss of any one of its files; undefined: all of
 * it, as long as there is only one base. Where a hole in the deltas cuts the older base off from the newer one, the older one alone
 * would need the log from the hole on.
 */
export function neededLogOffset(manifest: Pick<Manifest, "bases" | "deltas">): number | undefined {
  const [newer, older] = manifest.bases;
  if (newer === undefined || older === undefined) return undefined;
  const { run, end } = deltasFrom(manifest.deltas, older.offset);
  return Math.min(newer.offset, end, ...run.flatMap(({ log }) => log?.from ?? []));
}

/** Returns the first offset of the log that a restore from the newest base reads. */
export function restoreLogOffset({ bases, deltas, nextOffset }: Manifest): number {
  const { run } = deltasFrom(deltas, bases[0]?.offset ?? 0);
  return Math.min(nextOffset, ...run.flatMap(({ log }) => log?.from ?? []));
}

export function isIntact(part: PartRef, bytes: Uint8Array | undefined): bytes is Uint8Array {
  return bytes !== undefined && bytes.length === part.bytes && crc32(bytes) === part.crc32;
}
