import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import type { Condition, Mapping } from "../language.ts";
import { RECORD_EVENTS_BYTES_MAX, RECORD_EVENTS_MAX } from "../limits.ts";
import type { MappedEvents } from "../mapper.ts";
import type { ValueTable } from "../value-table.ts";
import { presentText } from "../values/null-markers.ts";
import { compileCondition, type Test } from "./conditions.ts";
import { DirectText } from "./direct-text.ts";
import { EventBytes } from "./event-bytes.ts";
import { compileField, type FieldWriter, inCanonicalOrder } from "./field-writers.ts";

type SwapWriter = { readonly isWanted: Test | undefined; readonly fields: readonly FieldWriter[] };

/** Makes events from the values of elements, the same for all formats. */
export class ElementMapper {
  readonly #isWanted: Test | undefined;
  readonly #swaps: readonly SwapWriter[];
  readonly #nulls: ReadonlySet<string>;
  readonly #values: ValueTable;
  readonly #out = new EventBytes();
  /** Texts of references that were looked up for the current element. */
  readonly #texts: (string | undefined)[];
  /** By reference: number of the element for which it was looked up. */
  readonly #lookedUpFor: Float64Array;
  #element = 0;
  #textBytes = 0;

  constructor(mapping: Mapping, values: ValueTable) {
    this.#values = values;
    this.#nulls = new Set(mapping.nulls);
    this.#texts = new Array<string | undefined>(mapping.references.length).fill(undefined);
    this.#lookedUpFor = new Float64Array(mapping.references.length);
    const direct = new DirectText(values, mapping.nulls);
    const test = (when: Condition | undefined): Test | undefined =>
      when && compileCondition(when, values, direct, this.#lookup, this.#nulls);
    this.#isWanted = test(mapping.when);
    this.#swaps = mapping.swaps.map(({ when, fields }) => ({
      isWanted: test(when),
      fields: inCanonicalOrder(fields).map((field) => compileField(field, values, direct, this.#lookup)),
    }));
  }

  /** Bytes of all texts that were made of values, over all records. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /**
   * Appends the events of the element whose values are in the table, most of them ranges of `record`. Returns false when the record has
   * too many.
   */
  map(record: Uint8Array, events: MappedEvents): boolean {
    this.#element++;
    if (this.#isWanted?.() === false) {
      events.skipped += this.#swaps.length;
      return true;
    }
    const out = this.#out;
    out.begin(events, record);
    for (let index = 0; index < this.#swaps.length; index++) {
      const { isWanted, fields } = this.#swaps[index]!;
      if (isWanted?.() === false) {
        events.skipped++;
        continue;
      }
      if (events.count === RECORD_EVENTS_MAX || out.at > RECORD_EVENTS_BYTES_MAX) return false;
      for (const { fast, write } of fields) {
        if (!fast(out)) write(out);
        // The decoder refuses an event of this length, whatever follows.
        if (out.length > RECORD_BYTES_MAX) break;
      }
      out.end(index);
    }
    return true;
  }

  /** Returns the text of a reference as expressions see it. */
  readonly #lookup = (reference: number): string | undefined => {
    if (this.#lookedUpFor[reference] !== this.#element) {
      this.#lookedUpFor[reference] = this.#element;
      this.#textBytes += this.#values.byteLength(reference);
      this.#texts[reference] = presentText(this.#values.text(reference), this.#nulls);
    }
    return this.#texts[reference];
  };
}
