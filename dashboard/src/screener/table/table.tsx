/** The table of tokens. Only the rows in sight are in the document; all others are empty space. */
import { useMemo, useRef } from "preact/hooks";
import { useNow } from "../../ui/use-store.ts";
import { type Column, columnWidth } from "../model/columns.ts";
import { findField } from "../model/fields.ts";
import type { Sort } from "../model/query.ts";
import { columnValue, isEstimated, isPartial, type ScreenerRow } from "../model/rows.ts";
import { exactForm } from "./cell.tsx";
import { scrollToRow, visibleSlice } from "./geometry.ts";
import { Head } from "./head.tsx";
import { Row, type RowLook } from "./row.tsx";
import { useRows } from "./use-rows.ts";
import { useNarrow, useViewport } from "./use-viewport.ts";

type TableProps = {
  readonly order: readonly string[];
  readonly rows: { readonly [id: string]: ScreenerRow };
  /** Names the query. */
  readonly queryKey: string;
  readonly columns: readonly Column[];
  readonly priceWindow: string;
  readonly sparkWindow: string;
  /** Windows that the service has seen completely. */
  readonly complete: ReadonlySet<string>;
  readonly sort: readonly Sort[];
  readonly onSort: (field: string, window: string | undefined, isAdded: boolean) => void;
  readonly isHeld: boolean;
  readonly onHold: () => void;
  readonly onRelease: () => void;
  /** The past instant of the figures, as addresses have it. Undefined: the present. */
  readonly at?: string;
};

/** Rank, token, price and line, with the edge of the page. */
const LEAD_PX = 44 + 148 + 96 + 104 + 16;
const ROW_PX = 32;
const NARROW_ROW_PX = 60;
/** Figures below the name of a narrow row. */
const NARROW_FIGURES = 1;

