/**
 * Keys and values of the records of the Kafka checkpoint store. Every key holds an id that is made for one attempt and never used
 * again. A record of one writer therefore never displaces another writer's:
 *
 *   m/<partition>/<id>                      a manifest            {"format", "expected"} and a line end, then its bytes, deflated
 *   p/<partition>/<name>/<attempt>          a part is begun       {"format", "chunks"}
 *                                           and then whole        {"format", "chunks", "bytes", "partition", "offsets"}
 *   c/<partition>/<name>/<attempt>/<i>      chunk i of a part     its bytes
 *
 * A record without a value (a tombstone) deletes the earlier record with the same key.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";

const FORMAT = 1;
const NAME_PATTERN = /^[a-z0-9-]{1,100}$/;
const LINE_END = 0x0a;
const PARTS_OF_MANIFEST_KEY = 3;
const PARTS_OF_PART_KEY = 4;

type ManifestValue = {
  /** Id of the manifest that this one replaces. Empty for a first manifest. */
  readonly expected: string;
  /** The manifest, deflated. */
  readonly packed: Buffer;
};

export type PartValue = {
  readonly chunks: number;
  /** Places of the chunks. Undefined while the part is being written. */
  readonly whole:
    | { readonly bytes: number; readonly partition: number; readonly offsets: readonly number[] }
    | undefined;
};

type IndexKey =
  | { readonly kind: "manifest"; readonly partition: number; readonly id: string }
  | { readonly kind: "part"; readonly partition: number; readonly name: string; readonly attempt: string };

export function manifestKey(partition: number, id: string): string {
  return `m/${partition}/${id}`;
}

/** Returns the key of an attempt to write a part. Throws `internal` for an invalid name. */
export function partKey(partition: number, name: string, attempt: string): string {
  if (!NAME_PATTERN.test(name)) throw new SwapstatsError("internal", `"${name}" is no name of a checkpoint part`);
  return `p/${partition}/${name}/${attempt}`;
}

/** Returns the key of a chunk; `part` is the key of its part. */
export function chunkKey(part: string, index: number): string {
  return `c${part.slice(1)}/${index}`;
}

/** Parses the key of a manifest or a part. Returns undefined for chunks and for records of other programs. */
export function readIndexKey(key: string): IndexKey | undefined {
  const fields = key.split("/");
  const partition = Number(fields[1]);
  if (!Number.isSafeInteger(partition)) return undefined;
  if (fields[0] === "m" && fields.length === PARTS_OF_MANIFEST_KEY) {
    return { kind: "manifest", partition, id: fields[2]! };
  }
  if (fields[0] === "p" && fields.length === PARTS_OF_PART_KEY) {
    return { kind: "part", partition, name: fields[2]!, attempt: fields[3]! };
  }
  return undefined;
}

export function encodeManifestValue(bytes: Uint8Array, expected: string): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ format: FORMAT, expected })}\n`), deflateRawSync(bytes)]);
}

/** Parses a manifest record into its own memory. Throws a SyntaxError or a RangeError for a value that is not of this format. */
export function readManifestValue(value: Buffer): ManifestValue {
  const lineEnd = value.indexOf(LINE_END);
  const { expected } = readObject(value.subarray(0, lineEnd)) as { expected: string };
  return { expected, packed: Buffer.from(value.subarray(lineEnd + 1)) };
}

/** Inflates a manifest into its own memory. */
export function unpackManifest(packed: Buffer): Uint8Array {
  return new Uint8Array(inflateRawSync(packed));
}

export function encodePartValue({ chunks, whole }: PartValue): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, chunks, ...whole }));
}

/** Parses a part record. Throws like `readManifestValue`. */
export function readPartValue(value: Buffer): PartValue {
  const { chunks, ...whole } = readObject(value) as { chunks: number } & Partial<NonNullable<PartValue["whole"]>>;
  const { bytes, partition, offsets } = whole;
  const isWhole = bytes !== undefined && partition !== undefined && offsets !== undefined;
  return { chunks, whole: isWhole ? { bytes, partition, offsets } : undefined };
}

function readObject(text: Buffer): object {
  const read = JSON.parse(text.toString()) as { format?: unknown };
  if (read.format === FORMAT) return read;
  throw new RangeError(`a record of the checkpoint topic has format ${read.format}, which a newer version has written`);
}
