/** The choice of columns: a figure a line, a window a column. */
import { useState } from "preact/hooks";
import { Button, Popover, Tabs } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { COLUMNS_MAX, type Column, columnKey, moveFigure, toggleColumn } from "../model/columns.ts";
import { type Field, fields } from "../model/fields.ts";

const PAGES = [
  { value: "figures", label: "Figures" },
  { value: "previous", label: "Previous span" },
  { value: "change", label: "Change against it" },
] as const;
type Page = (typeof PAGES)[number]["value"];

const pageOf = ({ name }: Field): Page =>
  name.startsWith("previous.") ? "previous" : name.startsWith("change.") ? "change" : "figures";

type ChooserProps = {
  readonly columns: readonly Column[];
  readonly windows: readonly string[];
  readonly onColumns: (columns: readonly Column[]) => void;
  readonly onReset: () => void;
};

export function ColumnChooser({ columns, windows, onColumns, onReset }: ChooserProps) {
  const [page, setPage] = useState<Page>("figures");
  const chosen = new Set(columns.map(columnKey));
  const listed = fields.filter((field) => field.isColumn && field.name !== "close" && pageOf(field) === page);
  const [isOpen, setOpen] = useState(false);
  const isFull = columns.length >= COLUMNS_MAX;
  return (
    // Hundreds of boxes are made only when they are wanted.
    <div class="columns" {...onToggle(setOpen)}>
      <Popover
        label="Columns and windows"
        button={
          <span class="bar-button">
            <Icon name="columns" />
            <span class="bar-word">Columns</span>
          </span>
        }
      >
        {isOpen && (
          <div class="chooser">
            <Tabs label="Kind of figure" value={page} options={PAGES} onChange={setPage} />
            <div class="chooser-scroll">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Figure</th>
                    {windows.map((window) => (
                      <th key={window} scope="col">
                        {window}
                      </th>
                    ))}
                    <th scope="col">
                      <span class="unseen">Place</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {listed.map((field) => (
                    <tr key={field.name}>
                      <th scope="row">{field.label}</th>
                      {windows.map((window) => {
                        const isChosen = chosen.has(columnKey({ field, window }));
                        return (
                          <td key={window}>
                            <label class="box">
                              <input
                                type="checkbox"
                                aria-label={`${field.label} in ${window}`}
                                checked={isChosen}
                                disabled={isFull && !isChosen}
                                onChange={() => onColumns(toggleColumn(columns, { field, window }, windows))}
                              />
                            </label>
                          </td>
                        );
                      })}
                      <td class="places">
                        {columns.some((one) => one.field === field) && (
                          <>
                            <Move
                              label={`Move ${field.label} to the left`}
                              onClick={() => onColumns(moveFigure(columns, field.name, -1))}
                              sign="‹"
                            />
                            <Move
                              label={`Move ${field.label} to the right`}
                              onClick={() => onColumns(moveFigure(columns, field.name, 1))}
                              sign="›"
                            />
                          </>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <div class="chooser-end">
              <span>
                {isFull ? `${COLUMNS_MAX} columns are the most.` : `${columns.length} of ${COLUMNS_MAX} columns`}
              </span>
              <Button label="Usual columns" kind="quiet" onClick={onReset} />
            </div>
          </div>
        )}
      </Popover>
    </div>
  );
}

/** The event of the popover does not bubble, so it is listened to on its way down. */
const onToggle = (set: (isOpen: boolean) => void) => ({
  onToggleCapture: (event: Event) => set((event.target as HTMLDetailsElement).open),
});

type MoveProps = { readonly label: string; readonly sign: string; readonly onClick: () => void };

const Move = ({ label, sign, onClick }: MoveProps) => (
  <button type="button" class="move" aria-label={label} title={label} onClick={onClick}>
    {sign}
  </button>
);
