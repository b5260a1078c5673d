/** Reads records of the binary formats: a decoder makes a tree of the record, and the references take their values from it. */
import { type DeadLetterCode, deadLetterMessage } from "../../codecs/dead-letter-codes.ts";
import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import { ALL_ELEMENTS, type Mapping, type PathStep } from "../language.ts";
import type { MappedRecord, MappingOutcome } from "../mapper.ts";
import { VALUE, type ValueTable } from "../value-table.ts";
import { decimalBytesMax, INTEGER_BYTES_MAX, writeDecimal, writeHex, writeInteger } from "./digits.ts";
import type { ElementReader } from "./element-reader.ts";
import { EnclosingElements } from "./enclosing-elements.ts";
import { MalformedRecord, RecordCursor } from "./record-cursor.ts";
import { isMembers, jsonOf, MemberStep, SPAN, Span, type Tree } from "./tree.ts";

/** Makes trees of the records of one format. */
export type TreeDecoder = {
  /**
   * Decodes the record at the cursor. Returns undefined when its schema must be loaded first. Throws MalformedRecord for a record that
   * cannot be read.
   */
  decode(cursor: RecordCursor): Tree | undefined;
  /** As in RecordMapper. */
  loadSchema(signal: AbortSignal): Promise<void>;
};

type Step = MemberStep | number;
type Path = {
  readonly reference: number;
  /** A name with dots, which goes before the members that its parts name. */
  readonly wholeName: MemberStep | undefined;
  readonly steps: readonly Step[];
};

/** The elements of one wildcard of `each`, by the number of their first element of `each`. They are kept only if references name them. */
type Enclosing = { readonly paths: readonly Path[]; readonly elements: EnclosingElements; readonly values: Tree[] };

const OPEN_OBJECT = 0x7b;
const NO_BYTES = new Uint8Array(0);

export class TreeReader implements ElementReader {
  readonly #format: string;
  readonly #decoder: TreeDecoder;
  readonly #values: ValueTable;
  readonly #each: readonly (Step | typeof ALL_ELEMENTS)[] | undefined;
  readonly #recordPaths: readonly Path[];
  readonly #elementPaths: readonly Path[];
  /** By the level of the wildcard. */
  readonly #enclosing: readonly Enclosing[];
  /** Those that references name. */
  readonly #named: readonly Enclosing[];
  readonly #cursor = new RecordCursor();
  readonly #elements: Tree[] = [];
  #problem = "";

