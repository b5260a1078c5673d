import { type Decimal, parseDecimal, power10, toDigits15, toPlaces } from "./decimal.ts";
import { defaultEventId, type ModelEvent } from "./model-event.ts";

/**
 * The model's own reading of one JSON line: JSON.parse with the source text of numbers, then the rules of the event
 * table one by one. It shares no code with the codecs, so that the two can disagree.
 */
type Decoded = { readonly event: ModelEvent } | { readonly code: string };

/** A JSON number, kept as its source text. */
class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

class Rejection extends Error {}

type SourceReviver = (key: string, value: unknown, context: { source: string }) => unknown;

/** The third argument of a reviver is missing in the type checker's library. */
const parseWithSource = JSON.parse as (text: string, reviver: SourceReviver) => unknown;

function parseKeepingNumbers(line: string): unknown {
  return parseWithSource(line, (_key, value, { source }) =>
    typeof value === "number" ? new NumberText(source) : value,
  );
}

type Fields = Record<string, unknown>;

/** `addressBytes`: the length of addresses of the chains that have one. */
export function decodeLine(line: string, addressBytes: ReadonlyMap<number, number> = new Map()): Decoded {
  let value: unknown;
  try {
    value = parseKeepingNumbers(line);
  } catch {
    return { code: "malformed_json" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof NumberText) {
    return { code: "not_an_object" };
  }
  try {
    return { event: readEvent(value as Fields, addressBytes) };
  } catch (error) {
    if (error instanceof Rejection) return { code: error.message };
    throw error;
  }
}

function readEvent(fields: Fields, lengths: ReadonlyMap<number, number>): ModelEvent {
  const chainId = requiredInteger(fields, ["chain_id"], 2 ** 32 - 1);
  const txHash = lowerHex(required(text(fields, ["tx_hash"]), "tx_hash"));
  const logIndex = requiredInteger(fields, ["log_index"], 2 ** 32 - 1);
  const { token, symbol, symbolDropped } = readToken(fields);
  const bytes = lengths.get(chainId);
  const filledToken = filled(token, bytes, /^(0[xX][0-9a-fA-F]+)(::.*)$/s);
  if (Buffer.byteLength(filledToken) > 128) throw new Rejection("long_token");
  const side = text(fields, ["side"]);
  if (side !== "buy" && side !== "sell") throw new Rejection("bad_side");
  const amount = toPlaces(required(decimal(fields, ["amount_token", "amount"]), "amount_token"), 18);
  if (amount <= 0n || amount >= power10(38)) throw new Rejection("amount_token_out_of_range");
  const usd = toPlaces(required(decimal(fields, ["amount_usd", "usd"]), "amount_usd"), 6);
  if (usd < 0n || usd > 9007199254740991n) throw new Rejection("amount_usd_out_of_range");
  const blockHash = text(fields, ["block_hash"]);
  const version = pick(fields, ["schema_version"]);
  if (version !== undefined) toInteger(version, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER);
  return {
    chainId,
    txHash,
    logIndex,
    txIndex: integer(fields, ["tx_index", "transaction_index"], 2 ** 32 - 1) ?? 0,
    eventId: text(fields, ["event_id"]) ?? defaultEventId(chainId, txHash, logIndex),
    token: filledToken,
    symbol,
    symbolDropped,
    pool: mapped(text(fields, ["pool", "pool_address"]), (pool) => filled(lowerAddress(pool), bytes, undefined)),
    who: mapped(text(fields, ["who", "wallet", "trader", "maker"]), (who) =>
      filled(lowerAddress(who), bytes, undefined),
    ),
    side,
    amount,
    usd,
    price: readPrice(fields),
    eventTimeMs: readTime(fields),
    blockNumber: integer(fields, ["block_number"], Number.MAX_SAFE_INTEGER),
    blockHash: mapped(blockHash, lowerHex),
    removed: readRemoved(fields),
    revision: integer(fields, ["revision"], Number.MAX_SAFE_INTEGER) ?? 0,
  };
}

/** The address takes precedence over the name. With both given, the name is the symbol, unless a symbol is given. */
function readToken(fields: Fields): { token: string; symbol: string | undefined; symbolDropped: boolean } {
  const address = text(fields, ["token_address"]);
  const given = pick(fields, ["token_symbol"]) !== undefined;
  if (address === undefined)
    return { token: lowerAddress(required(text(fields, ["token"]), "token")), ...label(fields, "token_symbol") };
  return { token: lowerAddress(address), ...label(fields, given ? "token_symbol" : "token") };
}

/** A label that is too long is dropped. */
function label(fields: Fields, name: string): { symbol: string | undefined; symbolDropped: boolean } {
  const value = text(fields, [name], Number.POSITIVE_INFINITY);
  const symbolDropped = value !== undefined && Buffer.byteLength(value) > 64;
  return { symbol: symbolDropped ? undefined : value, symbolDropped };
}

function readPrice(fields: Fields): Decimal | undefined {
  const given = decimal(fields, ["price_usd"]);
  if (given === undefined || given.coefficient === 0n) return undefined;
  const price = toDigits15(given);
  const magnitude = price.coefficient.toString().length + price.exponent;
  const isOutside = price.coefficient <= 0n || magnitude < -59 || magnitude > 61;
  if (isOutside || (magnitude === 61 && price.coefficient !== 1n)) throw new Rejection("price_usd_out_of_range");
  return price;
}

function readRemoved(fields: Fields): boolean {
  const value = pick(fields, ["removed"]);
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw new Rejection("bad_removed");
  return value;
}

function readTime(fields: Fields): number {
  const value = pick(fields, ["event_time", "ts"]);
  if (value === undefined) throw new Rejection("missing_event_time");
  const ms = typeof value === "string" ? parseRfc3339(value) : toInteger(value, Number.MAX_SAFE_INTEGER);
  if (ms < 100_000_000_000) throw new Rejection("time_in_seconds");
  if (ms > 253_402_300_799_999) throw new Rejection("event_time_out_of_range");
  return ms;
}

function parseRfc3339(value: string): number {
  const form = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(value);
  if (form === null) throw new Rejection("bad_event_time");
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour = "0", zoneMinute = "0"] = form;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  const inRange = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!exists || !inRange || Number(zoneHour) > 23 || Number(zoneMinute) > 59) throw new Rejection("bad_event_time");
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const local = date.getTime() + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 + milliseconds;
  const zoneMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  return sign === "-" ? local + zoneMs : local - zoneMs;
}

