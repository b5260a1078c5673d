/**
 * Takes a partition over: claims it, reads the newest sound checkpoint, and says where the stream goes on.
 *
 * 1. Claim: a greater epoch is put into the manifest by compare-and-set, so that no earlier owner can write any more.
 * 2. Read: the newest base that is sound, else the older one, and the deltas behind it; else nothing.
 * 3. Open: a log of our own goes on behind all that the checkpoint has seen; one that belongs to another checkpoint is refused.
 * 4. Seek: the next offset, held against what the log has. Missing offsets are told to the engine as a gap.
 *
 * All that is not as it should be becomes a sentence in `problems`; only a checkpoint that this program must not touch (written by a
 * newer version, or under a configuration that its state cannot follow) is refused.
 */
import { IMAGE_FORMAT } from "../../engine/snapshot.ts";
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import type { BeginRule, LogRange, PartitionReader } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Claim } from "./checkpointer.ts";
import type { BaseImage, Manifest, PartRef, RedoDelta } from "./manifest.ts";
import { decodeManifest, deltasFrom, emptyManifest, encodeManifest, isIntact, MANIFEST_FORMAT } from "./manifest.ts";

/** What a restore needs of the engine. */
export type RestorableEngine = { setSeenSince(ms: number): void; noteGap(): void };

export type RestoreOptions<E extends RestorableEngine> = {
  readonly store: CheckpointStore;
  readonly partition: number;
  /**
   * Only this process can write to the store, which the lock of the data folder sees to: a claim that finds no room on the disk may
   * wait for the first checkpoint, and the service starts all the same.
   */
  readonly isStoreExclusive: boolean;
  /** Names this instance in the manifest. */
  readonly owner: string;
  readonly nowMs: () => number;
  readonly log: Pick<PartitionReader, "range" | "isOwn" | "openAt">;
  readonly createEngine: () => E;
  /** The engine's text of the configuration that its state depends on, as its image headers have it. */
  readonly fingerprint: string;
  /** Throws `checkpoint_incompatible` when the image does not fit the configuration. */
  readonly restoreEngine: (header: Uint8Array, chunks: Iterable<Uint8Array>) => E;
  /** Applies the records of a delta; throws when its content makes no sense. */
  readonly applyRedo: (content: Uint8Array, engine: E) => void;
  /** Since when a state that begins with the first record of the log has seen everything; undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** Where a partition begins that has no checkpoint; undefined: with the first record that the log holds. */
  readonly begin?: BeginRule;
  readonly signal: AbortSignal;
};

export type Restored<E> = {
  readonly engine: E;
  readonly nextOffset: number;
  readonly epoch: number;
  /** As-of must not be below it. 0: no answer was given. */
  readonly asOfMs: number;
  readonly problems: string[];
  readonly restoredBytes: number;
  readonly durationMs: number;
  /** Of the log that the stream goes on in. */
  readonly logId: string | undefined;
  /** Where that log ended. */
  readonly endOffset: number;
  /** For the checkpointer. */
  readonly claim: Claim;
};

/** A state that was read, and what of the checkpoint it stands on. */
type Loaded<E> = {
  readonly engine: E;
  readonly bases: readonly BaseImage[];
  readonly deltas: readonly RedoDelta[];
  readonly nextOffset: number;
  readonly bytes: number;
};

/**
 * Restores one partition. Rejects with `checkpoint_incompatible` (see above), `checkpoint_conflict` when another owner claims it
 * at the same time, `storage_failed` when the store cannot be read or written (try again), or the signal's reason.
 */
export async function restorePartition<E extends RestorableEngine>(options: RestoreOptions<E>): Promise<Restored<E>> {
  const startedMs = performance.now();
  const problems: string[] = [];
  const { manifest, version } = await claimPartition(options, problems);
  const range = await options.log.range();
  const isOtherLog = isAnotherLog(manifest, range);
  if (options.log.isOwn) {
    if (isOtherLog && range.endOffset > 0) throw foreignLog(options.partition, manifest, range);
    await options.log.openAt(manifest.nextOffset, isOtherLog ? manifest.logId : undefined, options.signal);
  }
  const loaded = (await load(options, manifest, range, problems)) ?? rebuild(options, manifest, range, problems);
  // Only a log of our own can be made to go on where the state stands; brokers give lost offsets to other records.
  const isNewStream = !options.log.isOwn && isOtherLog;
  const isCutStream = !options.log.isOwn && range.logId !== undefined && loaded.nextOffset > range.endOffset;
  const position =
    isNewStream || isCutStream
      ? goOnInOtherLog(options, loaded, isNewStream ? range.startOffset : range.endOffset, isNewStream, problems)
      : await seek(options, loaded, range, problems);
  const wantsBase = problems.length > 0;
  // Offsets of another log cannot be put in order with those of this one: the next checkpoint begins with a base.
  const { bases, deltas } = isNewStream || isCutStream ? { bases: [], deltas: [] } : loaded;
  return {
    engine: loaded.engine,
    nextOffset: position.nextOffset,
    epoch: manifest.epoch,
    asOfMs: manifest.asOfMs,
    problems,
    restoredBytes: loaded.bytes,
    durationMs: performance.now() - startedMs,
    logId: range.logId,
    endOffset: range.endOffset,
    claim: { manifest, version, chain: { bases, deltas, ...position, wantsBase } },
  };
}

