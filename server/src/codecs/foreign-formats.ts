/**
 * Recognises bytes that were sent instead of a swap event: archives, compressed files, tables, other encodings, messages of
 * schema registries. They are recognised by their beginning, so that the message says what to do and not only that the record
 * is no JSON.
 */

/** Bytes of a record that are examined. */
const HEAD_BYTES = 512;
/** Magic byte, and the id of a schema in four bytes. */
const CONFLUENT_HEAD_BYTES = 5;
const CELLS_MIN = 3;

const TO_REPLAY = "`swapstats replay` reads such files, with a mapping where the names differ (docs/replay.md)";
const FROM_TABLE =
  "write `format: csv` into the mapping of such records (docs/mapping.md); `swapstats replay` reads files of them";

const SIGNATURES: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [
    [0x1f, 0x8b],
    "it begins like gzip: a body that is compressed says `Content-Encoding: gzip`, a producer of Kafka sets its compression and not the value's own",
  ],
  [
    [0x28, 0xb5, 0x2f, 0xfd],
    "it begins like zstd: expand it first; a producer of Kafka sets its compression and not the value's own",
  ],
  [[0x50, 0x4b, 0x03, 0x04], "it begins like a zip archive: unpack it, and send what is in it"],
  [[0x50, 0x41, 0x52, 0x31], `it begins like Parquet: ${TO_REPLAY}`],
  [[0x4f, 0x62, 0x6a, 0x01], "it begins like a file of Avro: write the records as JSON, one a line"],
  [[0x42, 0x5a, 0x68], "it begins like bzip2: expand it first"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "it begins like xz: expand it first"],
  [
    [0x04, 0x22, 0x4d, 0x18],
    "it begins like lz4: expand it first; a producer of Kafka sets its compression and not the value's own",
  ],
  [
    [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59],
    "it begins like snappy: a producer of Kafka sets its compression and not the value's own",
  ],
  [[0xff, 0xfe], "it begins like UTF-16: write it as UTF-8"],
  [[0xfe, 0xff], "it begins like UTF-16: write it as UTF-8"],
  [[0xef, 0xbb, 0xbf], "a byte order mark stands before it: write UTF-8 without one"],
];

/** Describes what the bytes of an unreadable record look like, and what to do. Undefined when they look like nothing known. */
export function foreignFormat(buf: Uint8Array, start: number, end: number): string | undefined {
  for (const [signature, what] of SIGNATURES) {
    if (signature.every((byte, i) => start + i < end && buf[start + i] === byte)) return what;
  }
  const head = buf.subarray(start, Math.min(end, start + HEAD_BYTES));
  return confluent(head) ?? utf16(head) ?? protobuf(head) ?? textForm(head);
}

function confluent(head: Uint8Array): string | undefined {
  if (head.length <= CONFLUENT_HEAD_BYTES || head[0] !== 0) return undefined;
  const schema = ((head[1]! << 24) | (head[2]! << 16) | (head[3]! << 8) | head[4]!) >>> 0;
  // Above this it is no id but any four bytes.
  if (schema > 0xff_ff_ff) return undefined;
  const inside = head[CONFLUENT_HEAD_BYTES] === 0x7b ? "with JSON behind it" : "of Avro or Protobuf";
  return `it is framed for a schema registry (byte 0 and schema ${schema}), ${inside}: configure the producer to write plain JSON without that frame`;
}

/** ASCII with two bytes per letter has a zero at every second place. */
function utf16(head: Uint8Array): string | undefined {
  if (head.length < 4) return undefined;
  const zeroAt = (at: number): boolean =>
    head[at] === 0 && head[at + 2] === 0 && head[1 - at] !== 0 && head[3 - at] !== 0;
  return zeroAt(0) || zeroAt(1) ? "it looks like UTF-16: write it as UTF-8" : undefined;
}

/** Recognises binary data by control characters that no text has. Protobuf usually begins with the tag of field 1. */
function protobuf(head: Uint8Array): string | undefined {
  const first = head[0] ?? 0;
  // JSON with a control character in it is still JSON.
  if (/^[{["]/.test(Buffer.from(head).toString("latin1").trimStart())) return undefined;
  const isTag = first === 0x08 || first === 0x0a || first === 0x0d;
  const binary = head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (!binary) return undefined;
  return isTag
    ? "it looks like Protobuf or other binary data: configure the producer to write JSON"
    : "it is binary data: configure the producer to write JSON";
}

function textForm(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString("latin1").trimStart();
  const first = text[0] ?? "";
  if (first === "<") return "it looks like XML or HTML: write JSON";
  if (/^\{\s*'/.test(text)) return "names and texts stand in double quotes, not in single ones";
  if (/^\{\s*[A-Za-z_]/.test(text)) return "names stand in double quotes";
  if (/^data:/.test(text)) return "it looks like an event stream: send what stands behind `data:`";
  if (/^---\s/.test(text)) return "it looks like YAML: write JSON";
  const [line = ""] = text.split("\n", 1);
  if (/^["{[]/.test(line) && !/^"[^"]*"[,;\t]/.test(line)) return undefined;
  const cells = Math.max(...[",", ";", "\t", "|"].map((mark) => line.split(mark).length));
  return cells >= CELLS_MIN ? `it looks like a line of a table (CSV): ${FROM_TABLE}` : undefined;
}
