import type { Span } from "../../../ports/history-store.ts";
import type { CatalogFile, Snapshot } from "./catalog.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./plan.ts";

/** Each window is this much longer than the one before: a search that finds nothing near reads little more than one over everything. */
const GROWTH = 4;
/** A window for what is missing is this much longer than the windows before it promise. */
const SPARE = 1.25;

/**
 * Yields windows that follow each other from one end of the span, as far as the history reaches. Their inner ends are multiples of `step`. A search that needs few
 * rows so reads the files of few windows.
 */
export function* windowsOf(
  { files }: Snapshot,
  span: Span,
  order: "asc" | "desc",
  firstMs: number,
  step: number,
  density?: Density,
): Generator<Span> {
  const held = heldSpan(files);
  const fromMs = Math.max(span.fromMs, held.fromMs);
  const toMs = Math.min(span.toMs, held.toMs);
  let lengthMs = Math.max(firstMs, step);
  if (order === "asc") {
    for (let from = fromMs; from < toMs; ) {
      const to = Math.min(toMs, Math.max(Math.ceil((from + lengthMs) / step) * step, from + 1));
      yield { fromMs: from, toMs: to };
      [from, lengthMs] = [to, lengthMs * GROWTH];
    }
    return;
  }
  let nextMs = lengthMs;
  let promised: Density | undefined;
  for (let to = toMs; to > fromMs; ) {
    const from = Math.max(fromMs, Math.floor((to - nextMs) / step) * step);
    yield { fromMs: from, toMs: to };
    to = from;
    const wantedMs = lengthMs * shareMissing(density);
    // The promise may be wrong where swaps are rare: after this window they grow as ever.
    if (wantedMs < lengthMs * GROWTH && density !== promised) {
      promised = density;
      nextMs = wantedMs;
      continue;
    }
    lengthMs *= GROWTH;
    nextMs = lengthMs;
  }
}

/** What a search found in the windows so far, of what it wants in all. */
type Density = { readonly found: number; readonly wanted: number };

/** How many times the first window is needed for what it did not find. */
function shareMissing(density: Density | undefined): number {
  if (density === undefined || density.found === 0) return GROWTH;
  return (SPARE * (density.wanted - density.found)) / density.found;
}

/** The window of a pass over all rows is the longest of these that holds about this many rows, or the shortest. */
const PASS_WINDOWS_MS = [DAY_MS, HOUR_MS, 10 * MINUTE_MS, MINUTE_MS];
const PASS_ROWS_MAX = 50_000;

/** Yields the windows of a pass over all rows of the span, ascending. Times without rows are left out. */
export function* passWindows({ files }: Snapshot, span: Span): Generator<Span> {
  const held = files.filter(({ tier, fromMs, toMs }) => tier === "swaps" && fromMs < span.toMs && span.fromMs < toMs);
  for (let from = span.fromMs; ; ) {
    const ahead = held.filter(({ toMs }) => toMs > from);
    if (ahead.length === 0) return;
    from = Math.max(from, Math.min(...ahead.map(({ fromMs }) => fromMs)));
    if (from >= span.toMs) return;
    const length = PASS_WINDOWS_MS.find((ms) => rowsNear(ahead, { fromMs: from, toMs: from + ms }) <= PASS_ROWS_MAX);
    const to = Math.min(span.toMs, from + (length ?? MINUTE_MS));
    yield { fromMs: from, toMs: to };
    from = to;
  }
}

/** Estimates the rows of a span, as if those of a file were spread evenly. */
function rowsNear(files: readonly CatalogFile[], span: Span): number {
  return files.reduce((sum, { fromMs, toMs, rows }) => {
    const shared = Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs);
    return shared <= 0 ? sum : sum + (rows * shared) / (toMs - fromMs);
  }, 0);
}

function heldSpan(files: readonly CatalogFile[]): Span {
  const swaps = files.filter(({ tier }) => tier === "swaps");
  return {
    fromMs: swaps.reduce((least, { fromMs }) => Math.min(least, fromMs), Number.MAX_SAFE_INTEGER),
    toMs: swaps.reduce((most, { toMs }) => Math.max(most, toMs), 0),
  };
}
