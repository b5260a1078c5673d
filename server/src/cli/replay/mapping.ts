/**
 * Column mappings: how a row of a table becomes one swap event or several. docs/replay.md describes the file; it is read
 * into a list of functions, one an event, each from the cells of a row to the text of the event.
 */
import { parse as parseYaml } from "yaml";
import { SwapstatsError } from "../../shared/errors.ts";

/** Names that an event may have, with the JSON type that the decoder expects. */
const FIELDS: Readonly<Record<string, "text" | "integer" | "boolean" | "time">> = {
  chain_id: "integer",
  tx_hash: "text",
  log_index: "integer",
  event_id: "text",
  token: "text",
  token_address: "text",
  token_symbol: "text",
  pool: "text",
  pool_address: "text",
  who: "text",
  wallet: "text",
  trader: "text",
  maker: "text",
  side: "text",
  amount_token: "text",
  amount: "text",
  amount_usd: "text",
  usd: "text",
  price_usd: "text",
  event_time: "time",
  ts: "time",
  block_number: "integer",
  block_hash: "text",
  removed: "boolean",
  revision: "integer",
  schema_version: "integer",
};

const TIME_FORMS = ["rfc3339", "utc", "seconds", "milliseconds", "microseconds", "nanoseconds"] as const;
type TimeForm = (typeof TIME_FORMS)[number];
const SWAPS_PER_ROW_MAX = 64;

type FieldSource = {
  readonly name: string;
  /** The text of a constant, JSON already; undefined for a column. */
  readonly constant: string | undefined;
  readonly column: string;
  readonly time: TimeForm | undefined;
  /** Cells that stand for other texts. */
  readonly values: ReadonlyMap<string, string> | undefined;
};

export type Mapping = {
  readonly delimiter: string;
  /** One list of fields for each swap of a row. */
  readonly swaps: readonly (readonly FieldSource[])[];
};

/** From the cells of a row to JSON texts of its events, one for each swap of the mapping. */
export type RowReader = (cells: readonly string[]) => string[];

/** Reads a mapping file's text. All problems are reported at once, as `bad_request`. */
export function parseMapping(text: string, path: string): Mapping {
  const problems: string[] = [];
  let root: unknown;
  try {
    root = parseYaml(text);
  } catch (error) {
    throw mappingError(path, [`is not valid YAML: ${(error as Error).message.split("\n")[0]}`]);
  }
  if (!isRecord(root)) throw mappingError(path, ["must be a mapping with a list `swaps`"]);
  for (const key of Object.keys(root)) {
    if (!["delimiter", "swaps"].includes(key)) problems.push(`${key}: is not a key; there are delimiter and swaps`);
  }
  const delimiter = root.delimiter ?? ",";
  if (typeof delimiter !== "string" || delimiter.length !== 1) problems.push("delimiter: must be one character");
  const list = root.swaps;
  if (!Array.isArray(list) || list.length === 0 || list.length > SWAPS_PER_ROW_MAX) {
    problems.push(`swaps: must be a list of 1 to ${SWAPS_PER_ROW_MAX} events that a row makes`);
  }
  const swaps = (Array.isArray(list) ? list : []).map((entry, index) => parseSwap(entry, `swaps[${index}]`, problems));
  if (problems.length > 0) throw mappingError(path, problems);
  return { delimiter: delimiter as string, swaps };
}

/** The mapping of a table whose columns have the names of the event: each known column is its field. */
export function mappingOfHeader(header: readonly string[], path: string): Mapping {
  const known = header.filter((column) => Object.hasOwn(FIELDS, column));
  const fields = known.map(
    (name): FieldSource => ({ name, constant: undefined, column: name, time: undefined, values: undefined }),
  );
  const has = (...names: string[]): boolean => names.some((name) => known.includes(name));
  const complete = has("token", "token_address") && has("side") && has("tx_hash") && has("event_time", "ts");
  if (complete) return { delimiter: ",", swaps: [fields] };
  throw new SwapstatsError(
    "bad_request",
    `${path} is a table whose columns are not named like the fields of a swap (token, side, tx_hash, event_time, ...); say with --map FILE.yaml what its columns mean (docs/replay.md)`,
  );
}

/** Binds a mapping to the header of a table. Throws `bad_request` that lists the columns that are not there. */
export function bindMapping(mapping: Mapping, header: readonly string[], path: string): RowReader {
  const missing = new Set<string>();
  const writers = mapping.swaps.map((fields) =>
    fields.map((field) => {
      const index = field.constant === undefined ? header.indexOf(field.column) : 0;
      if (index === -1) missing.add(field.column);
      return { head: `${JSON.stringify(field.name)}:`, field, index };
    }),
  );
  if (missing.size > 0) {
    const names = [...missing].join(", ");
    throw new SwapstatsError("bad_request", `${path} has no column ${names}; its columns are ${header.join(", ")}`);
  }
  return (cells) =>
    writers.map((fields) => {
      const parts: string[] = [];
      for (const { head, field, index } of fields) {
        const value = field.constant ?? writeCell(cells[index] ?? "", field);
        if (value !== "") parts.push(head + value);
      }
      return `{${parts.join(",")}}`;
    });
}