/** Whether the checkpoint was made from another log than the one that is there; unknown ids fit any. */
function isAnotherLog({ logId }: Manifest, range: LogRange): boolean {
  if (logId === undefined || range.logId === undefined || logId === range.logId) return false;
  return !range.formerLogIds.includes(logId);
}

/** Offsets of one log say nothing about the records of another: going on would mix two streams, and lose a part of each. */
function foreignLog(partition: number, { logId, nextOffset }: Manifest, range: LogRange): SwapstatsError {
  const message =
    `The checkpoint of partition ${partition} was made from the log ${logId} up to offset ${nextOffset}, but the log that is ` +
    `there is ${range.logId}, with the records ${range.startOffset} to ${range.endOffset - 1}. Put the log that belongs to the ` +
    "checkpoint back; or, to go on with this log, empty the store of checkpoints (in the data folder: move the folder " +
    "`checkpoints` out of it), and the state is computed anew from this log.";
  return new SwapstatsError("checkpoint_incompatible", message);
}

/** Writes the manifest that is there, or an empty one, with a greater epoch. */
async function claimPartition(
  options: Pick<RestoreOptions<RestorableEngine>, "store" | "isStoreExclusive" | "partition" | "owner" | "nowMs">,
  problems: string[],
): Promise<{ manifest: Manifest; version: string }> {
  const { store, partition, owner } = options;
  const stored = await store.readManifest(partition);
  let found: Manifest | undefined;
  if (stored !== undefined) {
    const { bytes, unreadable } = stored;
    if (unreadable === undefined) found = readable(bytes, partition, problems, "The manifest");
    else problems.push(`The manifest of partition ${partition}'s checkpoint cannot be read: ${unreadable.message}`);
    if (found === undefined) {
      const previous = await store.readPreviousManifest(partition);
      if (previous !== undefined) found = readable(previous, partition, problems, "The previous manifest");
    }
    // As with images: nothing says that it is damaged, and the disk may work again.
    if (found === undefined && unreadable !== undefined) throw unreadable;
  }
  const nowMs = options.nowMs();
  const epoch = Math.max((found?.epoch ?? 0) + 1, nowMs);
  const manifest: Manifest = { ...(found ?? emptyManifest(partition, nowMs)), format: MANIFEST_FORMAT, epoch, owner };
  try {
    const version = await store.swapManifest(partition, encodeManifest(manifest), stored?.version);
    return { manifest, version };
  } catch (error) {
    const mayWait = options.isStoreExclusive && error instanceof SwapstatsError && error.code === "storage_failed";
    if (!mayWait || stored === undefined) throw error;
    // The checkpointer's next write replaces what is there now, and holds the claim.
    return { manifest, version: stored.version };
  }
}

function readable(bytes: Uint8Array, partition: number, problems: string[], what: string): Manifest | undefined {
  const decoded = decodeManifest(bytes, partition);
  if (decoded.kind === "good") return decoded.manifest;
  if (decoded.kind === "damaged") {
    problems.push(`${what} of partition ${partition}'s checkpoint is damaged: ${decoded.reason}.`);
    return undefined;
  }
  throw new SwapstatsError(
    "checkpoint_incompatible",
    `The checkpoint of partition ${partition} has format ${decoded.format}, and this version knows formats up to ` +
      `${MANIFEST_FORMAT}. Start the version that wrote it, or a newer one.`,
  );
}

/** The state of the newest sound base and the deltas behind it; undefined when no base is sound. */
async function load<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  manifest: Manifest,
  range: LogRange,
  problems: string[],
): Promise<Loaded<E> | undefined> {
  let unreadable: SwapstatsError | undefined;
  for (const [i, base] of manifest.bases.entries()) {
    const engine = await loadBase(options, base, range, problems);
    if (engine === "incompatible") return undefined;
    if (engine instanceof SwapstatsError) unreadable = engine;
    if (engine === undefined || engine instanceof SwapstatsError) continue;
    const bases = manifest.bases.slice(i);
    const { nextOffset, bytes } = await replay(options, engine, manifest.deltas, base.offset, problems);
    const deltas = manifest.deltas.filter((delta) => delta.to <= nextOffset);
    return { engine, bases, deltas, nextOffset, bytes: base.bytes + bytes };
  }
  // What cannot be read now may be sound: the state is not given up for a disk that fails, or for missing rights.
  if (unreadable !== undefined) throw unreadable;
  return undefined;
}