export function Table(props: TableProps) {
  const { order, rows, queryKey, columns, sort, isHeld } = props;
  const frame = useRef<HTMLDivElement>(null);
  const viewport = useViewport(frame);
  const isNarrow = useNarrow();
  const look = useLook(props, isNarrow);
  const nowMs = useNow(1_000);
  const placed = useRows(order, queryKey, isHeld);
  const { start, end } = visibleSlice(placed.length, look.rowHeight, viewport.top, viewport.height);
  const widths = columns.map(columnWidth);
  const template = `44px minmax(148px, 1.7fr) minmax(96px, 1fr) 104px ${widths.map((width) => `minmax(${width}px, 1fr)`).join(" ")}`;
  const least = widths.reduce((sum, width) => sum + width, LEAD_PX);
  const moveTo = (index: number): void => {
    const to = Math.max(0, Math.min(placed.length - 1, index));
    const element = frame.current;
    if (element === null) return;
    element.scrollTop = scrollToRow(to, look.rowHeight, element.scrollTop, element.clientHeight - headHeight(element));
    // The row may be drawn only in the frame after the scroll.
    requestAnimationFrame(() => requestAnimationFrame(() => linkOf(element, to)?.focus({ preventScroll: true })));
  };
  return (
    <div
      ref={frame}
      class={`table-frame${isNarrow ? " narrow" : ""}`}
      style={{ "--columns": template, "--row-height": `${look.rowHeight}px`, "--least": `${least}px` }}
    >
      <table class="table" aria-label="Tokens" aria-rowcount={placed.length + 2}>
        {!isNarrow && (
          <Head
            {...{ columns, sort }}
            price={look.price}
            spark={props.sparkWindow}
            complete={props.complete}
            onSort={props.onSort}
          />
        )}
        <tbody
          class="token-rows"
          style={{ height: `${placed.length * look.rowHeight}px` }}
          onPointerMove={(event) => event.pointerType === "mouse" && props.onHold()}
          onPointerLeave={props.onRelease}
          onPointerOver={(event) => explain(event.target, look, rows)}
          onFocusIn={props.onHold}
          onClick={follow}
          onKeyDown={(event) => {
            const target = moveOf(event.key, event.target, viewport.height / look.rowHeight);
            if (target === undefined) return;
            event.preventDefault();
            props.onHold();
            moveTo(target);
          }}
        >
          {placed.slice(start, end).map((one, at) => (
            <Row
              key={one.id}
              placed={one}
              index={start + at}
              row={one.phase === "leaving" ? undefined : rows[one.id]}
              look={look}
              nowMs={nowMs}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function useLook({ columns, sort, priceWindow, complete, at }: TableProps, isNarrow: boolean): RowLook {
  return useMemo(() => {
    const close = findField("close");
    if (close === undefined) throw new Error("There is no field close.");
    const place = (column: Column): number => {
      const at = sort.findIndex(({ field, window }) => field === column.field.name && window === column.window);
      return at < 0 ? sort.length : at;
    };
    const isSorted = (column: Column): boolean => place(column) < sort.length;
    const marks = columns.map((column, at) => {
      const isFirst = columns[at - 1]?.field !== column.field;
      return `${isFirst ? " first" : ""}${isSorted(column) ? " sorted" : ""}`;
    });
    const change = columns.filter(({ field }) => field.name === "price_change_pct");
    const others = columns.filter(({ field }) => field.name !== "price_change_pct");
    const figures = others.toReversed().sort((a, b) => place(a) - place(b));
    const narrow = { change: change.find(isSorted) ?? change.at(-1), figures: figures.slice(0, NARROW_FIGURES) };
    return {
      columns,
      marks,
      price: { field: close, window: priceWindow },
      complete,
      at,
      rowHeight: isNarrow ? NARROW_ROW_PX : ROW_PX,
      narrow: isNarrow ? narrow : undefined,
    };
  }, [columns, sort, priceWindow, complete, at, isNarrow]);
}

const headHeight = (frame: HTMLElement): number => frame.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0;

const linkOf = (frame: HTMLElement, index: number): HTMLElement | null =>
  frame.querySelector<HTMLElement>(`[data-index="${index}"] a`);

const rowOf = (target: EventTarget | null): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>("[data-index]") : null;

/** Returns the index to which a key moves the focus from the row of `target`. */
function moveOf(key: string, target: EventTarget | null, rowsInView: number): number | undefined {
  const row = rowOf(target);
  if (row === null) return undefined;
  const index = Number(row.dataset.index);
  const page = Math.max(1, Math.floor(rowsInView) - 2);
  const steps: Readonly<Record<string, number>> = {
    ...{ ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page },
    ...{ Home: -index, End: Number.MAX_SAFE_INTEGER - index },
  };
  const step = steps[key];
  return step === undefined ? undefined : index + step;
}

/** A press anywhere in a row follows its link, unless a text is being selected. */
function follow(event: MouseEvent): void {
  const row = rowOf(event.target);
  const isLink = event.target instanceof Element && event.target.closest("a") !== null;
  if (row === null || isLink || getSelection()?.isCollapsed === false) return;
  const address = row.querySelector("a")?.getAttribute("href") ?? "";
  if (event.ctrlKey || event.metaKey) open(address, "_blank", "noopener");
  else location.hash = address;
}

/** Gives the cell at the pointer its exact value as title. Titles of all cells would have to be written with each change. */
function explain(target: EventTarget | null, look: RowLook, rows: TableProps["rows"]): void {
  const cell = target instanceof Element ? target.closest<HTMLElement>(".fig") : null;
  const row = rows[rowOf(cell)?.dataset.id ?? ""];
  if (cell === null || row === undefined || look.narrow !== undefined) return;
  const at = [...(cell.parentElement?.children ?? [])].indexOf(cell) - LEAD_CELLS;
  const column = cell.classList.contains("price") ? look.price : look.columns[at];
  if (column === undefined) return;
  const { field, window } = column;
  const value = columnValue(row, column);
  const notes = [
    value === undefined ? "none: no trade in the window" : exactForm(field.kind, value),
    ...(isPartial(row, window) ? ["the service has not seen the whole window"] : []),
    ...(isEstimated(row, window) && /^(traders|buyers|sellers)$/.test(field.name) ? ["estimated"] : []),
  ];
  cell.title = `${field.label} ${window}: ${notes.join("; ")}`;
}

/** Rank, token, price and line stand before the columns. */
const LEAD_CELLS = 4;
