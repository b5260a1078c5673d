import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import type { DeadLetterCode } from "./dead-letter-codes.ts";
import * as limits from "./limits.ts";

/** A JSON number as written. */
class NumberText {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** The value of a decimal is `sign` x `digits` x 10^exponent. */
type Decimal = { readonly negative: boolean; readonly digits: bigint; readonly exponent: number };

/** Carries a code out of the readers below. It never leaves this file. */
class Rejection {
  readonly code: DeadLetterCode;

  constructor(code: DeadLetterCode) {
    this.code = code;
  }
}

const AMOUNT_END = 10n ** 38n;
const LIMB = 10n ** 15n;
/** A number with an exponent beyond this, of either sign, is beyond every limit or rounds to nothing. */
const EXPONENT_FAR = 2000;
const QUOTED_DECIMAL = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$/;
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
const HEX = /^0[xX][0-9a-fA-F]+$/;
const ADDRESS = /^0[xX]([0-9a-fA-F]+)$/;
const ADDRESS_BEFORE_PATH = /^0[xX]([0-9a-fA-F]+)(::.*)?$/s;
const UNPAIRED_SURROGATE = /\p{Surrogate}/u;

/**
 * The rules of the swap event in plain code, on top of JSON.parse and BigInt. SwapDecoder must agree with it, in values and in
 * codes, on every input. The two share nothing but the limits. It is about forty times slower, and its time grows with the
 * exponents and nesting of a record: it serves as a judge, not for untrusted streams.
 */
export class ReferenceDecoder {
  readonly #chains: ChainAddresses;

  constructor(chains: ChainAddresses = NO_CHAIN_ADDRESSES) {
    this.#chains = chains;
  }

  /** Like SwapDecoder.decode, but `out.bytes` is a new buffer each time. */
  decode(buf: Uint8Array, start: number, end: number, out: SwapEvent): DeadLetterCode | undefined {
    try {
      fill(readRecord(buf.subarray(start, end)), this.#chains, out);
      return undefined;
    } catch (error) {
      if (error instanceof Rejection) return error.code;
      throw error;
    }
  }
}

function reject(code: DeadLetterCode): never {
  throw new Rejection(code);
}

function readRecord(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  if (bytes.length > limits.RECORD_BYTES_MAX) reject("record_too_large");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    reject("invalid_utf8");
  }
  if (deepestNesting(text) > limits.DEPTH_MAX) reject("too_deep");
  let value: unknown;
  try {
    value = JSON.parse(text, keepSource);
  } catch {
    reject("malformed_json");
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || value instanceof NumberText) reject("not_an_object");
  return new Map(Object.entries(value as object).filter(([, field]) => field !== null && field !== ""));
}

/**
 * JSON.parse of Node 24 and 26 passes no source for a number whose name it confuses with another one: after objects with the
 * name `\\\\` it has read `\\u0020` as that name, in one of about ten thousand records of odd names. No name of an event is
 * affected, so the number is not used.
 */
function keepSource(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
}

/** Returns the depth of brackets outside strings. JSON.parse does not report it, and its reviver would exhaust the stack. */
function deepestNesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:\\[\s\S]|[^"\\])*"?|[[{]|[\]}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}

function fill(record: ReadonlyMap<string, unknown>, chains: ChainAddresses, out: SwapEvent): void {
  const first = (...names: string[]): unknown => {
    const name = names.find((candidate) => record.has(candidate));
    return name === undefined ? undefined : record.get(name);
  };
  out.chainId = required(first("chain_id"), (value) => uint(value, limits.UINT32_MAX, "bad_chain_id"));
  out.logIndex = required(first("log_index"), (value) => uint(value, limits.UINT32_MAX, "bad_log_index"));
  const uint32 = (value: unknown): number => uint(value, limits.UINT32_MAX, "bad_tx_index");
  out.txIndex = optional(first("tx_index", "transaction_index"), uint32) ?? 0;
  const side = required(first("side"), (value) => (value === "buy" || value === "sell" ? value : reject("bad_side")));
  out.isBuy = side === "buy";
  const amount = required(first("amount_token", "amount"), readAmount);
  out.amount0 = Number(amount % LIMB);
  out.amount1 = Number((amount / LIMB) % LIMB);
  out.amount2 = Number(amount / LIMB / LIMB);
  out.usdMicro = required(first("amount_usd", "usd"), readUsdMicro);
  out.priceUsd = optional(first("price_usd"), readPrice) ?? Number.NaN;
  out.eventTimeMs = required(first("event_time", "ts"), readTime);
  const safe = Number.MAX_SAFE_INTEGER;
  out.blockNumber = optional(first("block_number"), (value) => uint(value, safe, "bad_block_number")) ?? -1;
  const readRemoved = (value: unknown): boolean => (typeof value === "boolean" ? value : reject("bad_removed"));
  out.removed = optional(first("removed"), readRemoved) ?? false;
  out.revision = optional(first("revision"), (value) => uint(value, safe, "bad_revision")) ?? 0;
  optional(first("schema_version"), (value) => integer(value, "bad_schema_version", -safe, safe));

  const length = chains.get(out.chainId)?.addressBytes;
  const txHash = required(first("tx_hash"), (value) => hex(value, "bad_tx_hash"));
  const eventId = optional(first("event_id"), (value) => string(value, limits.STRING_BYTES_MAX, "bad_event_id"));
  const token = required(first("token_address", "token"), (value) =>
    address(value, "bad_token", ADDRESS_BEFORE_PATH, length),
  );
  const label = record.has("token_address") ? first("token_symbol", "token") : first("token_symbol");
  const symbol = optional(label, (value) => string(value, Number.POSITIVE_INFINITY, "bad_token_symbol"));
  out.symbolDropped = symbol !== undefined && Buffer.byteLength(symbol) > limits.SYMBOL_BYTES_MAX;
  const isDefaultId = eventId === `${out.chainId}:${txHash}:${out.logIndex}`;
  setStrings(out, {
    txHash,
    eventId: isDefaultId ? undefined : eventId,
    token,
    symbol: out.symbolDropped ? undefined : symbol,
    pool: optional(first("pool", "pool_address"), (value) => address(value, "bad_pool", ADDRESS, length)),
    who: optional(first("who", "wallet", "trader", "maker"), (value) => address(value, "bad_who", ADDRESS, length)),
    blockHash: optional(first("block_hash"), (value) => hex(value, "bad_block_hash")),
  });
}

type Strings = Record<"txHash" | "eventId" | "token" | "symbol" | "pool" | "who" | "blockHash", string | undefined>;

function setStrings(out: SwapEvent, strings: Strings): void {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, text] of Object.entries(strings) as [keyof Strings, string | undefined][]) {
    const bytes = encoder.encode(text ?? "");
    parts.push(bytes);
    out[`${name}Start`] = text === undefined ? 0 : end;
    end += bytes.length;
    out[`${name}End`] = text === undefined ? 0 : end;
  }
  out.bytes = Buffer.concat(parts);
}

