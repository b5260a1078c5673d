/**
 * Which tables hold the swaps of a span. Days, hours and minutes below the final time of a stream are read from the tables of sums, the rest
 * from swaps. Each swap of the span is in exactly one of the ranges.
 */
import type { Edge, Span, StreamKey } from "../../../ports/history-store.ts";
import { LEVELS, type Level } from "./schema.ts";

export type LayoutStream = StreamKey & {
  /** Its number in the tables. */
  readonly id: number;
  /** Times at which the stream is valid, ascending and disjoint. Whole minutes. */
  readonly spans: readonly Span[];
  /** Marks up to which sums are made, ascending. */
  readonly marks: readonly { readonly sequence: number; readonly beforeMs: number }[];
  /** Times of all rows that came. Undefined without rows. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
};

type RangeTable = Level["table"] | "swaps";

export type RangeStream = {
  readonly id: number;
  /** Rows from this sequence on are left out. Undefined in tables of sums, and without an edge. */
  readonly edge: number | undefined;
};

/** [fromMs, toMs) of one table, for some streams. */
export type TableRange = Span & { readonly table: RangeTable; readonly streams: readonly RangeStream[] };

const SWAPS = LEVELS.length;

/** `levelMsMax`: sums of longer intervals are not read. 0: only swaps are. */
export function rangesOf(
  streams: readonly LayoutStream[],
  span: Span,
  edges: readonly Edge[],
  levelMsMax: number,
): TableRange[] {
  const coarsest = LEVELS.findIndex(({ ms }) => ms <= levelMsMax);
  const ranges = new Map<string, TableRange & { streams: RangeStream[] }>();
  for (const stream of streams) {
    const edge = edgeOf(stream, edges);
    const finalMs = finalOf(stream, edge);
    for (const valid of stream.spans) {
      const [fromMs, toMs] = [Math.max(valid.fromMs, span.fromMs), Math.min(valid.toMs, span.toMs)];
      cover(fromMs, toMs, finalMs, coarsest === -1 ? SWAPS : coarsest, (level, from, to) => {
        const table: RangeTable = LEVELS[level]?.table ?? "swaps";
        const key = `${table} ${from} ${to}`;
        const range = ranges.get(key) ?? { table, fromMs: from, toMs: to, streams: [] };
        ranges.set(key, range);
        range.streams.push({ id: stream.id, edge: table === "swaps" ? edge : undefined });
      });
    }
  }
  return [...ranges.values()];
}

/** Returns the part of the span that may hold rows of the streams. It may be empty. */
export function heldSpan(streams: readonly LayoutStream[], { fromMs, toMs }: Span): Span {
  const firstMs = Math.min(...streams.map((stream) => stream.firstMs ?? Number.POSITIVE_INFINITY));
  const lastMs = Math.max(...streams.map((stream) => stream.lastMs ?? -1));
  return { fromMs: Math.max(fromMs, firstMs), toMs: Math.min(toMs, lastMs + 1) };
}

function edgeOf({ logId, partition, epoch }: StreamKey, edges: readonly Edge[]): number | undefined {
  return edges.find((edge) => edge.logId === logId && edge.partition === partition && edge.epoch === epoch)?.sequence;
}

/** Sums below the newest mark that lies at or before the edge hold no row from the edge on. */
function finalOf({ marks }: LayoutStream, edge: number | undefined): number {
  return marks.findLast(({ sequence }) => edge === undefined || sequence <= edge)?.beforeMs ?? 0;
}

type Add = (level: number, fromMs: number, toMs: number) => void;

/** Covers [fromMs, toMs) by intervals of the level as far as they are whole and final, and by finer ones at both ends. */
function cover(fromMs: number, toMs: number, finalMs: number, level: number, add: Add): void {
  if (fromMs >= toMs) return;
  if (level === SWAPS) {
    add(level, fromMs, toMs);
    return;
  }
  const { ms } = LEVELS[level] as Level;
  const from = Math.ceil(fromMs / ms) * ms;
  const to = Math.floor(Math.min(toMs, finalMs) / ms) * ms;
  if (from >= to) {
    cover(fromMs, toMs, finalMs, level + 1, add);
    return;
  }
  cover(fromMs, from, finalMs, level + 1, add);
  add(level, from, to);
  cover(to, toMs, finalMs, level + 1, add);
}

type Spanned = StreamKey & { readonly id: number; readonly span: Span };

/** Returns where each stream is valid: in its span, without the spans of streams of the same log and partition with a greater epoch. */
export function validSpans(streams: readonly Spanned[]): Map<number, Span[]> {
  const valid = new Map<number, Span[]>();
  for (const { id, span, ...key } of streams) {
    const later = streams.filter(
      (other) => other.logId === key.logId && other.partition === key.partition && other.epoch > key.epoch,
    );
    let parts = [span];
    for (const { span: taken } of later) parts = parts.flatMap((part) => without(part, taken));
    valid.set(
      id,
      parts.toSorted((a, b) => a.fromMs - b.fromMs),
    );
  }
  return valid;
}

function without({ fromMs, toMs }: Span, taken: Span): Span[] {
  const before = { fromMs, toMs: Math.min(toMs, taken.fromMs) };
  const after = { fromMs: Math.max(fromMs, taken.toMs), toMs };
  return [before, after].filter((part) => part.fromMs < part.toMs);
}
