/**
 * The order in which rows are drawn. It follows the order of the service with two differences, so that people can read and hit a row of a
 * table that moves: rows that enter or leave are marked for a moment, and while the order is held no row changes its place.
 */

/** `leaving` rows have no figures of now: they no longer match. */
type Phase = "present" | "entering" | "leaving";
export type PlacedRow = {
  readonly id: string;
  readonly phase: Phase /** Time of the phase's begin, in ms. */;
  readonly sinceMs: number;
};

/** How long a row is marked as new, and how long one that left stays visible. */
export const ENTER_MS = 900;
export const LEAVE_MS = 320;
/** More rows than this enter or leave at once only by another query, and then nothing is marked. */
const MARKED_MAX = 60;

/** Returns the rows to draw. `rows` is what was drawn before; the same array comes back if nothing changed. */
export function placeRows(
  rows: readonly PlacedRow[],
  order: readonly string[],
  nowMs: number,
  isHeld: boolean,
): readonly PlacedRow[] {
  const former = new Map(rows.map((row) => [row.id, row]));
  const present = new Set(order);
  const next =
    isHeld && rows.length > 0 ? heldRows(rows, present, nowMs) : orderedRows(rows, former, order, present, nowMs);
  const isSame = next.length === rows.length && next.every((row, at) => row === rows[at]);
  return isSame ? rows : next;
}

/** Keeps every place. Rows that left stay marked, because removing them would move those below. */
function heldRows(rows: readonly PlacedRow[], present: ReadonlySet<string>, nowMs: number): readonly PlacedRow[] {
  return rows.map((row) => {
    if (!present.has(row.id)) return row.phase === "leaving" ? row : { id: row.id, phase: "leaving", sinceMs: nowMs };
    return row.phase === "leaving" ? { id: row.id, phase: "present", sinceMs: nowMs } : settled(row, nowMs);
  });
}

function orderedRows(
  rows: readonly PlacedRow[],
  former: ReadonlyMap<string, PlacedRow>,
  order: readonly string[],
  present: ReadonlySet<string>,
  nowMs: number,
): readonly PlacedRow[] {
  const entered = order.filter((id) => !former.has(id)).length;
  const isMarked = rows.length > 0 && entered <= MARKED_MAX;
  const next = order.map((id): PlacedRow => {
    const row = former.get(id);
    if (row === undefined) return { id, phase: isMarked ? "entering" : "present", sinceMs: nowMs };
    return row.phase === "leaving" ? { id, phase: "present", sinceMs: nowMs } : settled(row, nowMs);
  });
  if (!isMarked) return next;
  for (const [at, row] of rows.entries()) {
    if (present.has(row.id)) continue;
    const leaving: PlacedRow = row.phase === "leaving" ? row : { id: row.id, phase: "leaving", sinceMs: nowMs };
    // In the former place, so that it fades where it was seen.
    if (nowMs - leaving.sinceMs < LEAVE_MS) next.splice(Math.min(at, next.length), 0, leaving);
  }
  return next;
}

function settled(row: PlacedRow, nowMs: number): PlacedRow {
  const isOver = row.phase === "entering" && nowMs - row.sinceMs >= ENTER_MS;
  return isOver ? { id: row.id, phase: "present", sinceMs: row.sinceMs } : row;
}

/** Returns the time at which a mark ends without a change of the order, or undefined if no row is marked. */
export function nextChangeMs(rows: readonly PlacedRow[], isHeld: boolean): number | undefined {
  let earliest: number | undefined;
  for (const { phase, sinceMs } of rows) {
    if (phase === "present" || (phase === "leaving" && isHeld)) continue;
    const endMs = sinceMs + (phase === "entering" ? ENTER_MS : LEAVE_MS);
    if (earliest === undefined || endMs < earliest) earliest = endMs;
  }
  return earliest;
}
