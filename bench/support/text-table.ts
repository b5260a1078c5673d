/** Plain tables for a terminal. */

/** Columns of the terminal that a table is made for. */
export const TABLE_COLUMNS = 100;
const GAP = "  ";

/**
 * Returns lines of at most `columns` characters. The first cell of a row is on the left, and the others are on the right of their columns. A
 * first cell that is too long is cut at its beginning, because the ends of paths say more.
 */
export function textTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  columns = TABLE_COLUMNS,
): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const others = widths.slice(1).reduce((sum, width) => sum + GAP.length + width, 0);
  const first = Math.max(8, Math.min(widths[0]!, columns - others));
  return all
    .map(([subject = "", ...cells]) =>
      [cut(subject, first).padEnd(first), ...cells.map((cell, i) => cell.padStart(widths[i + 1]!))].join(GAP).trimEnd(),
    )
    .join("\n");
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `…${text.slice(text.length - length + 1)}`;
}
