/**
 * Takes a partition over: claims it, reads the newest sound checkpoint, and says where the stream continues.
 *
 * 1. Claim (claim-partition.ts): a greater epoch is put into the manifest by compare-and-set, so that no earlier owner can write any more.
 * 2. Open: a log of our own continues behind everything that the checkpoint has seen. A log of another checkpoint is refused.
 * 3. Read (load-state.ts): the newest base that is sound, or else the older one, and the deltas behind it; or else nothing.
 * 4. Seek (log-position.ts): the next offset is compared with the log. The engine is told of missing offsets as a gap.
 *
 * Everything that is wrong becomes a sentence in `problems`. Only a checkpoint that this program must not touch is refused: one that a
 * newer version wrote, or one with a configuration that its state cannot follow.
 */
import type { LogRange } from "../../ports/source.ts";
import type { Claim } from "./checkpointer-options.ts";
import { claimPartition } from "./claim-partition.ts";
import { loadState } from "./load-state.ts";
import { continueInOtherLog, foreignLog, isAnotherLog, rebuild, seekLog } from "./log-position.ts";
import type { Loaded, RestorableEngine, RestoreOptions } from "./restore-options.ts";

export type Restored<E> = {
  readonly engine: E;
  readonly nextOffset: number;
  readonly epoch: number;
  /** Lower bound for the as-of; 0 if there was no response. */
  readonly asOfMs: number;
  readonly problems: string[];
  readonly restoredBytes: number;
  readonly durationMs: number;
  /** Names the log in which the stream continues. */
  readonly logId: string | undefined;
  /** End of that log. */
  readonly endOffset: number;
  /** Data for the checkpointer. */
  readonly claim: Claim;
};

/**
 * Restores one partition. Rejects with `checkpoint_incompatible` (see above), `checkpoint_conflict` when another owner claims it
 * at the same time, `storage_failed` when the store cannot be read or written (try again), or the signal's reason.
 */
export async function restorePartition<E extends RestorableEngine>(options: RestoreOptions<E>): Promise<Restored<E>> {
  const { log, partition, signal } = options;
  const startedMs = performance.now();
  const problems: string[] = [];
  const { manifest, version } = await claimPartition(options, problems);
  let range = await log.range();
  const isOtherLog = isAnotherLog(manifest, range);
  if (log.isOwn) {
    if (isOtherLog && range.endOffset > 0) throw foreignLog(partition, manifest, range);
    await log.openAt(manifest.nextOffset, isOtherLog ? manifest.logId : undefined, signal);
  }
  const found = await loadState(options, manifest, range, problems);
  // The log may have lost records while they were read.
  if (found?.isCutShort === true) range = await log.range();
  const loaded = found ?? (await filled(options, range, rebuild(options, manifest, range, problems), problems));
  // Only a log of our own can be extended up to the state. Brokers give lost offsets to other records.
  const isNewStream = !log.isOwn && isOtherLog;
  const isCutStream = !log.isOwn && range.logId !== undefined && loaded.nextOffset > range.endOffset;
  const isOtherStream = isNewStream || isCutStream;
  const from = isNewStream ? range.startOffset : range.endOffset;
  const position = isOtherStream
    ? continueInOtherLog(options, loaded, from, isNewStream, problems)
    : await seekLog(options, loaded, range, manifest.nextOffset, problems);
  const isFromStart = found === undefined && range.startOffset === 0 && position.nextOffset === 0;
  const at = { logId: range.logId, nextOffset: position.nextOffset, isFromStart };
  options.history?.end(loaded.engine, manifest, at, problems);
  const wantsBase = problems.length > 0 || options.history?.isNewStream === true;
  // Offsets of another log cannot be put in order with those of this one, so the next checkpoint begins with a base.
  const { bases, deltas } = isOtherStream ? { bases: [], deltas: [] } : loaded;
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

/** A log that still has its first record needs no history. */
async function filled<E extends RestorableEngine>(
  { fill }: RestoreOptions<E>,
  range: LogRange,
  loaded: Loaded<E>,
  problems: string[],
): Promise<Loaded<E>> {
  if (fill === undefined || range.startOffset === 0) return loaded;
  return { ...loaded, nextOffset: await fill(loaded.engine, range, problems) };
}
