/** Records from a seed with every form, limit and damage that a swap event can have. */
import { Buffer } from "node:buffer";
import { SLOT } from "../../src/codecs/event-fields.ts";
import type { Random } from "../support/seed.ts";

const NAMES = Object.keys(SLOT) as (keyof typeof SLOT)[];

function digits(random: Random, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) text += random.below(10);
  return text;
}

/** The text of a decimal, mostly one that is a JSON number. */
export function decimalText(random: Random): string {
  if (random.chance(0.05))
    return random.pick(["", "-", ".5", "5.", "+5", "1e", "1e+", "01", "0x1", "NaN", "--1", "1,5", "1 "]);
  const sign = random.chance(0.06) ? "-" : "";
  const whole = random.chance(0.4) ? "0" : `${1 + random.below(9)}${digits(random, length(random))}`;
  const fraction = random.chance(0.3)
    ? ""
    : `.${random.chance(0.3) ? "0".repeat(length(random)) : ""}${digits(random, 1 + length(random))}`;
  const tail = random.chance(0.2)
    ? `${"0".repeat(random.below(4))}${random.pick(["5", "50", "500", "5001", "4999", "0"])}`
    : "";
  return `${sign}${whole}${fraction}${fraction === "" ? "" : tail}${exponentText(random)}`;
}

function length(random: Random): number {
  return random.chance(0.9) ? random.below(20) : random.below(90);
}

function exponentText(random: Random): string {
  if (random.chance(0.75)) return "";
  const size = random.pick([
    String(random.below(30)),
    String(random.below(400)),
    "007",
    "400",
    "999",
    "1000",
    "99999999999",
  ]);
  return `${random.pick(["e", "E"])}${random.pick(["", "+", "-"])}${size}`;
}

/** Numbers at the limits of the fields, each with its neighbours. */
const EDGES = [
  "9007199254.740991",
  "9007199254.7409915",
  "9007199254.7409914999",
  "9007199254.740992",
  "9007199253.9999995",
  "99999999999999999999.999999999999999999",
  "99999999999999999999.9999999999999999995",
  "1e20",
  "99999999999999999999",
  "0.000000000000000001",
  "0.0000000000000000005",
  "0.00000000000000000050000001",
  "5e-19",
  "15e-19",
  "1e-18",
  "0",
  "-0",
  "0e999",
  "1e60",
  "1e61",
  "1.00000000000000e60",
  "1000000000000001e45",
  "10000000000000001e44",
  "1e-60",
  "9.99999999999999e-61",
  "9.999999999999994e-61",
  "9.999999999999995e-61",
  "999999999999999.5",
  "123456789012345.5",
  "123456789012344.5",
  "1e-61",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "90071992547409910e-1",
  "4294967295",
  "4294967296",
  "4294967295.0",
  "1e15",
  "999999999999999",
  "1000000000000000",
  "9999999999999999",
  "10000000000000000",
  "-0.0000005",
  "-0.0000006",
  "-1e-30",
  "100000000000",
  "99999999999",
  "253402300799999",
  "253402300800000",
  "1767225600000.0",
  "1767225600000.5",
  "17672256e5",
];

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

export function timeText(random: Random): string {
  const year = random.chance(0.8) ? 1970 + random.below(100) : random.below(10_000);
  const wild = random.chance(0.3) ? 1 : 0;
  const below = (limit: number): string => pad(random.below(limit + wild), 2);
  const day = `${pad(year, 4)}-${wild === 1 ? below(14) : pad(1 + random.below(12), 2)}-${pad(1 + random.below(28 + 5 * wild), 2)}`;
  const time = `${below(24)}:${below(60)}:${below(60)}`;
  const fraction = random.chance(0.5)
    ? ""
    : `.${digits(random, 1 - wild + random.below(random.chance(0.1) ? 300 : 12))}`;
  const offset = `${random.pick(["+", "-"])}${below(24)}:${below(60)}`;
  return `${day}${random.pick(wild === 1 ? ["T", "t", " ", ""] : ["T", "t"])}${time}${fraction}${random.pick(wild === 1 ? ["Z", offset, "", "+"] : ["Z", "z", offset])}`;
}