async function loadBase<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  base: BaseImage,
  range: LogRange,
  problems: string[],
): Promise<E | "incompatible" | SwapstatsError | undefined> {
  const { partition } = options;
  const parts = await loadParts(options, base.parts);
  if (parts instanceof SwapstatsError) {
    problems.push(`The image of partition ${partition} at offset ${base.offset} cannot be read: ${parts.message}`);
    return parts;
  }
  if (typeof parts === "string") {
    problems.push(`The image of partition ${partition} at offset ${base.offset} is damaged: ${parts}.`);
    return undefined;
  }
  try {
    return options.restoreEngine(new TextEncoder().encode(base.header), consumed(parts));
  } catch (error) {
    if (error instanceof SwapstatsError && error.code === "checkpoint_incompatible") {
      const difference = describeDifference(base.header, options.fingerprint);
      if (range.startOffset > 0) throw refusal(error, difference, partition, range);
      problems.push(
        `The checkpoint of partition ${partition} ${difference}. The state is computed anew from the log, which still holds all records.`,
      );
      return "incompatible";
    }
    const text = error instanceof Error ? error.message : String(error);
    problems.push(`The image of partition ${partition} at offset ${base.offset} cannot be read: ${text}`);
    return undefined;
  }
}

function refusal(cause: SwapstatsError, difference: string, partition: number, range: LogRange): SwapstatsError {
  const back = difference === OTHER_FORMAT ? "Start the version that wrote it" : "Set that back";
  const message =
    `The checkpoint of partition ${partition} ${difference}. ${back}; or empty the store of checkpoints (in the data ` +
    `folder: move the folder \`checkpoints\` out of it) and start again: the state is then computed anew from offset ${range.startOffset} of the log on, and windows are incomplete ` +
    "until the stream fills them.";
  return new SwapstatsError("checkpoint_incompatible", message, { cause });
}

const OTHER_FORMAT = "has another format than this version's";

/** Which settings of an image's header are others than now. */
function describeDifference(header: string, fingerprint: string): string {
  const { format, fingerprint: before } = JSON.parse(header) as { format?: unknown; fingerprint?: unknown };
  if (typeof format === "number" && format !== IMAGE_FORMAT) return OTHER_FORMAT;
  if (typeof before !== "string" || before === fingerprint) return OTHER_FORMAT;
  const now = fingerprint.split(";");
  const changed = before.split(";").flatMap((setting, i) => (setting === now[i] ? [] : [`${setting} (now ${now[i]})`]));
  return `was made with ${changed.join(", ")}`;
}

type PartSource = Pick<RestoreOptions<RestorableEngine>, "store" | "isStoreExclusive" | "partition" | "signal">;

/**
 * A part, or why it cannot be read. A remote store that fails is away, and the caller waits for it; of a store in the data folder one
 * file alone may be unreadable, and the others serve.
 */
async function readPart(
  { store, isStoreExclusive, partition, signal }: PartSource,
  name: string,
): Promise<Uint8Array | SwapstatsError | undefined> {
  signal.throwIfAborted();
  try {
    return await store.getPart(partition, name);
  } catch (error) {
    if (isStoreExclusive && error instanceof SwapstatsError && error.code === "storage_failed") return error;
    throw error;
  }
}

/** The parts in order, all of them checked, or what is wrong with one. */
async function loadParts(
  source: PartSource,
  refs: readonly PartRef[],
): Promise<Uint8Array[] | string | SwapstatsError> {
  const parts: Uint8Array[] = [];
  for (const ref of refs) {
    const bytes = await readPart(source, ref.name);
    if (bytes instanceof SwapstatsError) return bytes;
    if (!isIntact(ref, bytes)) return describeDamage(ref, bytes);
    parts.push(bytes);
  }
  return parts;
}

function describeDamage(ref: PartRef, bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return `its part ${ref.name} is missing`;
  if (bytes.length !== ref.bytes) return `its part ${ref.name} has ${bytes.length} bytes and should have ${ref.bytes}`;
  return `the checksum of its part ${ref.name} does not match`;
}

/** Hands each part over once, so that its memory is free while the next is being copied. */
function* consumed(parts: Uint8Array[]): Generator<Uint8Array> {
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) yield part;
}

