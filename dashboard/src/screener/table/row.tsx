/** A row of the table. It is drawn again only when its figures, its place or the columns have changed. */
import { Component } from "preact";
import { shortAddress } from "../../format/tokens.ts";
import { hrefTo } from "../../ui/route.ts";
import { Spark } from "../../ui/spark.tsx";
import { chainName, chainShort, splitTokenId } from "../model/chains.ts";
import { type Column, columnKey } from "../model/columns.ts";
import { columnValue, isEstimated, isPartial, type ScreenerRow } from "../model/rows.ts";
import { Cell } from "./cell.tsx";
import type { PlacedRow } from "./row-order.ts";

/** What all rows of a table share. The object changes only with the columns or the order. */
export type RowLook = {
  readonly columns: readonly Column[];
  /** Marks of each column: whether it is the first of its figure, and whether the rows are sorted by it. */
  readonly marks: readonly string[];
  readonly price: Column;
  /** Windows that the service has seen completely. A row that has not is marked; in other windows none is. */
  readonly complete: ReadonlySet<string>;
  /** The past instant of the figures, for links. */
  readonly at: string | undefined;
  readonly rowHeight: number;
  /** Columns of the two lines of a narrow row. Undefined: the row is one line. */
  readonly narrow: { readonly change: Column | undefined; readonly figures: readonly Column[] } | undefined;
};

type RowProps = {
  readonly placed: PlacedRow;
  readonly index: number;
  /** Undefined: the row has left. It keeps the figures that it had. */
  readonly row: ScreenerRow | undefined;
  readonly look: RowLook;
  readonly nowMs: number;
};

export class Row extends Component<RowProps> {
  #row: ScreenerRow | undefined;

  override shouldComponentUpdate(next: RowProps): boolean {
    const { placed, index, row, look, nowMs } = this.props;
    return (
      next.row !== row ||
      next.index !== index ||
      next.placed !== placed ||
      next.look !== look ||
      (next.nowMs !== nowMs && look.columns.some(({ field }) => field.kind === "time"))
    );
  }

  override render({ placed: { id, phase }, index, row, look, nowMs }: RowProps) {
    this.#row = row ?? this.#row;
    const shown = this.#row;
    const { chainId, address } = splitTokenId(id);
    const content =
      shown === undefined ? null : look.narrow === undefined ? (
        <WideCells row={shown} look={look} nowMs={nowMs} />
      ) : (
        <NarrowCells row={shown} look={look} nowMs={nowMs} />
      );
    return (
      <tr
        class={`row ${phase}`}
        aria-rowindex={index + 3}
        data-index={index}
        data-id={id}
        style={{ transform: `translateY(${index * look.rowHeight}px)` }}
      >
        <td class="rank">{index + 1}</td>
        <th scope="row" class="token-name">
          <a href={hrefTo("token", id, { at: look.at })} title={`${chainName(chainId)} ${address}`}>
            {shown?.symbol ?? shortAddress(address)}
          </a>
          <span class="chain" title={chainName(chainId)}>
            {chainShort(chainId)}
          </span>
          {shown?.split && (
            <span class="badge warn" title="Other partitions have swaps of this token too. The figures lack them.">
              split
            </span>
          )}
        </th>
        {content}
      </tr>
    );
  }
}

type CellsProps = { readonly row: ScreenerRow; readonly look: RowLook; readonly nowMs: number };

function figure(
  look: RowLook,
  row: ScreenerRow,
  column: Column,
  marks: string,
  nowMs: number,
  key = columnKey(column),
  inner = false,
) {
  const { name, kind } = column.field;
  const isCount = name === "traders" || name === "buyers" || name === "sellers";
  const partial = look.complete.has(column.window) && isPartial(row, column.window) ? " is-partial" : "";
  const estimated = isCount && isEstimated(row, column.window) ? " is-estimated" : "";
  const value = columnValue(row, column);
  return <Cell key={key} {...{ name, kind, value, nowMs, inner }} marks={`${marks}${partial}${estimated}`} />;
}

function WideCells({ row, look, nowMs }: CellsProps) {
  const { columns, marks, price } = look;
  return (
    <>
      {figure(look, row, price, " price", nowMs, "price")}
      <td class="line">
        <Line values={row.spark} />
      </td>
      {columns.map((column, at) => figure(look, row, column, marks[at] as string, nowMs))}
    </>
  );
}

function NarrowCells({ row, look, nowMs }: CellsProps) {
  const { change, figures } = look.narrow as NonNullable<RowLook["narrow"]>;
  return (
    <>
      <td class="line">
        <Line values={row.spark} />
      </td>
      {figure(look, row, look.price, " price", nowMs, "price")}
      {change !== undefined && figure(look, row, change, " fig-change", nowMs, "change")}
      <td class="fact-line">
        {figures.map((column) => (
          <span key={columnKey(column)} class="fact">
            {figure(look, row, column, "", nowMs, columnKey(column), true)}
            <span class="fact-name">{`${column.field.short.toLowerCase()} ${column.window}`}</span>
          </span>
        ))}
      </td>
    </>
  );
}

type LineProps = { readonly values: ScreenerRow["spark"] };

/** A line of prices is drawn again at most this often, in ms: its last point moves with every trade, and by less than a pixel. */
const LINE_MS = 1_000;

/** The sparkline, which is drawn again only when its values have changed. */
class Line extends Component<LineProps> {
  #drawnMs = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  override shouldComponentUpdate(next: LineProps): boolean {
    if (next.values === this.props.values || this.#timer !== undefined) return false;
    const waitMs = this.#drawnMs + LINE_MS - performance.now();
    if (waitMs <= 0) return true;
    this.#timer = setTimeout(() => this.forceUpdate(), waitMs);
    return false;
  }

  override componentWillUnmount(): void {
    clearTimeout(this.#timer);
  }

  override render({ values }: LineProps) {
    this.#drawnMs = performance.now();
    this.#timer = undefined;
    return values === undefined ? null : <Spark values={values} width={88} height={22} label="Price" />;
  }
}
