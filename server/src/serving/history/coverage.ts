/** Which times the history has all swaps of: spans of streams without their gaps, with what the owners of partitions add. */
import type { HistoryGap, HistoryStatus, Span, StreamStatus } from "../../ports/history-store.ts";
import type { OwnedPart } from "../../ports/owned-history.ts";

/** Spans that do not touch, ascending. */
export type Spans = readonly Span[];

const IMPORTS = "import:";

/** Returns whether one of the spans holds the span. */
export function covers(spans: Spans, { fromMs, toMs }: Span): boolean {
  return spans.some((one) => one.fromMs <= fromMs && toMs <= one.toMs);
}

/** Returns the times of which all swaps of these partitions are known. Undefined: of all partitions. */
export function coverageOf(
  status: HistoryStatus,
  parts: readonly OwnedPart[],
  partitions: ReadonlySet<number> | undefined,
): Spans {
  const all = new Set([
    ...parts.map(({ partition }) => partition),
    ...status.streams.filter(({ logId }) => !logId.startsWith(IMPORTS)).map(({ partition }) => partition),
  ]);
  const wanted = [...all].filter((partition) => partitions?.has(partition) ?? true);
  const imported = status.streams.filter(({ logId }) => logId.startsWith(IMPORTS));
  const lists = wanted.map((partition) => {
    const streams = [...status.streams.filter((stream) => stream.partition === partition), ...imported];
    return ofPartition(
      new Set(streams),
      status,
      parts.find((part) => part.partition === partition),
    );
  });
  return (
    lists.reduce<Spans | undefined>(
      (both, spans) => (both === undefined ? spans : intersection(both, spans)),
      undefined,
    ) ?? []
  );
}

function ofPartition(streams: ReadonlySet<StreamStatus>, status: HistoryStatus, part: OwnedPart | undefined): Spans {
  const logs = Map.groupBy(streams, ({ logId, partition }) => `${partition} ${logId}`);
  let known: Spans = [];
  for (const ofLog of logs.values()) known = union(known, ofStreams(ofLog, status, part));
  const edge = part?.edge;
  // A stream of which the store has nothing yet.
  const isNew = edge !== undefined && ![...streams].some((stream) => isSame(stream, edge));
  const fromMs = part?.seenSinceMs;
  if (isNew && fromMs !== undefined) known = union(known, [{ fromMs, toMs: Number.MAX_SAFE_INTEGER }]);
  return known;
}

/** Later streams are painted over earlier ones. */
function ofStreams(streams: readonly StreamStatus[], status: HistoryStatus, part: OwnedPart | undefined): Spans {
  const ordered = [...streams].sort((a, b) => a.epoch - b.epoch);
  let known: Spans = [];
  for (const [i, stream] of ordered.entries()) {
    const isLast = i === ordered.length - 1;
    const span = { fromMs: beginOf(stream, status, part), toMs: endOf(stream, isLast, part) };
    const gaps = status.gaps.filter((gap) => isSame(gap, stream));
    known = union(without(known, [stream.span]), without([span], gaps));
  }
  return known;
}

/** A stream that reaches back to the start of its log knows no swaps before those that were seen. */
function beginOf({ span }: StreamStatus, { fromMs }: HistoryStatus, part: OwnedPart | undefined): number {
  if (span.fromMs > 0) return span.fromMs;
  return Math.min(part?.seenSinceMs ?? Number.POSITIVE_INFINITY, fromMs ?? Number.POSITIVE_INFINITY);
}

/** A stream that goes on has no end while its owner answers for the newest swaps. */
function endOf(stream: StreamStatus, isLast: boolean, part: OwnedPart | undefined): number {
  const { span, settledBeforeMs, logId } = stream;
  if (logId.startsWith(IMPORTS)) return span.toMs;
  const goesOn = part === undefined ? isLast : part.edge !== undefined && isSame(part.edge, stream) && part.isWhole;
  return goesOn && part !== undefined ? span.toMs : Math.min(span.toMs, settledBeforeMs);
}

type Key = Pick<HistoryGap, "logId" | "partition" | "epoch">;
const isSame = (a: Key, b: Key): boolean => a.logId === b.logId && a.partition === b.partition && a.epoch === b.epoch;

function union(a: Spans, b: Spans): Spans {
  const merged: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of [...a, ...b].sort((x, y) => x.fromMs - y.fromMs)) {
    if (!(fromMs < toMs)) continue;
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else merged.push({ fromMs, toMs });
  }
  return merged;
}

function without(spans: Spans, holes: readonly Span[]): Spans {
  let rest = spans;
  for (const hole of holes) {
    rest = rest
      .flatMap(({ fromMs, toMs }) => [
        { fromMs, toMs: Math.min(toMs, hole.fromMs) },
        { fromMs: Math.max(fromMs, hole.toMs), toMs },
      ])
      .filter(({ fromMs, toMs }) => fromMs < toMs);
  }
  return rest;
}

function intersection(a: Spans, b: Spans): Spans {
  return a.flatMap((one) =>
    b
      .map((other) => ({ fromMs: Math.max(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) }))
      .filter(({ fromMs, toMs }) => fromMs < toMs),
  );
}
