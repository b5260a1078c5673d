/** The rows to draw over time: held while a person points at one of them, and moved at most once a second. */
import { useEffect, useReducer, useRef } from "preact/hooks";
import { nextChangeMs, type PlacedRow, placeRows } from "./row-order.ts";

/** Rows that move more often than this cannot be read. Figures change as they come. */
const ORDER_MS = 1_000;

/**
 * Returns the rows to draw for an order. `key` names the query: rows of another one are there at once. While `isHeld` no row moves.
 */
export function useRows(order: readonly string[], key: string, isHeld: boolean): readonly PlacedRow[] {
  const [, render] = useReducer((count: number, _: undefined) => count + 1, 0);
  const kept = useRef<{ key: string; rows: readonly PlacedRow[]; order: readonly string[]; movedMs: number }>({
    ...{ key: "", rows: [], order: [], movedMs: 0 },
  });
  const nowMs = performance.now();
  const state = kept.current;
  if (state.key !== key) kept.current = { key, rows: placeRows([], order, nowMs, false), order, movedMs: nowMs };
  else {
    const isEarly = order !== state.order && nowMs - state.movedMs < ORDER_MS;
    const rows = placeRows(state.rows, order, nowMs, isHeld || isEarly);
    const isMoved = order !== state.order && !isHeld && !isEarly;
    kept.current = { ...state, rows, ...(isMoved ? { order, movedMs: nowMs } : {}) };
  }
  const { rows, order: placed, movedMs } = kept.current;
  const isWaiting = order !== placed;
  const markEndMs = nextChangeMs(rows, isHeld || isWaiting);
  const dueMs = Math.min(markEndMs ?? Infinity, isWaiting && !isHeld ? movedMs + ORDER_MS : Infinity);
  useEffect(() => {
    if (dueMs === Infinity) return;
    const timer = setTimeout(() => render(undefined), Math.max(0, dueMs - performance.now()) + 1);
    return () => clearTimeout(timer);
  }, [dueMs]);
  return rows;
}

/** How long rows keep their places after the last move of the pointer. */
const HOLD_MS = 3_000;

/** Returns three things: whether the rows keep their order, a function that freezes the order for a while, and one that ends this. */
export function useHold(): readonly [boolean, () => void, () => void] {
  const [isHeld, set] = useReducer((_: boolean, next: boolean) => next, false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const release = (): void => {
    clearTimeout(timer.current);
    set(false);
  };
  const hold = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(release, HOLD_MS);
    set(true);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return [isHeld, hold, release];
}