function parseSwap(entry: unknown, path: string, problems: string[]): FieldSource[] {
  if (!isRecord(entry)) {
    problems.push(`${path}: must be a mapping from fields of a swap to columns`);
    return [];
  }
  return Object.entries(entry).flatMap(([name, source]) => {
    if (!Object.hasOwn(FIELDS, name)) {
      problems.push(`${path}.${name}: is not a field of a swap`);
      return [];
    }
    const field = parseField(name, source);
    if (typeof field !== "string") return [field];
    problems.push(`${path}.${name}: ${field}`);
    return [];
  });
}

/** The field, or what is wrong with it. */
function parseField(name: string, source: unknown): FieldSource | string {
  const plain = { name, constant: undefined, time: undefined, values: undefined };
  if (typeof source === "string") return { ...plain, column: source };
  if (!isRecord(source)) return "must be the name of a column, or a mapping with column or value";
  const unknown = Object.keys(source).find((key) => !["column", "value", "time", "values"].includes(key));
  if (unknown !== undefined) return `${unknown} is none of column, value, time, values`;
  if ("value" in source) {
    if (Object.keys(source).length > 1) return "has a value, so it has nothing else";
    return { ...plain, column: "", constant: JSON.stringify(source.value) };
  }
  if (typeof source.column !== "string") return "needs a column or a value";
  const time = source.time as TimeForm | undefined;
  if (time !== undefined && FIELDS[name] !== "time") return "is no time, so it has no `time`";
  if (time !== undefined && !TIME_FORMS.includes(time)) return `time is none of ${TIME_FORMS.join(", ")}`;
  if (source.values !== undefined && !isRecord(source.values)) return "values must be a mapping from cells to texts";
  const entries = Object.entries((source.values as Record<string, unknown> | undefined) ?? {});
  const values = source.values === undefined ? undefined : new Map(entries.map(([cell, text]) => [cell, String(text)]));
  return { ...plain, column: source.column, time, values };
}

/** JSON of a cell; empty where the cell is. A cell that does not fit is passed on as text, and the decoder says so. */
function writeCell(cell: string, field: FieldSource): string {
  const text = (field.values?.get(cell.trim()) ?? cell).trim();
  if (text === "") return "";
  switch (FIELDS[field.name]) {
    case "integer":
      return /^[0-9]{1,20}(\.0+)?$/.test(text) ? stripZeros(text) : JSON.stringify(text);
    case "boolean": {
      const lower = text.toLowerCase();
      if (["true", "t", "1", "yes"].includes(lower)) return "true";
      return ["false", "f", "0", "no"].includes(lower) ? "false" : JSON.stringify(text);
    }
    case "time":
      return writeTime(text, field.time);
    default:
      return JSON.stringify(text);
  }
}

/** JSON forbids leading zeros, which tables have. */
function stripZeros(text: string): string {
  return text.replace(/^0+(?=[0-9])/, "");
}

/** Decimal places by which a unit lies above milliseconds (seconds) or below them. */
const TIME_SHIFT: Readonly<Record<string, number>> = { seconds: 3, milliseconds: 0, microseconds: -3, nanoseconds: -6 };

function writeTime(text: string, form: TimeForm | undefined): string {
  if (form === "utc") {
    // `2023-08-08 17:13:59.000 UTC`, with or without the fraction and the zone, which is UTC in any case.
    const match =
      /^([0-9]{4}-[0-9]{2}-[0-9]{2})[ Tt]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?) ?(?:UTC|GMT|[Zz]|\+00(?::?00)?)?$/.exec(
        text,
      );
    return JSON.stringify(match === null ? text : `${match[1]}T${match[2]}Z`);
  }
  if (form === undefined || form === "rfc3339")
    return /^[0-9]{1,15}$/.test(text) ? stripZeros(text) : JSON.stringify(text);
  const match = /^([0-9]{1,19})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) return JSON.stringify(text);
  const shift = TIME_SHIFT[form] ?? 0;
  const whole = match[1] ?? "";
  const ms = shift >= 0 ? whole + (match[2] ?? "").padEnd(shift, "0").slice(0, shift) : whole.slice(0, shift);
  return ms === "" ? "0" : stripZeros(ms);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mappingError(path: string, problems: readonly string[]): SwapstatsError {
  const lines = problems.map((problem) => `  ${problem}`).join("\n");
  return new SwapstatsError(
    "bad_request",
    `the mapping ${path} cannot be used (docs/replay.md describes it):\n${lines}`,
  );
}
