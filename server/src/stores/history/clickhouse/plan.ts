/**
 * Where the parts of an answer come from. Whole units of the span that are final come from the coarsest table that has them, everything else from rows:
 *
 *   from ..rows.. | minutes | hours | days | hours | minutes | ..rows.. to      with the units of each stream ending where they stop being final
 *
 * Conditions on the time alone stand first, as alternatives of constant ranges: ClickHouse finds the marks of its index by them.
 */
import type { Edge, Span } from "../../../ports/history-store.ts";
import { clipSpans, edgeOf, withoutSpans } from "../valid-spans.ts";
import { LEVELS, type Level, type LevelName, msOf } from "./levels.ts";
import { all, byStream, clamped, dateTime, time } from "./sql.ts";
import { invalidParts, type StreamState, united } from "./streams.ts";

/** The coarsest table that may be used. */
export type Grain = "rows" | LevelName;

/** Conditions for each table; undefined where it gives nothing. */
export type Plan = { readonly rows: string | undefined; readonly levels: readonly PlannedLevel[] };
type PlannedLevel = { readonly level: Level; readonly where: string };

/** For streams whose edge lies below the aggregated minutes: the first minute that has a row at or behind the edge. */
export type LowEdges = ReadonlyMap<string, number>;

/** What a level can give: its final units within the span, without those that the stream does not make valid as a whole. */
type Window = {
  readonly level: Level;
  readonly fromMs: number;
  readonly endOf: (stream: StreamState) => number;
  readonly spansOf: (stream: StreamState) => Span[];
  /** A condition on the milliseconds of a column that is no finer than the level. */
  readonly holds: (timeMs: string) => string;
};

const up = (ms: number, unit: number): number => Math.ceil(ms / unit) * unit;
const down = (ms: number, unit: number): number => Math.floor(ms / unit) * unit;

/** Returns the streams whose edge lies below their aggregated minutes. */
export function lowEdges(streams: readonly StreamState[], edges: readonly Edge[]): StreamState[] {
  return streams.filter((stream) => (edgeOf(stream, edges) ?? Number.MAX_SAFE_INTEGER) < stream.minutesSequence);
}

/** `isOfToken`: few entries are read, so another table pays only for a long span. */
export function planOf(
  streams: readonly StreamState[],
  span: Span,
  edges: readonly Edge[],
  low: LowEdges,
  grain: Grain,
  isOfToken: boolean,
): Plan {
  const held = streams.filter(({ held }) => held !== undefined && held.fromMs < span.toMs && held.toMs >= span.fromMs);
  const fromMs = Math.max(span.fromMs, Math.min(...held.map((stream) => stream.held!.fromMs)));
  const toMs = Math.min(span.toMs, Math.max(...held.map((stream) => stream.held!.toMs + 1)));
  if (held.length === 0 || fromMs >= toMs) return { rows: undefined, levels: [] };
  const windows = LEVELS.slice(0, LEVELS.findIndex(({ name }) => name === grain) + 1)
    .filter(({ ms, worthMs }) => up(span.fromMs, ms) < down(span.toMs, ms) && !(isOfToken && toMs - fromMs < worthMs))
    .map((level) => windowOf(level, span, held, streams, low));
  const parts = (unit: number, spansOf: (stream: StreamState) => Span[]): Span[] =>
    // The unit of the first row begins before that row.
    united(held.flatMap((stream) => clipSpans(spansOf(stream), { fromMs: down(fromMs, unit), toMs })));
  const rowMs = msOf("event_time");
  const finest = windows[0];
  const rowParts = parts(1, (stream) => {
    const own = clipSpans([span], { fromMs: stream.held!.fromMs, toMs: stream.held!.toMs + 1 });
    return withoutSpans(own, [...invalidParts(stream, streams), ...(finest?.spansOf(stream) ?? [])]);
  });
  const rows = joined(rowParts, "event_time", time, [
    ...(finest === undefined ? [] : [`NOT (${finest.holds(rowMs)})`]),
    ...edgeCondition(held, edges),
    ...validity(held, streams)(rowMs),
  ]);
  const levels = windows.flatMap(({ level, spansOf, holds }, i): PlannedLevel[] => {
    const coarser = windows[i + 1];
    const { column, ms } = level;
    const own = parts(ms, (stream) => withoutSpans(spansOf(stream), coarser?.spansOf(stream) ?? []));
    const more = coarser === undefined ? [] : [`NOT (${coarser.holds(msOf(column))})`];
    const where = joined(own, column, dateTime, [holds(msOf(column)), ...more]);
    return where === undefined ? [] : [{ level, where }];
  });
  return { rows, levels };
}

