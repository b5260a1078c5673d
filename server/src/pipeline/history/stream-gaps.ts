/** The gaps that a partition finds in its stream. Spans are whole minutes. */
import type { HistoryGap, SequenceRange, StreamKey } from "../../ports/history-store.ts";
import { minuteCeil, minuteFloor } from "./stream-clock.ts";

/** Rows that were neither in the store nor in the checkpoint. None is older than `fromMs`, and all are older than `untilMs`. */
export function lostGap(key: StreamKey, sequences: SequenceRange, fromMs: number, untilMs: number): HistoryGap {
  const cause = "Swaps were settled while the history store was away, and the buffer was full.";
  return { ...gap(key, fromMs, untilMs, cause, true), sequences };
}

/** Records that the log lacks, before a record of `seenSinceMs`. */
export function logGap(key: StreamKey, fromMs: number, seenSinceMs: number): HistoryGap {
  return gap(key, fromMs, seenSinceMs, "Records are missing in the log.", false);
}

/** Swaps of a new chain that are older than a mark. They get sequences from this one on, and none is missing. */
export function oldChainGap(key: StreamKey, sequence: number, fromMs: number, markMs: number): HistoryGap {
  const cause = "A chain began with swaps that are older than others which had settled.";
  return { ...gap(key, fromMs, markMs, cause, true), sequences: { from: sequence, to: sequence } };
}

function gap(key: StreamKey, fromMs: number, toMs: number, cause: string, isRepairable: boolean): HistoryGap {
  const from = minuteFloor(fromMs);
  return { ...key, fromMs: from, toMs: Math.max(minuteCeil(toMs), from), cause, isRepairable };
}
