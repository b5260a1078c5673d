/** Which rows of a long table are drawn. All rows have the same height, so the place of a row is its index times the height. */

type Slice = {
  /** Index of the first row that is drawn, and of the one behind the last. */
  readonly start: number;
  readonly end: number;
};

/** Rows that are drawn above and below the visible part, so that scrolling does not show empty space. */
const OVERSCAN = 3;

/** Returns the rows to draw. Heights and the scroll position are in pixels. */
export function visibleSlice(count: number, rowHeight: number, scrollTop: number, viewHeight: number): Slice {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  const last = Math.ceil((Math.max(0, scrollTop) + Math.max(0, viewHeight)) / rowHeight);
  const start = Math.min(Math.max(0, first - OVERSCAN), count);
  return { start, end: Math.max(start, Math.min(count, last + OVERSCAN)) };
}

/** Returns the scroll position that shows the row as a whole, moved as little as possible. */
export function scrollToRow(index: number, rowHeight: number, scrollTop: number, viewHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - viewHeight);
}