/**
 * Applies the deltas behind `offset` up to the first that is not sound. The log has the records from there on: it is kept from
 * the newer base's offset, so only two damaged files can leave a gap, which `seek` then finds.
 */
async function replay<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  engine: E,
  deltas: readonly RedoDelta[],
  offset: number,
  problems: string[],
): Promise<{ nextOffset: number; bytes: number }> {
  const { partition } = options;
  let nextOffset = offset;
  let bytes = 0;
  for (const delta of deltasFrom(deltas, offset).run) {
    const content = await readPart(options, delta.name);
    if (content instanceof SwapstatsError) {
      problems.push(`The redo of partition ${partition} from offset ${delta.from} cannot be read: ${content.message}`);
      break;
    }
    if (!isIntact(delta, content)) {
      const damage = describeDamage(delta, content);
      problems.push(`The redo of partition ${partition} from offset ${delta.from} is damaged: ${damage}.`);
      break;
    }
    if (delta.afterGap) engine.noteGap();
    options.applyRedo(content, engine);
    nextOffset = delta.to;
    bytes += delta.bytes;
  }
  return { nextOffset, bytes };
}

/** Nothing to restore, or nothing that is sound: an empty state at the first record that the log still has. */
function rebuild<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  manifest: Manifest,
  { startOffset, endOffset }: LogRange,
  problems: string[],
): Loaded<E> {
  const engine = options.createEngine();
  const { partition, begin } = options;
  const isFirst = manifest.bases.length === 0 && problems.length === 0;
  const committed = isFirst ? begin?.committedOffset : undefined;
  if (committed !== undefined) {
    problems.push(
      `Partition ${partition} has no checkpoint, though its group has committed offset ${committed}: the store has lost it. The ` +
        `state is computed anew from offset ${startOffset} on, and windows are incomplete until the stream fills them.`,
    );
  } else if (isFirst && begin?.start === "latest") {
    return { engine, bases: [], deltas: [], nextOffset: endOffset, bytes: 0 };
  }
  if (startOffset === 0 && options.seenSinceMs !== undefined) engine.setSeenSince(options.seenSinceMs);
  if (startOffset > 0 && committed === undefined && !(isFirst && begin !== undefined)) {
    const why =
      manifest.bases.length === 0 && problems.length === 0 ? "no checkpoint was found" : "no checkpoint is sound";
    problems.push(
      `The state of partition ${options.partition} is computed anew, since ${why}; the log reaches back to offset ` +
        `${startOffset}, and windows are incomplete until the stream fills them.`,
    );
  }
  return { engine, bases: [], deltas: [], nextOffset: startOffset, bytes: 0 };
}

/** The log was made anew, or its end was lost: what the state holds stays, and the stream goes on with what is there. */
function goOnInOtherLog<E extends RestorableEngine>(
  { partition }: RestoreOptions<E>,
  { engine, nextOffset }: Loaded<E>,
  from: number,
  isAnew: boolean,
  problems: string[],
): { nextOffset: number; afterGap: boolean } {
  const what = isAnew
    ? `was made anew since the checkpoint at offset ${nextOffset} was written`
    : `ends at offset ${from}, before the checkpoint's position ${nextOffset}: its end was lost`;
  problems.push(
    `The log of partition ${partition} ${what}. The stream goes on with offset ${from}; records that the checkpoint does not ` +
      "hold, and that are no longer there, are missing.",
  );
  engine.noteGap();
  return { nextOffset: from, afterGap: true };
}

/** Holds the position against the log; `afterGap` says that the engine was told of missing offsets. */
async function seek<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  { engine, nextOffset }: Loaded<E>,
  { startOffset, endOffset }: LogRange,
  problems: string[],
): Promise<{ nextOffset: number; afterGap: boolean }> {
  const { partition, log, signal } = options;
  if (nextOffset > endOffset) {
    problems.push(
      `The log of partition ${partition} ends at offset ${endOffset}, before the checkpoint's position ${nextOffset}: it was ` +
        "cut, restored from an older copy, or made anew. What was acknowledged after the checkpoint is missing.",
    );
    await log.openAt(nextOffset, undefined, signal);
    engine.noteGap();
    return { nextOffset, afterGap: true };
  }
  if (nextOffset < startOffset) {
    problems.push(
      `The log of partition ${partition} begins at offset ${startOffset}; the records from ${nextOffset} on, which the ` +
        "checkpoint does not hold, are missing.",
    );
    engine.noteGap();
    return { nextOffset: startOffset, afterGap: true };
  }
  return { nextOffset, afterGap: false };
}
