/** Which gaps of a history are repaired together, and which ones cannot be, as far as the status of the history tells. */
import type {
  HistoryGap,
  HistoryStatus,
  SequenceRange,
  Span,
  StreamKey,
  StreamStatus,
} from "../../../ports/history-store.ts";
import { clipSpans, isSameStream, validSpans } from "../../../stores/history/valid-spans.ts";

/** Gaps of one stream that share times, so that their rows can only be counted together. */
export type GapGroup = {
  readonly stream: StreamKey;
  readonly gaps: readonly HistoryGap[];
  /** The times of all gaps. Whole minutes. */
  readonly span: Span;
  /** Ranges that hold all sequences that are missing. */
  readonly ranges: readonly SequenceRange[];
};

/** The gaps that a command is about. */
type GapChoice = Partial<Span> & { readonly partition: number | undefined };

/** Returns the chosen gaps in groups, ascending in time. A group is chosen by any of its gaps. */
export function gapGroups({ streams, gaps }: HistoryStatus, { fromMs, toMs, partition }: GapChoice): GapGroup[] {
  const ofStreams = Map.groupBy(gaps, ({ logId, partition: own, epoch }) => JSON.stringify([logId, own, epoch]));
  const groups = [...ofStreams.values()].flatMap((own) => groupsOfStream(own, streams));
  return groups
    .filter(({ stream }) => partition === undefined || stream.partition === partition)
    .filter(({ gaps: some }) =>
      some.some((gap) => (toMs === undefined || gap.fromMs < toMs) && (fromMs === undefined || fromMs < gap.toMs)),
    )
    .sort((a, b) => a.span.fromMs - b.span.fromMs || a.stream.partition - b.stream.partition);
}

function groupsOfStream(gaps: readonly HistoryGap[], streams: readonly StreamStatus[]): GapGroup[] {
  const lost = gaps.filter(({ isRepairable }) => !isRepairable).map((gap) => groupOf([gap], []));
  const repairable = gaps.filter(({ isRepairable }) => isRepairable).sort((a, b) => a.fromMs - b.fromMs);
  const [first] = repairable;
  if (first === undefined) return lost;
  if (repairable.some(({ sequences }) => sequences === undefined)) {
    // A gap of an older version does not say which sequences it misses: it may be any that the stream misses.
    const stream = streams.find((one) => isSameStream(one, first));
    const all = stream === undefined ? [] : [{ from: firstOf(stream), to: stream.nextSequence }];
    const known = repairable.flatMap(({ sequences }) => (sequences === undefined ? [] : [sequences]));
    return [...lost, groupOf(repairable, united([...all, ...known]))];
  }
  const parts: HistoryGap[][] = [];
  let endMs = 0;
  for (const gap of repairable) {
    const last = parts.at(-1);
    if (last === undefined || gap.fromMs >= endMs) parts.push([gap]);
    else last.push(gap);
    endMs = Math.max(endMs, gap.toMs);
  }
  const ranges = (part: readonly HistoryGap[]): SequenceRange[] =>
    united(part.flatMap(({ sequences }) => (sequences === undefined ? [] : [sequences])));
  return [...lost, ...parts.map((part) => groupOf(part, ranges(part)))];
}

/** A stream that has no beginning counts from 0, also where its first rows are missing. */
const firstOf = ({ span, firstSequence }: StreamStatus): number => (span.fromMs === 0 ? 0 : firstSequence);

function groupOf(gaps: readonly HistoryGap[], ranges: readonly SequenceRange[]): GapGroup {
  const { logId, partition, epoch } = gaps[0] as HistoryGap;
  const fromMs = Math.min(...gaps.map((gap) => gap.fromMs));
  const toMs = Math.max(...gaps.map((gap) => gap.toMs));
  return { stream: { logId, partition, epoch }, gaps, span: { fromMs, toMs }, ranges };
}

/** Joins ranges that touch or overlap, and drops empty ones. Ascending. */
function united(ranges: readonly SequenceRange[]): SequenceRange[] {
  const joined: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (from >= to) continue;
    if (last === undefined || from > last.to) joined.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return joined;
}

/** Whether later streams hold all times of the gaps, so that no answer reads the stream there. */
export function isSuperseded({ stream, span }: GapGroup, { streams }: HistoryStatus): boolean {
  return validWithin(stream, span, streams).length === 0;
}

/** Returns why the gaps cannot be repaired, or not yet, as a sentence; undefined when nothing is known against it. */
export function refusalOf({ stream, gaps, span }: GapGroup, status: HistoryStatus): string | undefined {
  if (gaps.some(({ isRepairable }) => !isRepairable)) return "The log has lost the records, so it cannot fill the gap.";
  const held = status.streams.find((one) => isSameStream(one, stream));
  if (held === undefined) return "The history does not know the stream of the gap.";
  const [valid, ...others] = validWithin(stream, span, status.streams);
  if (others.length > 0 || valid?.fromMs !== span.fromMs || valid.toMs !== span.toMs) {
    return "A later stream holds a part of its times, so the rows of the rest cannot be counted.";
  }
  const isLost = (gap: HistoryGap): boolean => !gap.isRepairable && isSameStream(gap, stream);
  if (status.gaps.some((gap) => isLost(gap) && span.fromMs <= gap.fromMs && gap.toMs <= span.toMs)) {
    return "The log has lost records within it.";
  }
  // Where no row is missing, those that came late are all there with the next mark.
  const settledMs = Math.max(...gaps.map((gap) => (isWithoutRows(gap) ? gap.toMs + 1 : gap.toMs)));
  if (held.settledBeforeMs >= settledMs) return undefined;
  const until = held.settledBeforeMs === 0 ? "none is" : `those before ${timeText(held.settledBeforeMs)} are`;
  return `Not all swaps of its times are final yet: ${until}. Let the service go on, and run the command again later.`;
}

const isWithoutRows = ({ sequences }: HistoryGap): boolean => sequences !== undefined && sequences.from >= sequences.to;

function validWithin(stream: StreamKey, span: Span, streams: readonly StreamStatus[]): Span[] {
  const held = streams.find((one) => isSameStream(one, stream));
  return held === undefined ? [span] : clipSpans(validSpans(held, streams), span);
}

export const timeText = (ms: number): string => new Date(ms).toISOString();
