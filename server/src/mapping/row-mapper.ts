import type { Mapping } from "./language.ts";
import type { MappedEvents } from "./mapper.ts";
import { RecordValues } from "./record-values.ts";
import { VALUE, ValueTable } from "./value-table.ts";
import { ElementMapper } from "./writing/element-mapper.ts";

/** Maps the rows of tables. */
export class RowMapper {
  readonly #columns: readonly number[];
  readonly #values: ValueTable;
  readonly #recordValues: RecordValues;
  readonly #elements: ElementMapper;

  /** `columns[i]` is the column of reference i of the mapping; -1 for a reference that is no column. */
  constructor(mapping: Mapping, columns: readonly number[]) {
    this.#columns = columns;
    this.#values = new ValueTable(mapping.references.length);
    this.#recordValues = new RecordValues(mapping);
    this.#elements = new ElementMapper(mapping, this.#values);
  }

  /** Maps the cells of one row. `row` is its number in the file. Clears `events` first. */
  map(cells: readonly string[], row: number, events: MappedEvents): void {
    events.clear();
    const values = this.#values;
    values.clear();
    this.#recordValues.fill({ ...NO_RECORD, row }, values);
    for (const [reference, column] of this.#columns.entries()) {
      const cell = column === -1 ? "" : (cells[column] ?? "");
      if (cell !== "") values.setOwn(reference, VALUE.text, cell);
    }
    this.#elements.map(NO_RECORD.bytes, events);
  }
}

const NO_RECORD = { bytes: new Uint8Array(0), start: 0, end: 0 };
