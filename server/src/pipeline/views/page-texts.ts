/** The rows of a page as JSON text. */
import type { RankedRow, RankKey } from "../../bus/responses.ts";
import type { Piecewise } from "../thread-share.ts";
import type { PageRow } from "./kept-rows.ts";
import type { RowFigures } from "./row-figures.ts";

/** Windows of rows that are written in a piece. */
const WINDOWS_PER_PIECE = 512;

/** Makes `{"id":..,"symbol":..,"rev":..,..}` of each row, with the edges of windows at this as-of. `keys` are those of the rows. */
export function* pageTexts(
  rows: readonly PageRow[],
  keys: readonly RankKey[],
  figures: RowFigures,
  asOfMs: number,
): Piecewise<RankedRow[]> {
  const rowsPerPiece = Math.ceil(WINDOWS_PER_PIECE / figures.weight);
  const texts: RankedRow[] = [];
  for (const [at, row] of rows.entries()) {
    const symbol = row.symbol === undefined ? "" : `,"symbol":${JSON.stringify(row.symbol)}`;
    const split = row.isSplit ? `,"split":true` : "";
    const json = `{"id":${JSON.stringify(row.id)}${symbol}${split},"rev":${row.rev},${figures.text(row, asOfMs)}}`;
    texts.push({ key: keys[at] as RankKey, partition: row.partition, json });
    if (texts.length % rowsPerPiece === 0) yield;
  }
  return texts;
}
