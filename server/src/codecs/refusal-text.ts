/**
 * Explains why a record was refused: which field, the value that was seen, what is expected, and what the record looks like if
 * it is no swap at all. The decoder returns only a code, so that good records pay nothing for this. A refused record is read
 * again here. All text from outside is cut and made harmless.
 */

import { printableCut } from "../shared/printable-text.ts";
import { type DeadLetterCode, deadLetterMessage } from "./dead-letter-codes.ts";
import { foreignFormat } from "./foreign-formats.ts";
import { type Member, readMembers, textOf } from "./record-members.ts";
import { utf8SequenceBytes } from "./utf8.ts";

/** The names of each field that a code concerns, in the order in which the decoder looks for them. */
export const FIELDS_OF: Partial<Record<DeadLetterCode, readonly string[]>> = {
  bad_chain_id: ["chain_id"],
  bad_log_index: ["log_index"],
  bad_tx_index: ["tx_index", "transaction_index"],
  bad_side: ["side"],
  bad_amount_token: ["amount_token", "amount"],
  bad_amount_usd: ["amount_usd", "usd"],
  bad_price_usd: ["price_usd"],
  time_in_seconds: ["event_time", "ts"],
  bad_event_time: ["event_time", "ts"],
  bad_block_number: ["block_number"],
  bad_removed: ["removed"],
  bad_revision: ["revision"],
  bad_schema_version: ["schema_version"],
  bad_tx_hash: ["tx_hash"],
  bad_event_id: ["event_id"],
  bad_token: ["token_address", "token"],
  bad_token_symbol: ["token_symbol", "token"],
  bad_pool: ["pool", "pool_address"],
  bad_who: ["who", "wallet", "trader", "maker"],
  bad_block_hash: ["block_hash"],
  quarantined: ["event_time", "ts"],
  too_many_tokens: ["token_address", "token"],
  too_many_chains: ["chain_id"],
  too_many_inclusions: ["event_id", "tx_hash"],
};

/**
 * The required fields, in the order in which the decoder looks for them; names with the same meaning stand together, as
 * messages show them.
 */
export const REQUIRED_FIELDS: readonly (readonly string[])[] = [
  ["chain_id"],
  ["log_index"],
  ["side"],
  ["amount_token", "amount"],
  ["amount_usd", "usd"],
  ["event_time", "ts"],
  ["tx_hash"],
  ["token", "token_address"],
];

/** Members in which other programs wrap the record itself, and the message about each. */
const ENVELOPES: Readonly<Record<string, string>> = {
  payload: "an envelope of Debezium or Kafka Connect",
  after: "a change event of Debezium",
  data: "an envelope of CloudEvents",
  record: "an envelope",
  event: "an envelope",
  swap: "an envelope",
  message: "an envelope",
  value: "an envelope",
  params: "a response of JSON-RPC",
  result: "a response of JSON-RPC",
  body: "an envelope",
};
/** With this many of the required fields a record is a swap, whatever else it contains. */
const SWAP_FIELDS_MIN = 3;
const NAMES_CHARS_MAX = 64;
/**
 * Names that other programs use, without case and punctuation. A table, because a flood of records that are no swaps must not
 * cost more than swaps do: finding the nearest name by edit distance took 30 us per name.
 */
const MEANT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    chain_id: "chainid chain network networkid",
    tx_hash: "txhash hash transactionhash txid signature digest tx transaction",
    log_index: "logindex index eventindex eventseq instructionindex",
    token: "token tokenaddress address mint coin cointype contract basetoken symbol",
    side: "side type direction action tradetype",
    amount_token: "amounttoken amount amountin amountout tokenamount amountbase quantity qty size",
    amount_usd: "amountusd usd usdamount volumeusd valueusd usdvalue usdvolume notional",
    event_time: "eventtime ts time timestamp blocktime blocktimestamp datetime date",
  }).flatMap(([name, others]) => others.split(" ").map((other): [string, string] => [other, name])),
);

/**
 * Returns the sentence for buf[start, end), which was refused with this code. `arrivalMs` is the arrival of a record that a
 * source accepted.
 */
export function refusalText(
  code: DeadLetterCode,
  buf: Uint8Array,
  start: number,
  end: number,
  arrivalMs?: number,
): string {
  const general = deadLetterMessage(code);
  if (code === "record_too_large") return `${general} (this one has ${end - start} bytes or more)`;
  if (code === "too_deep") return general;
  if (code === "invalid_utf8") return invalidUtf8(general, buf, start, end);
  if (code === "malformed_json") return malformed(general, buf, start, end);
  if (code === "not_an_object") return notAnObject(general, buf, start, end);
  const { given, others } = readMembers(buf, start, end);
  if (code === "missing_field") return missing(others, given);
  const names = FIELDS_OF[code] ?? [];
  const name = names.find((candidate) => hasValue(given(candidate)));
  if (name === undefined) return general;
  const seen = `${name} is ${printableCut(given(name) ?? "")}`;
  if (code === "quarantined" && arrivalMs !== undefined) return `${seen}, the arrival is ${arrivalMs}; ${general}`;
  return `${seen}; ${general}`;
}