function hex(random: Random, count: number): string {
  let text = random.chance(0.9) ? "0x" : "0X";
  const upper = random.chance(0.4);
  for (let i = 0; i < count; i++) {
    const digit = random.below(16).toString(16);
    text += upper && random.chance(0.5) ? digit.toUpperCase() : digit;
  }
  return random.chance(0.05) ? `${text.slice(0, -1)}${random.pick(["g", "G", "-", "é"])}` : text;
}

const PIECES = [
  "a",
  "Z",
  "0x",
  ":",
  "1:0xab:3",
  " ",
  "\n",
  '"',
  "\\",
  "/",
  "\u0000",
  "\u007f",
  "é",
  "ߐ",
  "€",
  "한",
  "😀",
  "\ud800",
  "\udc00",
];

function wordText(random: Random): string {
  if (random.chance(0.3)) return "x".repeat(random.pick([0, 1, 63, 64, 65, 127, 128, 129]));
  if (random.chance(0.2)) return `${"é".repeat(random.pick([31, 32, 33, 63, 64, 65]))}${random.pick(["", "a"])}`;
  let text = "";
  for (let i = random.below(8); i >= 0; i--) text += random.pick(PIECES);
  return text;
}

/** A string as JSON, with none, some or all of its characters escaped, in upper- or lower-case digits. */
export function quoted(random: Random, text: string): string {
  const share = random.pick([0, 0, 0, 0.1, 1]);
  let json = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
    const plain = JSON.stringify(text[i]).slice(1, -1);
    if (share === 0 && isSurrogate && unit < 0xdc00 && text.charCodeAt(i + 1) >= 0xdc00) {
      json += text.slice(i, i + 2);
      i++;
    } else if (isSurrogate || random.chance(share)) {
      const code = unit.toString(16).padStart(4, "0");
      json += `\\u${random.chance(0.5) ? code.toUpperCase() : code}`;
    } else {
      json += unit === 0x2f && random.chance(0.5) ? "\\/" : plain;
    }
  }
  return `"${json}"`;
}

export function anyJson(random: Random, depth: number): string {
  const kind = random.below(depth > 0 ? 9 : 7);
  const space = random.pick(["", "", " ", "\n\t"]);
  const many = (one: () => string) => Array.from({ length: random.below(4) }, one).join(`${space},${space}`);
  if (kind === 0) return "null";
  if (kind === 1) return random.pick(["true", "false"]);
  if (kind <= 3) return decimalText(random);
  if (kind <= 6) return quoted(random, wordText(random));
  if (kind === 7) return `[${space}${many(() => anyJson(random, depth - 1))}${space}]`;
  return `{${space}${many(() => `${quoted(random, wordText(random))}${space}:${space}${anyJson(random, depth - 1)}`)}}`;
}

/** A value that is usually valid for the field. */
function fieldJson(random: Random, name: string): string {
  if (random.chance(0.006)) return anyJson(random, 3);
  if (random.chance(0.01)) return random.pick(["null", '""', "true", "false", "[]", "{}", "0", "-0"]);
  if (/^(amount|usd|price)/.test(name)) {
    const ordinary = `${random.below(100_000)}.${digits(random, 1 + random.below(22))}`;
    const text = random.chance(0.7) ? ordinary : random.chance(0.5) ? random.pick(EDGES) : decimalText(random);
    return random.chance(0.5) ? text : quoted(random, text);
  }
  if (name === "event_time" || name === "ts") {
    if (random.chance(0.3)) return quoted(random, timeText(random));
    return random.chance(0.05) ? random.pick(EDGES) : String(1_767_225_600_000 + random.below(1e9));
  }
  if (name === "chain_id" && random.chance(0.4)) return String(random.pick([101, 102, 103]));
  if (/^(chain_id|log_index|tx_index|transaction_index|block_number|revision|schema_version)$/.test(name)) {
    return random.chance(0.03) ? random.pick([...EDGES, decimalText(random)]) : String(random.below(5000));
  }
  if (name === "side")
    return random.chance(0.97) ? quoted(random, random.pick(["buy", "sell"])) : quoted(random, "BUY");
  if (name === "removed") return random.pick(["true", "false"]);
  if (random.chance(0.06)) return quoted(random, wordText(random));
  if (random.chance(0.1)) {
    const path = random.pick(["::", "::sui::SUI", "::Coin::", ":", ":::", "::x::Y<0xAB::c::D>", `::${"p".repeat(58)}`]);
    return quoted(random, `${hex(random, random.pick([0, 1, 2, 3, 40, 63, 64, 65, 126]))}${path}`);
  }
  return quoted(random, hex(random, random.pick([40, 40, 64, 39, 41, 2, 1, 0, 63, 65, 126])));
}

