/** The painter's rule of the port: where each stream of a history is valid. */
import type { Edge, Span, StreamKey } from "../../ports/history-store.ts";

type SpanOfStream = StreamKey & { readonly span: Span };

export function isSameStream(a: StreamKey, b: StreamKey): boolean {
  return a.logId === b.logId && a.partition === b.partition && a.epoch === b.epoch;
}

/** Returns the spans in which the stream is valid, ascending and apart: its own, without those of later epochs of its log and partition. */
export function validSpans(stream: SpanOfStream, all: readonly SpanOfStream[]): Span[] {
  const newer = all.filter(
    ({ logId, partition, epoch }) => logId === stream.logId && partition === stream.partition && epoch > stream.epoch,
  );
  return withoutSpans(
    [stream.span],
    newer.map(({ span }) => span),
  ).sort((a, b) => a.fromMs - b.fromMs);
}

/** Returns what is left of the spans without the holes. */
export function withoutSpans(spans: readonly Span[], holes: readonly Span[]): Span[] {
  let left = [...spans];
  for (const hole of holes) left = left.flatMap((span) => without(span, hole));
  return left.filter(isNotEmpty);
}

/** Returns the spans within the limits. */
export function clipSpans(spans: readonly Span[], limits: Span): Span[] {
  return spans
    .map(({ fromMs, toMs }) => ({ fromMs: Math.max(fromMs, limits.fromMs), toMs: Math.min(toMs, limits.toMs) }))
    .filter(isNotEmpty);
}

/** Returns the sequence from which rows of the stream are left out, or undefined. The least one holds. */
export function edgeOf(stream: StreamKey, edges: readonly Edge[]): number | undefined {
  const sequences = edges.filter((edge) => isSameStream(edge, stream)).map(({ sequence }) => sequence);
  return sequences.length === 0 ? undefined : Math.min(...sequences);
}

function without(span: Span, hole: Span): Span[] {
  if (hole.toMs <= span.fromMs || span.toMs <= hole.fromMs || !isNotEmpty(hole)) return [span];
  return [
    { fromMs: span.fromMs, toMs: hole.fromMs },
    { fromMs: hole.toMs, toMs: span.toMs },
  ].filter(isNotEmpty);
}

function isNotEmpty({ fromMs, toMs }: Span): boolean {
  return fromMs < toMs;
}