function required<T>(value: unknown, read: (value: unknown) => T): T {
  return value === undefined ? reject("missing_field") : read(value);
}

function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}

function string(value: unknown, bytesMax: number, code: DeadLetterCode): string {
  if (typeof value !== "string" || UNPAIRED_SURROGATE.test(value)) reject(code);
  return Buffer.byteLength(value) > bytesMax ? reject(code) : value;
}

/** Pads hex to the chain's length of addresses, if the chain has one. The limit of strings applies to the padded form. */
function address(value: unknown, code: DeadLetterCode, form: RegExp, addressBytes: number | undefined): string {
  const text = hex(value, code);
  const match = addressBytes === undefined ? null : form.exec(text);
  if (match === null || addressBytes === undefined) return text;
  const [, digits = "", path = ""] = match;
  const whole = `0x${"0".repeat(Math.max(0, 2 * addressBytes - digits.length))}${digits.toLowerCase()}${path}`;
  return string(whole, limits.STRING_BYTES_MAX, code);
}

function hex(value: unknown, code: DeadLetterCode): string {
  const text = string(value, limits.STRING_BYTES_MAX, code);
  return HEX.test(text) ? text.toLowerCase() : text;
}

function uint(value: unknown, max: number, code: DeadLetterCode): number {
  return integer(value, code, 0, max);
}

/** Reads a JSON number whose value is an integer from min to max; never a string. */
function integer(value: unknown, code: DeadLetterCode, min: number, max: number): number {
  if (!(value instanceof NumberText)) reject(code);
  const scaled = roundedTo(parse(value.source), 0);
  return !scaled.exact || scaled.value < BigInt(min) || scaled.value > BigInt(max)
    ? reject(code)
    : Number(scaled.value);
}

