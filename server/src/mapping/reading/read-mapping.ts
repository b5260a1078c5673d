/** Reads the YAML file of a mapping. docs/mapping.md describes it. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isMap } from "yaml";
import { REQUIRED_FIELDS } from "../../codecs/refusal-text.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { DecimalSpelling, FieldMapping, Mapping, MappingFormat, PathStep, SwapMapping } from "../language.ts";
import { MAPPING_FORMATS } from "../language.ts";
import { MAPPING_BYTES_MAX, SWAPS_PER_ELEMENT_MAX } from "../limits.ts";
import { FIELDS } from "../values/fields.ts";
import { DEFAULT_NULLS } from "../values/null-markers.ts";
import { ConditionReader } from "./conditions.ts";
import { constantText } from "./constants.ts";
import { ExpressionReader } from "./expressions.ts";
import { booleanOf, type Entry, MappingDocument, textOf, type Value } from "./mapping-document.ts";
import { readSpelling } from "./modifiers.ts";
import { parseEach, ReferenceTable } from "./references.ts";

const KEYS = [
  ...["format", "schema", "message", "delimiter", "decimal", "thousands", "columns", "nulls", "ignore_case", "each"],
  ...["when", "swaps"],
];
const SCHEMA_FORMATS: readonly (MappingFormat | undefined)[] = ["avro", "protobuf", "json_schema"];
const TABLE_FORMATS: readonly (MappingFormat | undefined)[] = ["csv", undefined];

/** A mapping file that was read, as data for other threads: a parsed mapping does not survive `structuredClone`. */
export type MappingText = {
  readonly text: string;
  /** For messages. */
  readonly name: string;
  /** Folder where the path of a schema begins. */
  readonly folder: string;
};

/** Reads and parses a mapping file. Throws `not_found` or `bad_request`. */
export function readMapping(path: string): Mapping {
  const { text, name, folder } = readMappingText(path);
  return parseMapping(text, name, folder);
}

/** Reads a mapping file, without a look at what it holds. Throws `not_found` or `bad_request`. */
export function readMappingText(path: string): MappingText {
  const name = printableCut(path, 200);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    const what = stat === undefined ? "does not exist" : "is not a file";
    throw new SwapstatsError("not_found", `the mapping ${name} ${what}; check the path`);
  }
  if (stat.size > MAPPING_BYTES_MAX) throw tooLarge(name);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const message = `the mapping ${name} cannot be read (${(cause as Error).message}); check the permissions`;
    throw new SwapstatsError("not_found", message, { cause });
  }
  return { text, name, folder: dirname(resolve(path)) };
}

function tooLarge(name: string): SwapstatsError {
  const message = `the mapping ${name} has more than ${MAPPING_BYTES_MAX} bytes; is it the file of swaps?`;
  return new SwapstatsError("bad_request", message);
}

/**
 * Parses the text of a mapping file. `name` is for messages, and `folder` is where the path of a schema begins. Throws `bad_request` with
 * all problems, each with its line and place.
 */
export function parseMapping(text: string, name: string, folder = "."): Mapping {
  if (Buffer.byteLength(text) > MAPPING_BYTES_MAX) throw tooLarge(name);
  return new MappingReader(new MappingDocument(text, name)).read(name, folder);
}

class MappingReader {
  readonly #document: MappingDocument;

  constructor(document: MappingDocument) {
    this.#document = document;
  }

