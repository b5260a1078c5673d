/** The head of the table: figures, and below each its windows. A press on a window sorts by it. */
import { Icon } from "../../ui/icons.tsx";
import { type Column, columnKey, groupColumns } from "../model/columns.ts";
import type { Sort } from "../model/query.ts";

type Press = (field: string, window: string | undefined, isAdded: boolean) => void;

type HeadProps = {
  readonly columns: readonly Column[];
  readonly price: Column;
  /** Window of the line of prices. */
  readonly spark: string;
  /** Windows that the service has seen completely. */
  readonly complete: ReadonlySet<string>;
  readonly sort: readonly Sort[];
  readonly onSort: Press;
};

export function Head({ columns, price, spark, complete, sort, onSort }: HeadProps) {
  return (
    <thead class="head">
      <tr class="head-row groups" aria-rowindex={1}>
        <td class="head-lead" colSpan={4} />
        {groupColumns(columns).map(({ field, windows, start }) => (
          <th
            key={field.name + start}
            scope="colgroup"
            class="fig-group"
            colSpan={windows.length}
            title={field.label}
            style={{ gridColumn: `span ${windows.length}` }}
          >
            <span>{field.short}</span>
          </th>
        ))}
      </tr>
      <tr class="head-row" aria-rowindex={2}>
        <th scope="col" class="rank">
          <span class="unseen">Rank</span>
        </th>
        <SortCell class="token-name" label="Token" field="symbol" window={undefined} {...{ sort, onSort }} />
        <SortCell class="price" label="Price" field="close" window={price.window} {...{ sort, onSort }} />
        <th scope="col" class="line">{`Price ${spark}`}</th>
        {columns.map((column, at) => (
          <SortCell
            key={columnKey(column)}
            class={`${columns[at - 1]?.field === column.field ? "" : "first"}${complete.has(column.window) ? "" : " is-partial"}`}
            label={column.window}
            title={`${column.field.label} in ${column.window}${complete.has(column.window) ? "" : ", which the service has not seen completely yet"}`}
            field={column.field.name}
            window={column.window}
            {...{ sort, onSort }}
          />
        ))}
      </tr>
    </thead>
  );
}

type SortCellProps = {
  readonly class: string;
  readonly label: string;
  /** Full name, where the label is short. */
  readonly title?: string;
  readonly field: string;
  readonly window: string | undefined;
  readonly sort: readonly Sort[];
  readonly onSort: Press;
};

function SortCell({ class: name, label, title, field, window, sort, onSort }: SortCellProps) {
  const at = sort.findIndex((one) => one.field === field && one.window === window);
  const order = sort[at]?.order;
  const spoken = order === undefined ? "none" : order === "asc" ? "ascending" : "descending";
  return (
    <th scope="col" class={`head-cell ${name}${at >= 0 ? " sorted" : ""}`} aria-sort={spoken}>
      <button
        type="button"
        aria-label={title ?? label}
        title={`${title ?? label}. Press to sort by it; with Shift, behind the present order.`}
        onClick={(event) => onSort(field, window, event.shiftKey)}
      >
        <span class={`order ${order ?? ""}`}>
          {order !== undefined && <Icon name="chevron" size={11} />}
          {sort.length > 1 && at >= 0 && <sub>{at + 1}</sub>}
        </span>
        <span class="head-label">{label}</span>
      </button>
    </th>
  );
}