  constructor(mapping: Mapping, values: ValueTable, decoder: TreeDecoder) {
    this.#format = mapping.format ?? "";
    this.#decoder = decoder;
    this.#values = values;
    const step = <T extends PathStep>(given: T) =>
      typeof given === "string" ? new MemberStep(given, mapping.ignoresCase) : given;
    this.#each = mapping.each?.map(step) as (Step | typeof ALL_ELEMENTS)[] | undefined;
    const pathsOf = (of: "record" | "element" | "enclosing", level?: number): Path[] =>
      mapping.references.flatMap((reference, index) => {
        if (reference.of !== of || (reference.of === "enclosing" && reference.level !== level)) return [];
        const isWhole = of === "element" && reference.steps.length > 1;
        const steps = reference.steps.map(step) as Step[];
        return [
          {
            reference: index,
            wholeName: isWhole ? new MemberStep(reference.name, mapping.ignoresCase) : undefined,
            steps,
          },
        ];
      });
    this.#recordPaths = pathsOf("record");
    this.#elementPaths = pathsOf("element");
    const wildcards = mapping.each?.filter((given) => given === ALL_ELEMENTS) ?? [];
    this.#enclosing = wildcards.map((_, level) => {
      return { paths: pathsOf("enclosing", level), elements: new EnclosingElements(), values: [] };
    });
    this.#named = this.#enclosing.filter(({ paths }) => paths.length > 0);
  }

  get elementCount(): number {
    return this.#elements.length;
  }

  read({ bytes, start, end }: MappedRecord): MappingOutcome {
    if (end - start > RECORD_BYTES_MAX) return "record_too_large";
    this.#cursor.begin(bytes, start, end);
    let root: Tree | undefined;
    try {
      root = this.#decoder.decode(this.#cursor);
    } catch (error) {
      if (!(error instanceof MalformedRecord)) throw error;
      this.#problem = error.message;
      return "malformed_record";
    }
    if (root === undefined) return "schema_needed";
    const isFitting = isMembers(root) || (Array.isArray(root) && typeof this.#each?.[0] === "symbol");
    if (!isFitting) {
      this.#problem = Array.isArray(root)
        ? "it has many values, and the mapping reads one; take `each: $[*]` for many"
        : "it is a value without members";
      return "malformed_record";
    }
    this.#fillPaths(this.#recordPaths, root);
    this.#elements.length = 0;
    for (const { elements, values } of this.#named) {
      elements.clear();
      values.length = 0;
    }
    this.#addElements(root, 0, 0);
    if (this.#each === undefined) this.#fillPaths(this.#elementPaths, root);
    return undefined;
  }

  fill(element: number): void {
    if (this.#each === undefined) return;
    this.#fillPaths(this.#elementPaths, this.#elements[element] as Tree);
    for (const { paths, elements, values } of this.#named) {
      if (elements.moveTo(element)) this.#fillPaths(paths, values[elements.current] as Tree);
    }
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#decoder.loadSchema(signal);
  }

  refusalText(code: DeadLetterCode, { bytes, start, end }: MappedRecord): string {
    if (code !== "malformed_record") return refusalText(code, bytes, start, end);
    const looks = bytes[start] === OPEN_OBJECT && start < end ? "; it looks like JSON" : "";
    return `${deadLetterMessage(code)}, ${this.#format}: ${this.#problem}${looks}`;
  }

  /** Adds the elements of `each` inside a value, from step `at` on. A single value may stand where an array is expected. */
  #addElements(value: Tree, at: number, level: number): void {
    const each = this.#each ?? [];
    if (at === each.length) {
      this.#elements.push(value);
      return;
    }
    const step = each[at] as (typeof each)[number];
    if (step !== ALL_ELEMENTS) {
      const next = below(value, step);
      if (next !== undefined) this.#addElements(next, at + 1, level);
      return;
    }
    if (value === null) return;
    const enclosing = this.#enclosing[level] as Enclosing;
    for (const item of Array.isArray(value) ? (value as readonly Tree[]) : [value]) {
      if (enclosing.paths.length > 0) {
        enclosing.elements.add(this.#elements.length);
        enclosing.values.push(item);
      }
      this.#addElements(item, at + 1, level + 1);
    }
  }

  #fillPaths(paths: readonly Path[], from: Tree): void {
    for (let i = 0; i < paths.length; i++) {
      const { reference, wholeName, steps } = paths[i] as Path;
      let value = wholeName === undefined ? undefined : below(from, wholeName);
      if (value === undefined) value = steps.length === 1 ? below(from, steps[0] as Step) : follow(from, steps);
      setValue(this.#values, reference, value);
    }
  }
}

function follow(from: Tree, steps: readonly Step[]): Tree | undefined {
  let at: Tree | undefined = from;
  for (let i = 0; i < steps.length; i++) at = below(at, steps[i] as Step);
  return at;
}

function below(value: Tree | undefined, step: Step): Tree | undefined {
  if (typeof step === "number") return Array.isArray(value) ? (value as readonly Tree[])[step] : undefined;
  return isMembers(value) ? step.of(value) : undefined;
}

function setValue(values: ValueTable, reference: number, value: Tree | undefined): void {
  // Most values are spans and numbers.
  if (value instanceof Span) setSpan(values, reference, value);
  else if (typeof value === "number") setNumber(values, reference, value);
  else if (value === undefined || value === null) values.kinds[reference] = VALUE.absent;
  else if (typeof value === "string") values.setOwn(reference, VALUE.text, value);
  else if (typeof value === "bigint") values.setOwn(reference, VALUE.number, String(value));
  else if (typeof value === "boolean") values.set(reference, value ? VALUE.true : VALUE.false, NO_BYTES, 0, 0);
  else values.setOwn(reference, VALUE.nested, jsonOf(value));
}

function setNumber(values: ValueTable, reference: number, value: number): void {
  if (Number.isSafeInteger(value)) {
    const start = values.beginOwn(INTEGER_BYTES_MAX);
    values.endOwn(reference, VALUE.number, start, writeInteger(values.own, start, value));
    return;
  }
  // JSON has no form for NaN and infinite numbers, so they are texts, which no field takes.
  values.setOwn(reference, Number.isFinite(value) ? VALUE.number : VALUE.text, String(value));
}

function setSpan(values: ValueTable, reference: number, { bytes, start, end, form, scale }: Span): void {
  switch (form) {
    case SPAN.plain:
      values.set(reference, VALUE.string, bytes, start, end);
      return;
    case SPAN.text:
      values.set(reference, VALUE.text, bytes, start, end);
      return;
    case SPAN.hex: {
      const at = values.beginOwn(2 * (end - start) + 2);
      values.endOwn(reference, VALUE.string, at, writeHex(values.own, at, bytes, start, end));
      return;
    }
    case SPAN.decimal: {
      const at = values.beginOwn(decimalBytesMax(scale));
      values.endOwn(reference, VALUE.string, at, writeDecimal(values.own, at, bytes, start, end, scale));
    }
  }
}