const hasValue = (value: string | undefined): boolean => value !== undefined && value !== "null" && value !== '""';

function invalidUtf8(general: string, buf: Uint8Array, start: number, end: number): string {
  const looks = foreignFormat(buf, start, end);
  if (looks !== undefined) return `${general}; ${looks}`;
  let p = start;
  while (p < end) {
    const bytes = buf[p]! < 0x80 ? 1 : utf8SequenceBytes(buf, p, end);
    if (bytes === 0) break;
    p += bytes;
  }
  const byte = (buf[p] ?? 0).toString(16).padStart(2, "0");
  return `${general}: byte ${byte} at position ${p - start}, behind ${quoted(textOf(buf, Math.max(start, p - 24), p))}; write text in UTF-8, not in Latin-1 or the like`;
}

function malformed(general: string, buf: Uint8Array, start: number, end: number): string {
  let p = start;
  while (p < end && buf[p]! <= 0x20 && buf[p] !== 0) p++;
  if (p >= end) return `${general}; it is ${start === end ? "empty" : "blank"}`;
  const looks = foreignFormat(buf, start, end) ?? foreignFormat(buf, p, end);
  if (looks !== undefined) return `${general}; ${looks}`;
  if (buf[p] !== 0x7b) return `${general}; it begins with ${quoted(textOf(buf, p, end))}`;
  const { broken } = readMembers(buf, start, end);
  if (broken === undefined) return general;
  const rest = start + broken.at < end ? `: ${quoted(textOf(buf, start + broken.at, end))}` : "";
  const ends = endsInside(buf, p, end) ? "; the record ends in the middle" : "";
  return `${general}; at byte ${broken.at}, in ${printableCut(broken.where, 2 * NAMES_CHARS_MAX)}${rest}${ends}`;
}

/** Whether a string, an object or an array is still open where the record ends. */
function endsInside(buf: Uint8Array, start: number, end: number): boolean {
  let depth = 0;
  let inString = false;
  for (let p = start; p < end; p++) {
    const byte = buf[p];
    if (byte === 0x22) inString = !inString;
    else if (inString) p += byte === 0x5c ? 1 : 0;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return inString || depth > 0;
}

function notAnObject(general: string, buf: Uint8Array, start: number, end: number): string {
  let p = start;
  while (p < end && buf[p]! <= 0x20) p++;
  const first = String.fromCharCode(buf[p] ?? 0);
  if (first === "[") {
    return `${general}; it is an array: one record is one swap, so send each element as a record of its own (POST /api/swaps takes arrays)`;
  }
  const seen = quoted(textOf(buf, p, end));
  if (first === '"') {
    const isJson = buf[p + 1] === 0x7b || (buf[p + 1] === 0x5c && buf[p + 2] === 0x22);
    return `${general}; it is a string, ${seen}${isJson ? ": it holds JSON, so it was encoded twice" : ""}`;
  }
  return `${general}; it is ${seen}`;
}

/** Says which required fields are missing, and which other names are there instead. */
function missing(others: readonly Member[], given: (name: string) => string | undefined): string {
  const lacking = REQUIRED_FIELDS.filter((names) => !names.some((name) => hasValue(given(name))));
  const said = lacking.map((names) => {
    const empty = names.find((name) => given(name) !== undefined);
    if (empty !== undefined) return `${empty} (it is ${given(empty)})`;
    return names.length === 1 ? names[0] : `${names[0]} (or ${names.slice(1).join(", ")})`;
  });
  const found = REQUIRED_FIELDS.length - lacking.length;
  const envelope =
    found < SWAP_FIELDS_MIN
      ? others.find(({ name, first }) => Object.hasOwn(ENVELOPES, name) && /[{["]/.test(first))
      : undefined;
  const text = `${lacking.length === 1 ? "a required field is" : "required fields are"} missing: ${said.join(", ")}`;
  if (envelope !== undefined) {
    return `${text}; the record looks like ${ENVELOPES[envelope.name]}: send what is in ${envelope.name} as the record itself`;
  }
  if (others.length === 0) return text;
  const names = others.map(({ name }) => hint(name, lacking.flat())).join(", ");
  return `${text}; other names in the record: ${printableCut(names, NAMES_CHARS_MAX)}`;
}

/** A name that the producer uses, and the field that it probably means. */
function hint(name: string, lacking: readonly string[]): string {
  const meant = name.length > NAMES_CHARS_MAX ? undefined : MEANT.get(name.toLowerCase().replaceAll(/[^a-z]/g, ""));
  return meant === undefined || !lacking.includes(meant) ? name : `${name} (for ${meant}?)`;
}

const quoted = (text: string): string => `"${printableCut(text)}"`;
