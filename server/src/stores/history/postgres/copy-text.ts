/** Writes rows in the text form of COPY, and reads rows back. */
import type { RawBatch, RawRow, SettledRow } from "../../../ports/history-store.ts";
import { escapedText, plainText } from "./parts.ts";
import { msOf, SWAP_COLUMNS } from "./schema.ts";

/** Texts are sent in pieces of about this many characters. */
const CHUNK_CHARS = 128 * 1024;
const UNIT_PLACES = 18;
const MICRO_PLACES = 6;
const NONE = "\\N";

export const SETTLED_COLUMNS = [...SWAP_COLUMNS, "price", "stream", "sequence"].join(", ");
export const EVENT_COLUMNS = [
  ...SWAP_COLUMNS,
  ...["log_id", "partition", "epoch", '"offset"', "record_index", "arrival", "removed", "outcome"],
].join(", ");

/** Rows of a stream, with the sequence of the first one. */
export type NumberedRows = {
  readonly stream: number;
  readonly fromSequence: number;
  readonly rows: readonly SettledRow[];
};

/** Yields the lines of settled rows, many at a time. */
export function* settledText(parts: readonly NumberedRows[]): Generator<string> {
  let text = "";
  for (const { stream, fromSequence, rows } of parts) {
    for (const [index, row] of rows.entries()) {
      text += `${swapText(row)}\t${row.price ?? NONE}\t${stream}\t${fromSequence + index}\n`;
      if (text.length < CHUNK_CHARS) continue;
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}

/** Yields the lines of events, many at a time. */
export function* eventText(batches: readonly RawBatch[]): Generator<string> {
  let text = "";
  for (const { logId, partition, epoch, rows } of batches) {
    for (const row of rows) {
      const place = `${copied(logId)}\t${partition}\t${epoch}\t${row.offset}\t${row.index}`;
      const end = `${timeText(row.arrivalMs)}\t${row.isRemoval}\t${copied(row.outcome)}`;
      text += `${swapText(row)}\t${place}\t${end}\n`;
      if (text.length < CHUNK_CHARS) continue;
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}

function swapText(row: Omit<RawRow, "offset" | "index" | "arrivalMs" | "isRemoval" | "outcome">): string {
  const names = `${row.chainId}\t${copied(row.token)}\t${copied(row.symbol)}\t${copied(row.pool)}\t${copied(row.who)}`;
  const units = decimal(String(row.amountUnits), UNIT_PLACES);
  const trade = `${row.isBuy ? "buy" : "sell"}\t${units}\t${decimal(String(row.usdMicro), MICRO_PLACES)}\t${row.givenPrice ?? NONE}`;
  const place = `${timeText(row.eventTimeMs)}\t${copied(row.txHash)}\t${row.logIndex}\t${row.txIndex}\t${copied(row.eventId)}`;
  return `${names}\t${trade}\t${place}\t${row.blockNumber ?? NONE}\t${copied(row.blockHash)}\t${row.revision}`;
}

const SPECIAL = /[\\\t\n\r]/;
const SPECIAL_ALL = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function copied(text: string | undefined): string {
  if (text === undefined) return NONE;
  const stored = escapedText(text);
  return SPECIAL.test(stored) ? stored.replace(SPECIAL_ALL, (char) => ESCAPES[char] as string) : stored;
}

/** Writing the last day's date once saves most of the time of Date. */
let knownDay = -1;
let knownDate = "";
const DAY_MS = 86_400_000;

function timeText(ms: number): string {
  const day = Math.floor(ms / DAY_MS);
  if (day !== knownDay) {
    knownDay = day;
    knownDate = new Date(day * DAY_MS).toISOString().slice(0, 10);
  }
  const inDay = ms - day * DAY_MS;
  const seconds = Math.floor(inDay / 1_000);
  const hour = Math.floor(seconds / 3_600);
  const minute = Math.floor(seconds / 60) % 60;
  return `${knownDate} ${two(hour)}:${two(minute)}:${two(seconds % 60)}.${String(inDay % 1_000).padStart(3, "0")}Z`;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** Puts the point before the last `places` digits. */
function decimal(digits: string, places: number): string {
  const text = digits.length > places ? digits : digits.padStart(places + 1, "0");
  return `${text.slice(0, -places)}.${text.slice(-places)}`;
}

/** Columns from which `settledRow` reads. */
export const READ_COLUMNS = [
  ...["chain_id", "token", "token_symbol", "pool", "who", "side", "amount_token", "amount_usd", "price_usd", "price"],
  ...[
    `${msOf("event_time")} AS event_ms`,
    "tx_hash",
    "log_index",
    "tx_index",
    "event_id",
    "block_number",
    "block_hash",
  ],
  "revision",
].join(", ");

type Row = Readonly<Record<string, unknown>>;

/** Makes a row of what READ_COLUMNS gave. */
export function settledRow(row: Row): SettledRow {
  const text = (column: string): string | undefined =>
    row[column] === null ? undefined : plainText(row[column] as string);
  return {
    chainId: Number(row.chain_id),
    token: text("token") as string,
    symbol: text("token_symbol"),
    pool: text("pool"),
    who: text("who"),
    isBuy: row.side === "buy",
    amountUnits: scaled(row.amount_token, UNIT_PLACES),
    usdMicro: Number(scaled(row.amount_usd, MICRO_PLACES)),
    givenPrice: (row.price_usd as number | null) ?? undefined,
    price: (row.price as number | null) ?? undefined,
    eventTimeMs: Number(row.event_ms),
    txHash: text("tx_hash") as string,
    logIndex: Number(row.log_index),
    txIndex: Number(row.tx_index),
    eventId: text("event_id") as string,
    blockNumber: row.block_number === null ? undefined : Number(row.block_number),
    blockHash: text("block_hash"),
    revision: Number(row.revision),
  };
}

/** Reads a decimal that has at most `places` places as a number of its smallest parts. */
function scaled(value: unknown, places: number): bigint {
  const [whole, fraction = ""] = String(value).split(".") as [string, string?];
  return BigInt(whole + fraction.slice(0, places).padEnd(places, "0"));
}

export const unitsOf = (value: unknown): bigint => scaled(value, UNIT_PLACES);
export const microOf = (value: unknown): bigint => scaled(value, MICRO_PLACES);
