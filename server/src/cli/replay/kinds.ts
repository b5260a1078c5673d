/** Recognises the kind of a file by its first bytes, not by its name. */
import { SwapstatsError } from "../../shared/errors.ts";

export type Kind = "ndjson" | "json" | "table" | "parquet";
type Packing = "gzip" | "zstd" | "none";

/** Number of first bytes that decide. */
export const HEAD_BYTES = 64 * 1024;
const LINES_LOOKED_AT = 20;

const READ_KINDS = "NDJSON, a JSON array, CSV or Parquet, plain or compressed with gzip or zstd";

/** First bytes of unsupported files: their kind, and what to do. */
const FOREIGN: readonly (readonly [beginning: string, what: string, advice: string])[] = [
  ["BZh", "compressed with bzip2", "decompress it on the way: bzip2 -dc FILE | swapstats replay -"],
  ["\xfd7zXZ\0", "compressed with xz", "decompress it on the way: xz -dc FILE | swapstats replay -"],
  ["\x04\x22\x4d\x18", "compressed with lz4", "decompress it on the way: lz4 -dc FILE | swapstats replay -"],
  ["7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "extract it, and give the file inside"],
  ["Rar!", "a RAR archive", "extract it, and give the file inside"],
  ["Obj\x01", "Avro", `convert it to ${READ_KINDS}`],
  ["ORC", "ORC", `convert it to ${READ_KINDS}`],
  ["ARROW1", "Arrow (Feather)", "convert it to Parquet or CSV"],
  ["\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as CSV"],
  ["SQLite format 3\0", "an SQLite database", "export the table as CSV; for a log of swapstats, give the data folder"],
  ["%PDF", "a PDF", `give ${READ_KINDS}`],
  ["\x1f\x9d", "compressed with compress", "decompress it on the way: uncompress -c FILE | swapstats replay -"],
  ["\xff\xfe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | swapstats replay -"],
  ["\xfe\xff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | swapstats replay -"],
];

export function packingOf(head: Buffer): Packing {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head.length < 4) return "none";
  const magic = head.readUInt32LE(0);
  // The second is a skippable frame of zstd, with which seekable files start.
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5 ? "zstd" : "none";
}

/** Throws `bad_request` with the kind of an unsupported file. `name` is already printable. */
export function kindOf(head: Buffer, name: string): Kind {
  const beginning = head.toString("latin1", 0, 512);
  if (beginning.startsWith("PAR1")) return "parquet";
  for (const [magic, what, advice] of FOREIGN) {
    if (beginning.startsWith(magic)) throw refused(name, what, advice);
  }
  if (beginning.startsWith("PK\x03\x04") || beginning.startsWith("PK\x05\x06")) throw zipRefused(head, name);
  if (beginning.slice(257, 262) === "ustar")
    throw refused(name, "a tar archive", "extract it, and give the files inside");
  refuseBinary(head, name);
  const text = withoutMark(head).toString("utf8").trimStart();
  if (/^<(!|\?xml|html|head|body|[a-z]+[ >])/i.test(text)) {
    const advice = "it may be the error page of a download; download the file again, as CSV or JSON";
    throw refused(name, /^<\?xml/i.test(text) ? "XML" : "HTML", advice);
  }
  return textKind(text);
}

function textKind(text: string): Kind {
  if (text.startsWith("[")) return "json";
  const lines = text.split("\n", LINES_LOOKED_AT).map((line) => line.trim());
  const [first = ""] = lines;
  // An object over several lines.
  if (first === "{" || (first.startsWith("{") && /[,[{]$/.test(first))) return "json";
  // A file with one bad line at the start is not taken for a table.
  if (first.startsWith("{") || lines.slice(1).some((line) => /^\{"[\s\S]*\}$/.test(line))) return "ndjson";
  return "table";
}

/** Text has no zero bytes in its first line, and not many of them elsewhere. */
function refuseBinary(head: Buffer, name: string): void {
  const line = head.subarray(0, Math.min(head.length, 4096));
  const end = line.indexOf(10);
  const first = end === -1 ? line : line.subarray(0, end);
  if (first.indexOf(0) === -1) return;
  let odd = 0;
  let even = 0;
  for (let at = 0; at < line.length; at++) {
    if (line[at] !== 0) continue;
    if (at % 2 === 0) even++;
    else odd++;
  }
  if (Math.max(odd, even) > line.length / 3 && Math.min(odd, even) < line.length / 20) {
    throw refused(name, "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | swapstats replay -");
  }
  throw refused(name, "neither text nor a known kind of file", `give ${READ_KINDS}`);
}

function zipRefused(head: Buffer, name: string): SwapstatsError {
  const isWorkbook = /\[Content_Types\]\.xml|xl\/|docProps\//.test(head.toString("latin1", 0, 4096));
  return isWorkbook
    ? refused(name, "an Excel workbook", "save the sheet as CSV")
    : refused(name, "a zip archive", "extract it on the way: unzip -p FILE | swapstats replay -");
}

function refused(name: string, what: string, advice: string): SwapstatsError {
  return new SwapstatsError("bad_request", `${name} is ${what}, which replay does not read; ${advice}`);
}

/** Skips the byte order mark, which is not part of the first record. */
export function withoutMark(chunk: Buffer): Buffer {
  return chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk;
}
