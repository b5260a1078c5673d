/** Divides a span into the parts that are read from days, minutes and rows. */
import type { Edge, Span } from "../../../ports/history-store.ts";
import { clipSpans, edgeOf, validSpans } from "../valid-spans.ts";
import type { CatalogFile, CatalogStream, Snapshot, StreamSpan, Tier } from "./catalog.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** A part of a stream that is read from one tier. Rows from `edge` on are left out. */
export type Part = StreamSpan & { readonly edge: number | undefined };

export type Plan = {
  readonly swaps: readonly Part[];
  readonly minutes: readonly Part[];
  readonly days: readonly Part[];
};

/** The sums that may be used instead of rows. A candle of a minute needs minutes, one of an hour cannot use days. */
export type Grain = "rows" | "minutes" | "days";

/** `settledBefore` returns the time before which the stream has no sequence from the given one on. */
export type SettledBefore = (stream: number, sequence: number) => number;

export const floorTo = (ms: number, step: number): number => Math.floor(ms / step) * step;
const ceilTo = (ms: number, step: number): number => Math.ceil(ms / step) * step;

export function planSpan(
  { streams }: Snapshot,
  span: Span,
  edges: readonly Edge[],
  grain: Grain,
  settledBefore: SettledBefore,
): Plan {
  const plan = { swaps: [] as Part[], minutes: [] as Part[], days: [] as Part[] };
  for (const stream of streams) {
    const edge = edgeOf(stream, edges);
    const limits = limitsOf(stream, edge, grain, settledBefore);
    for (const { fromMs, toMs } of clipSpans(validSpans(stream, streams), span)) {
      const add = (tier: keyof Plan, from: number, to: number): void => {
        if (from < to)
          plan[tier].push({ stream: stream.id, fromMs: from, toMs: to, edge: tier === "swaps" ? edge : undefined });
      };
      const [minutesFrom, minutesTo] = within(fromMs, toMs, limits.minutes, MINUTE_MS);
      const [daysFrom, daysTo] = within(minutesFrom, minutesTo, limits.days, DAY_MS);
      add("days", daysFrom, daysTo);
      add("minutes", minutesFrom, daysFrom);
      add("minutes", daysTo, minutesTo);
      add("swaps", fromMs, minutesFrom);
      add("swaps", minutesTo, toMs);
    }
  }
  return plan;
}

/** The whole steps of a span before the limit. Without any, both ends are that of the span's begin, so all of it is left to the finer tier. */
function within(fromMs: number, toMs: number, limitMs: number, step: number): [number, number] {
  const from = ceilTo(fromMs, step);
  const to = floorTo(Math.min(toMs, limitMs), step);
  return from < to ? [from, to] : [fromMs, fromMs];
}

function limitsOf(stream: CatalogStream, edge: number | undefined, grain: Grain, settledBefore: SettledBefore) {
  if (grain === "rows") return { minutes: 0, days: 0 };
  const limit = edge === undefined ? Number.MAX_SAFE_INTEGER : settledBefore(stream.id, edge);
  const minutes = Math.min(stream.minutesBeforeMs, limit);
  return { minutes, days: grain === "days" ? Math.min(stream.daysBeforeMs, limit) : 0 };
}

/** Returns the files that may hold rows of the parts. */
export function filesOf({ files }: Snapshot, tier: Tier, parts: readonly StreamSpan[]): CatalogFile[] {
  const byStream = Map.groupBy(parts, ({ stream }) => stream);
  const isMet = (held: StreamSpan): boolean =>
    (byStream.get(held.stream) ?? []).some((part) => part.fromMs < held.toMs && held.fromMs < part.toMs);
  return files.filter((file) => file.tier === tier && file.streams.some(isMet));
}

/** Returns SQL that is true for rows of the parts. `time` is a column of timestamps. Streams with equal parts share a condition. */
export function conditionOf(parts: readonly Part[], time: string): string {
  const groups = Map.groupBy(parts, ({ fromMs, toMs, edge }) => `${fromMs} ${toMs} ${edge}`);
  const conditions = [...groups.values()].map((same) => {
    const { fromMs, toMs, edge } = same[0]!;
    const streams = [...new Set(same.map(({ stream }) => stream))].join(", ");
    const before = edge === undefined ? "" : ` AND sequence < ${edge}`;
    return `(${time} >= ${timeOf(fromMs)} AND ${time} < ${timeOf(toMs)} AND stream IN (${streams})${before})`;
  });
  if (conditions.length === 1) return conditions[0]!;
  // Row groups are left out by the whole span, not by the alternatives.
  const fromMs = Math.min(...parts.map((part) => part.fromMs));
  const toMs = Math.max(...parts.map((part) => part.toMs));
  return `${time} >= ${timeOf(fromMs)} AND ${time} < ${timeOf(toMs)} AND (${conditions.join(" OR ")})`;
}

/** The last instant that DuckDB's timestamps reach, in ms; no swap is later. */
const TIME_MAX_MS = 9_000_000_000_000_000;

export function timeOf(ms: number): string {
  return `make_timestamp_ms(${Math.min(ms, TIME_MAX_MS)})::TIMESTAMP_MS`;
}
