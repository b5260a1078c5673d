/** Decides where a restored state continues in the log, and tells the engine about records that are missing there. */
import type { LogRange } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Manifest } from "./manifest.ts";
import type { Loaded, RestorableEngine, RestoreOptions } from "./restore-options.ts";

/** `afterGap`: the engine has recorded that offsets before it are missing. */
type LogPosition = { readonly nextOffset: number; readonly afterGap: boolean };

/** Whether the checkpoint was made from another log than the present one. Unknown ids fit any log. */
export function isAnotherLog({ logId }: Manifest, range: LogRange): boolean {
  if (logId === undefined || range.logId === undefined || logId === range.logId) return false;
  return !range.formerLogIds.includes(logId);
}

/** Offsets of one log say nothing about the records of another: to continue would mix two streams, and lose a part of each. */
export function foreignLog(partition: number, { logId, nextOffset }: Manifest, range: LogRange): SwapstatsError {
  const message =
    `The checkpoint of partition ${partition} was made from the log ${logId} up to offset ${nextOffset}, but the log that is ` +
    `there is ${range.logId}, with the records ${range.startOffset} to ${range.endOffset - 1}. Put the log that belongs to the ` +
    "checkpoint back; or, to continue with this log, empty the store of checkpoints (in the data folder: move the folder " +
    "`checkpoints` out of it), and the state is rebuilt from this log.";
  return new SwapstatsError("checkpoint_incompatible", message);
}

/** Returns an empty state at the first record that the log still has: there is no checkpoint, or no part of it is sound. */
export function rebuild<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  manifest: Manifest,
  { startOffset, endOffset }: LogRange,
  problems: string[],
): Loaded<E> {
  const engine = options.createEngine();
  const { partition, begin } = options;
  options.history?.begin(engine, undefined, [], manifest);
  const isFirst = manifest.bases.length === 0 && problems.length === 0;
  const committed = isFirst ? begin?.committedOffset : undefined;
  if (committed !== undefined) {
    problems.push(
      `Partition ${partition} has no checkpoint, though its group has committed offset ${committed}: the store has lost it. The ` +
        `state is rebuilt from offset ${startOffset} on, and windows are incomplete until the stream fills them.`,
    );
  } else if (isFirst && begin?.start === "latest") {
    return { engine, bases: [], deltas: [], nextOffset: endOffset, bytes: 0, isCutShort: false };
  }
  if (startOffset === 0 && options.seenSinceMs !== undefined) engine.setSeenSince(options.seenSinceMs);
  if (startOffset > 0 && committed === undefined && !(isFirst && begin !== undefined)) {
    problems.push(
      `The state of partition ${partition} is rebuilt, since ${isFirst ? "no checkpoint was found" : "no checkpoint is sound"}; ` +
        `the log reaches back to offset ${startOffset}, and windows are incomplete until the stream fills them.`,
    );
  }
  return { engine, bases: [], deltas: [], nextOffset: startOffset, bytes: 0, isCutShort: false };
}

/** Handles a log that was re-created or lost its end: the state stays unchanged, and the stream continues with the existing records. */
export function continueInOtherLog<E extends RestorableEngine>(
  { partition, history }: RestoreOptions<E>,
  { engine, nextOffset }: Loaded<E>,
  from: number,
  isRecreated: boolean,
  problems: string[],
): LogPosition {
  const what = isRecreated
    ? `was re-created since the checkpoint at offset ${nextOffset} was written`
    : `ends at offset ${from}, before the checkpoint's position ${nextOffset}: its end was lost`;
  problems.push(
    `The log of partition ${partition} ${what}. The stream continues at offset ${from}; records that are neither in the checkpoint ` +
      "nor in the log any more are missing.",
  );
  history?.noteGap();
  engine.noteGap();
  return { nextOffset: from, afterGap: true };
}

/** Compares the position with the log. A log of our own that ends before it is extended up to it. `seenOffset`: the position of the checkpoint. */
export async function seekLog<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  { engine, nextOffset, isCutShort }: Loaded<E>,
  { startOffset, endOffset }: LogRange,
  seenOffset: number,
  problems: string[],
): Promise<LogPosition> {
  const { partition, log, history, signal } = options;
  if (nextOffset > endOffset) {
    problems.push(
      `The log of partition ${partition} ends at offset ${endOffset}, before the checkpoint's position ${nextOffset}: it was ` +
        "cut, restored from an older copy, or re-created. Records that were acknowledged after the checkpoint are missing.",
    );
    await log.openAt(nextOffset, undefined, signal);
    history?.noteGap();
    engine.noteGap();
    return { nextOffset, afterGap: true };
  }
  if (nextOffset < startOffset) {
    problems.push(
      `The log of partition ${partition} begins at offset ${startOffset}; the records from ${nextOffset} on, which the ` +
        "checkpoint does not hold, are missing.",
    );
    history?.noteGap();
    engine.noteGap();
    return { nextOffset: startOffset, afterGap: true };
  }
  if (isCutShort && seenOffset > endOffset) {
    problems.push(
      `The log of partition ${partition} ends at offset ${endOffset}, before the checkpoint's position ${seenOffset}: its end was lost.`,
    );
    engine.noteGap();
    return { nextOffset, afterGap: true };
  }
  return { nextOffset, afterGap: false };
}