/** The first of the names that has a value; null and the empty string have none. */
function pick(fields: Fields, names: readonly string[]): unknown {
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined && value !== null && value !== "") return value;
  }
  return undefined;
}

function text(fields: Fields, names: readonly string[], bytesMax = 128): string | undefined {
  const value = pick(fields, names);
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new Rejection(`bad_${names[0]}`);
  if (!value.isWellFormed()) throw new Rejection("bad_utf8");
  if (Buffer.byteLength(value) > bytesMax) throw new Rejection(`long_${names[0]}`);
  return value;
}

function decimal(fields: Fields, names: readonly string[]): Decimal | undefined {
  const value = pick(fields, names);
  if (value === undefined) return undefined;
  if (value instanceof NumberText) return parseDecimal(value.text);
  const isText = typeof value === "string" && value.length <= 100;
  if (!isText || !/^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$/.test(value)) throw new Rejection(`bad_${names[0]}`);
  return parseDecimal(value);
}

function integer(fields: Fields, names: readonly string[], max: number): number | undefined {
  const value = pick(fields, names);
  return value === undefined ? undefined : toInteger(value, max);
}

function requiredInteger(fields: Fields, names: readonly string[], max: number): number {
  return required(integer(fields, names, max), names[0]);
}

function toInteger(value: unknown, max: number, min = 0): number {
  if (!(value instanceof NumberText)) throw new Rejection("bad_integer");
  const exact = parseDecimal(value.text);
  const scaled = exact.exponent >= 0 ? exact.coefficient * power10(exact.exponent) : exact.coefficient;
  const divisor = exact.exponent >= 0 ? 1n : power10(-exact.exponent);
  if (scaled % divisor !== 0n) throw new Rejection("bad_integer");
  const whole = scaled / divisor;
  if (whole < BigInt(min) || whole > BigInt(max)) throw new Rejection("integer_out_of_range");
  return Number(whole);
}

function required<T>(value: T | undefined, name: string | undefined): T {
  if (value === undefined) throw new Rejection(`missing_${name}`);
  return value;
}

function mapped(value: string | undefined, map: (text: string) => string): string | undefined {
  return value === undefined ? undefined : map(value);
}

/** Pads hex, alone or before a path, with zeros to the length of the chain's addresses. */
function filled(value: string, bytes: number | undefined, withPath: RegExp | undefined): string {
  if (bytes === undefined) return value;
  const [, hex = value, path = ""] = withPath?.exec(value) ?? [];
  if (lowerHex(hex) === hex && !/^0x[0-9a-f]+$/.test(hex)) return value;
  return `0x${lowerHex(hex)
    .slice(2)
    .padStart(2 * bytes, "0")}${path}`;
}

function lowerAddress(value: string): string {
  return /^0[xX][0-9a-fA-F]+$/.test(value) ? value.toLowerCase() : value;
}

function lowerHex(value: string): string {
  return /^0[xX][0-9a-fA-F]+$/.test(value) ? value.toLowerCase() : value;
}