  read(name: string, folder: string): Mapping {
    const document = this.#document;
    const root = document.entries(document.root, "a mapping with a list `swaps`") ?? new Map<string, Entry>();
    document.checkNames(root, KEYS, `a key; there are ${KEYS.join(", ")}`);
    const format = this.#format(root.get("format"));
    const schema = this.#text(root.get("schema"), "the path of a schema file", format, SCHEMA_FORMATS);
    const message = this.#text(root.get("message"), "the name of a message type", format, ["protobuf"]);
    const delimiter = this.#text(root.get("delimiter"), 'one character, such as "," or "\\t"', format, TABLE_FORMATS);
    if (delimiter !== undefined && (delimiter.length !== 1 || /["\r\n]/.test(delimiter)))
      document.problem(root.get("delimiter") as Entry, 'must be one character, such as "," or "\\t"');
    const spelling = readSpelling(document, root, undefined);
    const ignoreCase = root.get("ignore_case");
    if (ignoreCase !== undefined && booleanOf(ignoreCase.node) === undefined)
      document.problem(ignoreCase, "must be true or false");
    const ignoresCase = booleanOf(ignoreCase?.node) === true;
    const each = this.#each(root.get("each"));
    const table = new ReferenceTable(each, ignoresCase);
    const conditions = new ConditionReader(document, table, spelling);
    const when = root.get("when");
    const mapping = {
      ...{ name, format, message, delimiter },
      schemaPath: schema === undefined ? undefined : resolve(folder, schema),
      columns: this.#texts(root.get("columns"), "a list of the names of all columns, for tables without a header"),
      nulls: this.#texts(root.get("nulls"), "a list of the texts that mean no value") ?? DEFAULT_NULLS,
      ignoresCase,
      each,
      when: when && conditions.read(when),
      swaps: this.#swaps(root, new ExpressionReader(document, table, conditions), spelling, conditions),
      references: table.references,
    };
    document.finish();
    return mapping;
  }

  #format(entry: Entry | undefined): MappingFormat | undefined {
    const text = textOf(entry?.node);
    const format = MAPPING_FORMATS.find((known) => known === text);
    if (entry !== undefined && format === undefined) {
      const hint = didYouMean(text ?? "", MAPPING_FORMATS);
      this.#document.problem(entry, `must be one of ${MAPPING_FORMATS.join(", ")}${hint}`);
    }
    return format;
  }

  /** Reads a text that belongs to some formats only. */
  #text(
    entry: Entry | undefined,
    must: string,
    format: MappingFormat | undefined,
    formats: readonly (MappingFormat | undefined)[],
  ): string | undefined {
    if (entry === undefined) return undefined;
    const text = textOf(entry.node);
    if (text === undefined || text === "") this.#document.problem(entry, `must be ${must}`);
    else if (!formats.includes(format)) {
      const names = formats.filter((known) => known !== undefined).join(", ");
      this.#document.problem(entry, `belongs to the format ${names}; the format is ${format ?? "not set"}`);
    }
    return text;
  }

  #texts(entry: Entry | undefined, must: string): readonly string[] | undefined {
    if (entry === undefined) return undefined;
    return (this.#document.list(entry, must) ?? []).map((item) => {
      const text = constantText(item.node);
      if (text === undefined) this.#document.problem(item, "must be a text");
      return (text ?? "").trim();
    });
  }

  #each(entry: Entry | undefined): readonly PathStep[] | undefined {
    if (entry === undefined) return undefined;
    const text = textOf(entry.node);
    try {
      if (text !== undefined) return parseEach(text);
      this.#document.problem(entry, "must be a path such as $.trades[*]");
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#document.problem(entry, error.message);
    }
    return undefined;
  }

  #swaps(
    root: ReadonlyMap<string, Entry>,
    expressions: ExpressionReader,
    spelling: DecimalSpelling | undefined,
    conditions: ConditionReader,
  ): readonly SwapMapping[] {
    const document = this.#document;
    const must = `a list of 1 to ${SWAPS_PER_ELEMENT_MAX} swaps that a record or element makes`;
    const swaps = root.get("swaps");
    if (swaps === undefined) {
      document.problem(document.root, `swaps: must be ${must}`);
      return [];
    }
    return (document.list(swaps, must, 1, SWAPS_PER_ELEMENT_MAX) ?? []).map((swap) => {
      const entries = document.entries(swap, "a mapping from fields of a swap to columns or members");
      if (entries === undefined) return { when: undefined, fields: [] };
      const when = entries.get("when");
      const fields: FieldMapping[] = [];
      for (const [name, entry] of entries) {
        if (name === "when") continue;
        const kind = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
        if (kind === undefined) {
          const hint = didYouMean(name, [...Object.keys(FIELDS), "when"]);
          document.problem({ node: entry.key, place: entry.place }, `is not a field of a swap${hint}`);
        } else {
          fields.push({ name, place: entry.place, expression: expressions.read(entry, { kind, spelling }) });
        }
      }
      this.#checkRequired(swap, entries);
      return { when: when && conditions.read(when), fields };
    });
  }

  /** Without one of these fields every swap would be a dead letter. */
  #checkRequired(swap: Value, entries: ReadonlyMap<string, Entry>): void {
    const missing = REQUIRED_FIELDS.filter((names) => !names.some((name) => entries.has(name)));
    if (missing.length === 0 || !isMap(swap.node)) return;
    const names = missing.map(([first, ...others]) =>
      others.length === 0 ? first : `${first} (or ${others.join(", ")})`,
    );
    this.#document.problem(swap, `lacks ${names.join(", ")}; every swap needs ${names.length === 1 ? "it" : "them"}`);
  }
}