function windowOf(
  level: Level,
  span: Span,
  held: readonly StreamState[],
  streams: readonly StreamState[],
  low: LowEdges,
): Window {
  const fromMs = up(span.fromMs, level.ms);
  const toMs = down(span.toMs, level.ms);
  const endOf = (stream: StreamState): number =>
    Math.max(fromMs, Math.min(toMs, down(finalMs(level, stream, low), level.ms)));
  const ends = byStream(
    held.map((stream) => [stream.id, endOf(stream)] as const),
    fromMs,
  );
  const valid = validity(held, streams, level.ms);
  return {
    ...{ level, fromMs, endOf },
    spansOf: (stream) => withoutSpans([{ fromMs, toMs: endOf(stream) }], invalidParts(stream, streams, level.ms)),
    holds: (timeMs) => all([`${timeMs} >= ${clamped(fromMs)}`, `${timeMs} < ${ends}`, ...valid(timeMs)]),
  };
}

/** Units of a coarser table are used only where those of the finer ones are, too. */
function finalMs(level: Level, stream: StreamState, low: LowEdges): number {
  const lowMs = low.get(stream.id);
  const ends = LEVELS.slice(0, LEVELS.indexOf(level) + 1).map(({ name }) => stream.finalMs[name]);
  // An hour does not say which of its rows are behind an edge, and minutes that were deleted with age do not either.
  if (lowMs !== undefined) ends.push(level === LEVELS[0] ? lowMs : 0);
  return Math.min(...ends);
}

function joined(
  parts: readonly Span[],
  column: string,
  text: (ms: number) => string,
  more: readonly string[],
): string | undefined {
  if (parts.length === 0) return undefined;
  const times = parts.map(({ fromMs, toMs }) => `(${column} >= ${text(fromMs)} AND ${column} < ${text(toMs)})`);
  return all([times.join(" OR "), ...more]);
}

/** Rows at or behind the edge of their stream are left out. */
export function edgeCondition(streams: readonly StreamState[], edges: readonly Edge[]): string[] {
  const pairs = streams.flatMap((stream) => {
    const sequence = edgeOf(stream, edges);
    return sequence === undefined ? [] : [[stream.id, sequence] as const];
  });
  return pairs.length === 0 ? [] : [`toInt64(sequence) < ${byStream(pairs, Number.MAX_SAFE_INTEGER)}`];
}

/** Makes conditions on the time that leave out units with a time that is not valid in the streams. Rows are units of a millisecond. */
export function validity(
  streams: readonly StreamState[],
  allStreams: readonly StreamState[],
  unitMs = 1,
): (timeMs: string) => string[] {
  const parts = streams.flatMap((stream) =>
    invalidParts(stream, allStreams, unitMs).map((part) => ({ id: stream.id, ...part })),
  );
  return (timeMs) => parts.map(({ id, ...part }) => `NOT (${all(ofStream(id, part, timeMs))})`);
}

/** Conditions that hold for the stream in the span. */
export function ofStream(id: string, { fromMs, toMs }: Span, timeMs: string): string[] {
  const from = fromMs <= 0 ? [] : [`${timeMs} >= ${clamped(fromMs)}`];
  const to = toMs >= Number.MAX_SAFE_INTEGER ? [] : [`${timeMs} < ${clamped(toMs)}`];
  return [`stream = toUInt64(${id})`, ...from, ...to];
}