function decimal(value: unknown, code: DeadLetterCode): Decimal {
  if (value instanceof NumberText) return parse(value.source);
  if (typeof value !== "string" || value.length > limits.DECIMAL_CHARS_MAX) reject(code);
  return QUOTED_DECIMAL.test(value) ? parse(value) : reject(code);
}

/** Parses text that is known to be a decimal, without the zeros at both ends. */
function parse(text: string): Decimal {
  const [, sign, whole = "", places = "", exponent = "0"] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) ?? reject("malformed_json");
  const written = whole + places;
  const significant = written.replace(/^0+/, "");
  const stripped = significant.replace(/0+$/, "");
  if (stripped === "") return { negative: false, digits: 0n, exponent: 0 };
  const shift = significant.length - stripped.length - places.length;
  return { negative: sign === "-", digits: BigInt(stripped), exponent: Number(exponent) + shift };
}

/** Returns the decimal in units of 10^-places, rounded half to even. Numbers far beyond every limit stay beyond it. */
function roundedTo({ negative, digits, exponent }: Decimal, places: number): { value: bigint; exact: boolean } {
  const shift = exponent + places;
  const length = digits.toString().length;
  let value: bigint;
  let exact = true;
  if (shift >= 0) {
    value = digits * 10n ** BigInt(Math.min(shift, EXPONENT_FAR));
  } else if (-shift > length + 1) {
    value = 0n;
    exact = digits === 0n;
  } else {
    const unit = 10n ** BigInt(-shift);
    const rest = digits % unit;
    value = digits / unit;
    exact = rest === 0n;
    if (2n * rest > unit || (2n * rest === unit && value % 2n === 1n)) value += 1n;
  }
  return { value: negative ? -value : value, exact };
}

function readAmount(value: unknown): bigint {
  const amount = roundedTo(decimal(value, "bad_amount_token"), 18).value;
  return amount > 0n && amount < AMOUNT_END ? amount : reject("bad_amount_token");
}

function readUsdMicro(value: unknown): number {
  const micro = roundedTo(decimal(value, "bad_amount_usd"), 6).value;
  return micro >= 0n && micro <= BigInt(limits.USD_MICRO_MAX) ? Number(micro) : reject("bad_amount_usd");
}

function readPrice(value: unknown): number {
  const price = decimal(value, "bad_price_usd");
  if (price.digits === 0n) return Number.NaN;
  if (price.negative) reject("bad_price_usd");
  const length = price.digits.toString().length;
  // 15 significant digits need as many places as put the first digit 15 before the end.
  const places = limits.PRICE_DIGITS - length - price.exponent;
  const mantissa = length <= limits.PRICE_DIGITS ? price.digits : roundedTo(price, places).value;
  const exponent = length <= limits.PRICE_DIGITS ? price.exponent : -places;
  const size = mantissa.toString().length + exponent;
  const isOverTop = size > limits.PRICE_EXPONENT_MAX + 1;
  const isTop = size === limits.PRICE_EXPONENT_MAX + 1 && !/^10*$/.test(mantissa.toString());
  if (isOverTop || isTop || size <= -limits.PRICE_EXPONENT_MAX) reject("bad_price_usd");
  return Number(`${mantissa}e${exponent}`);
}

function readTime(value: unknown): number {
  if (value instanceof NumberText) {
    const time = roundedTo(parse(value.source), 0);
    if (!time.exact) reject("bad_event_time");
    if (time.value < BigInt(limits.EVENT_TIME_MS_MIN)) reject("time_in_seconds");
    return time.value <= BigInt(limits.EVENT_TIME_MS_MAX) ? Number(time.value) : reject("bad_event_time");
  }
  const match = typeof value === "string" ? RFC_3339.exec(value) : null;
  if (match === null) reject("bad_event_time");
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour = "0", zoneMinute = "0"] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(`${fraction}000`.slice(0, 3)));
  // A date or time that does not exist would be carried over into another.
  if (date.toISOString().slice(0, 19) !== `${year}-${month}-${day}T${hour}:${minute}:${second}`)
    reject("bad_event_time");
  const eastMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  const time = date.getTime() + (sign === "-" ? eastMs : -eastMs);
  return time >= limits.EVENT_TIME_MS_MIN && time <= limits.EVENT_TIME_MS_MAX ? time : reject("bad_event_time");
}
