/**
 * Bodies that are known to break parsers, of about any requested size. Every reader of foreign bytes is measured on all of them: as they
 * are, and after a beginning that leads into an object, an array, a string or a swap.
 */
import { gzipSync } from "node:zlib";

export type HostileBody = {
  readonly name: string;
  /** About `bytes` long. Equal sizes give equal bodies. */
  of(bytes: number): Buffer;
};

const encoder = new TextEncoder();

/** Repeats one piece. `#` is replaced by a number, so that pieces differ. */
function repeated(piece: string | Uint8Array, bytes: number): Buffer {
  const isNumbered = typeof piece === "string" && piece.includes("#");
  if (!isNumbered) {
    const unit = typeof piece === "string" ? encoder.encode(piece) : piece;
    return Buffer.alloc(Math.max(1, Math.floor(bytes / unit.length)) * unit.length, unit);
  }
  const pieces: string[] = [];
  for (let length = 0, i = 0; length < bytes; i++) {
    const next = piece.replaceAll("#", i.toString(36).padStart(4, "0"));
    pieces.push(next);
    length += next.length;
  }
  return Buffer.from(pieces.join(""));
}

const PIECES: readonly (readonly [name: string, piece: string | Uint8Array])[] = [
  ["opening brackets", "["],
  ["closing brackets", "]"],
  ["opening braces", "{"],
  ["closing braces", "}"],
  ["empty objects", "{},"],
  ["empty objects in lines", "{}\n"],
  ["opening objects in lines", "{\n"],
  ["names that open objects", '{"a":'],
  ["brackets in turn", "[{"],
  ["pairs of brackets", "[]"],
  ["quotes", '"'],
  ["quotes in lines", '"\n'],
  ["backslashes", "\\"],
  ["escaped quotes", '\\"'],
  ["escaped backslashes and quotes", '\\\\"'],
  ["cut escapes", "\\u12"],
  ["escapes", "\\u0041"],
  ["unpaired surrogates", "\\ud800"],
  ["spaces", " "],
  ["tabs", "\t"],
  ["line feeds", "\n"],
  ["carriage returns", "\r"],
  ["carriage returns and line feeds", "\r\n"],
  ["spaces and line feeds", "  \n"],
  ["lines of one letter", "x\n"],
  ["commas", ","],
  ["colons", ":"],
  ["zeros", "0"],
  ["nines", "9"],
  ["minus signs", "-"],
  ["points", "."],
  ["exponents", "1e"],
  ["many keys", '"k#":1,'],
  ["many keys with escapes", '"\\u006b#":1,'],
  ["one key again and again", '"token":"x",'],
  ["a key that goes to and fro", '"token":1,"who":"x",'],
  ["keys that the swap has as aliases", '"amount":"1","amount_token":null,'],
  ["values in turn", 'null,true,"",0,'],
  ["letters", "a"],
  ["upper-case hex", "AB"],
  ["text of two bytes a letter", "é"],
  ["text of four bytes a letter", "😀"],
  ["cut UTF-8 of two bytes", Uint8Array.of(0xc3)],
  ["cut UTF-8 of four bytes", Uint8Array.of(0xf0, 0x9f, 0x98)],
  ["trailing bytes of UTF-8", Uint8Array.of(0x80)],
  ["bytes of zero", Uint8Array.of(0)],
  ["bytes of 255", Uint8Array.of(0xff)],
  ["byte order marks", "\ufeff"],
  ["anchors and aliases", "&a *a "],
  ["hyphens of a list", "- "],
  ["nested flow lists", "[a, "],
  ["cells", '"a","",'],
];

const SWAP = '{"chain_id":1,"tx_hash":"0xab","log_index":3,"token":"TKN","side":"buy","amount_token":"2"';

const LEADS: readonly (readonly [name: string, before: string, after: string])[] = [
  ["alone", "", ""],
  ["behind a letter", "x", ""],
  ["before an object line", "x", '\n{"a":1}'],
  ["in an object", '{"a":', ""],
  ["as members", "{", '"end":1}'],
  ["in a string", '{"a":"', '"}'],
  ["in an array", "[", "]"],
  ["in an array of arrays", "[[", ""],
  ["as a number of a swap", `${SWAP},"amount_usd":1`, ',"event_time":1767225600000}'],
  ["as a text of a swap", `${SWAP},"amount_usd":"1","event_time":1767225600000,"who":"`, '"}'],
  ["as a time of a swap", `${SWAP},"amount_usd":"1","event_time":"2026-01-01T00:00:00.`, 'Z"}'],
  ["as the name of a field", `${SWAP},"`, '":1,"amount_usd":"1","event_time":1767225600000}'],
];

/** Every kind of piece by itself, for parsers of other formats than JSON. */
export const hostilePieces: readonly HostileBody[] = PIECES.map(([name, piece]) => ({
  name,
  of: (bytes) => repeated(piece, bytes),
}));

/** Every kind of piece after every beginning. */
export const hostileBodies: readonly HostileBody[] = LEADS.flatMap(([lead, before, after]) =>
  PIECES.map(([name, piece]) => ({
    name: `${name}, ${lead}`,
    of: (bytes: number) => Buffer.concat([Buffer.from(before), repeated(piece, bytes), Buffer.from(after)]),
  })),
);

/** The same bodies compressed: a request of a few hundred bytes expands to them. */
export const gzipped = (body: HostileBody): HostileBody => ({
  name: `${body.name}, as gzip`,
  of: (bytes) => gzipSync(body.of(bytes)),
});