/** The default id of the record, or something close to it, when the record has the fields for one. */
function defaultId(random: Random, members: ReadonlyMap<string, string>): string {
  const hash = members.get("tx_hash") ?? '"0xab"';
  const text = `${members.get("chain_id")}:${hash.slice(1, -1).toLowerCase()}:${members.get("log_index")}`;
  return `"${random.chance(0.8) ? text : `${text}0`}"`;
}

/** A record with its members in any order, with aliases, repeated and unknown names, and any white space; mostly a valid event. */
export function recordText(random: Random): string {
  const members = new Map<string, string>();
  const wanted = new Set<string>([
    "chain_id",
    "tx_hash",
    "log_index",
    "token",
    "side",
    "amount_token",
    "amount_usd",
    "event_time",
  ]);
  for (const name of NAMES) if (random.chance(0.3)) wanted.add(name);
  if (random.chance(0.3)) wanted.add("usd").delete("amount_usd");
  if (random.chance(0.3)) wanted.add("ts").delete("event_time");
  if (random.chance(0.1)) wanted.delete(random.pick([...wanted]));
  for (const name of wanted) members.set(name, fieldJson(random, name));
  if (random.chance(0.2)) members.set("event_id", defaultId(random, members));
  const list: [string, string][] = [...members];
  for (let i = random.below(4); i > 0; i--)
    list.push([random.pick(["dex", "fee", "x", "", wordText(random)]), anyJson(random, 4)]);
  for (let i = random.below(3); i > 0; i--) {
    const name = random.pick(NAMES);
    list.push([name, fieldJson(random, name)]);
  }
  const [comma, colon, brace] = random.pick([
    [",", ":", ""],
    [",", ":", ""],
    [", ", ": ", ""],
    [",\r\n  ", " :\t", "\n"],
  ]);
  const ordered = random.chance(0.5) ? list : random.shuffled(list);
  const texts = ordered.map(
    ([name, value]) => `${random.chance(0.03) ? quoted(random, name) : JSON.stringify(name)}${colon}${value}`,
  );
  return `${brace}{${brace}${texts.join(comma)}${brace}}${brace}`;
}

const DAMAGE = [
  "\\",
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\u12",
  "\\ud83d",
  "\\x",
  "0",
  "e",
  "-",
  ".",
  "\n",
  "\u0000",
  "\ufeff",
  "tru",
  "null",
];
const BAD_UTF8 = [
  [0x80],
  [0xc0, 0x80],
  [0xc3],
  [0xe2, 0x82],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x80, 0x80, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff],
];
const GOOD_UTF8 = [
  [0xc3, 0xa9],
  [0xe2, 0x82, 0xac],
  [0xed, 0x9f, 0xbf],
  [0xee, 0x80, 0x80],
  [0xf4, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x9f, 0x98, 0x80],
];

/** The record with a few of its bytes cut, changed, repeated or added. */
export function damaged(random: Random, record: Uint8Array): Uint8Array {
  let bytes = record;
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + random.below(random.chance(0.7) ? 3 : 40));
    const kind = random.below(6);
    let piece: Uint8Array;
    if (kind === 0) piece = Uint8Array.of(random.below(256));
    else if (kind === 1) piece = Buffer.from(random.pick(DAMAGE));
    else if (kind === 2) piece = Uint8Array.from(random.pick(random.chance(0.5) ? BAD_UTF8 : GOOD_UTF8));
    else if (kind === 3) piece = Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to)]);
    else piece = Buffer.alloc(0);
    bytes = kind === 5 ? bytes.subarray(0, at) : Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(to)]);
  }
  return bytes;
}
