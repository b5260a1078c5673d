/** Makes JSON values of a swap event from cells of tables. Each field has a kind. A cell that does not fit it is passed on as text. */

/** Fields of an event, with the JSON type that the decoder expects. */
export const FIELDS: Readonly<Record<string, "text" | "decimal" | "integer" | "boolean" | "time">> = {
  chain_id: "integer",
  tx_hash: "text",
  log_index: "integer",
  tx_index: "integer",
  transaction_index: "integer",
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
  amount_token: "decimal",
  amount: "decimal",
  amount_usd: "decimal",
  usd: "decimal",
  price_usd: "decimal",
  event_time: "time",
  ts: "time",
  block_number: "integer",
  block_hash: "text",
  removed: "boolean",
  revision: "integer",
  schema_version: "integer",
};

export const TIME_FORMS = ["rfc3339", "utc", "seconds", "milliseconds", "microseconds", "nanoseconds"] as const;
export type TimeForm = (typeof TIME_FORMS)[number];

export type FieldSource = {
  readonly name: string;
  /** JSON text of a constant. Undefined for a column. */
  readonly constant: string | undefined;
  readonly column: string;
  readonly time: TimeForm | undefined;
  /** Replacements of cells. */
  readonly values: ReadonlyMap<string, string> | undefined;
  /** Decimals have a decimal comma, and points or spaces between thousands. */
  readonly hasComma: boolean;
};

/** Returns the JSON of a cell; empty for an empty cell. A cell that does not fit is passed on as text, and the decoder reports it. */
export function writeCell(cell: string, field: FieldSource): string {
  const text = (field.values?.get(cell.trim()) ?? cell).trim();
  if (text === "") return "";
  switch (FIELDS[field.name]) {
    case "integer":
      return /^[0-9]{1,20}(\.0+)?$/.test(text) ? stripZeros(text) : JSON.stringify(text);
    case "decimal":
      return JSON.stringify(field.hasComma ? withPoint(text) : text);
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

/** `1.234,56` gives `1234.56`. Other texts stay as they are. */
function withPoint(text: string): string {
  if (!/^-?[0-9]{1,3}([.' \u00a0\u202f][0-9]{3})+(,[0-9]+)?$/.test(text) && !/^-?[0-9]+(,[0-9]+)?$/.test(text))
    return text;
  return text.replace(/[.' \u00a0\u202f]/g, "").replace(",", ".");
}

/** Removes leading zeros, which tables have and JSON forbids. */
function stripZeros(text: string): string {
  return text.replace(/^0+(?=[0-9])/, "");
}

/** Decimal places between milliseconds and a larger unit (seconds) or a smaller one. */
const TIME_SHIFT: Readonly<Record<string, number>> = { seconds: 3, milliseconds: 0, microseconds: -3, nanoseconds: -6 };

function writeTime(text: string, form: TimeForm | undefined): string {
  if (form === "utc") {
    // `2023-08-08 17:13:59.000 UTC`, with or without the fraction and the zone. It is always UTC.
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
