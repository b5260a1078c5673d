/** Decompresses the records of a batch, by the codec in its attributes. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";

/** A larger batch counts as damaged: by default a broker accepts batches of 1 MiB, compressed. */
const UNPACKED_BYTES_MAX = 128 * 1024 * 1024;

export const CODEC_NONE = 0;
const CODEC_GZIP = 1;
const CODEC_SNAPPY = 2;
const CODEC_LZ4 = 3;
const CODEC_ZSTD = 4;

/** Java clients write this in front of Snappy data. Blocks follow, each with its length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Returns memory of its own. Throws the codec's error where the bytes are invalid. */
export function unpack(codec: number, packed: Buffer): Buffer {
  const unpacked = unpackBy(codec, packed);
  if (unpacked.length > UNPACKED_BYTES_MAX)
    throw new RangeError(`it decompresses to more than ${UNPACKED_BYTES_MAX} bytes`);
  return unpacked;
}

function unpackBy(codec: number, packed: Buffer): Buffer {
  switch (codec) {
    case CODEC_GZIP:
      return gunzipSync(packed, { maxOutputLength: UNPACKED_BYTES_MAX });
    case CODEC_SNAPPY:
      checkSnappyLength(packed);
      return compressionsAlgorithms.snappy.decompressSync(packed);
    case CODEC_LZ4:
      return compressionsAlgorithms.lz4.decompressSync(packed);
    case CODEC_ZSTD:
      return zstdDecompressSync(packed, { maxOutputLength: UNPACKED_BYTES_MAX });
    default:
      throw new RangeError(`codec ${codec} is unknown`);
  }
}

/** The uncompressed size is in front of each block. A wrong size must not make us allocate that much memory. */
function checkSnappyLength(packed: Buffer): void {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    checkSnappySum(snappyBlockBytes(packed));
    return;
  }
  let sum = 0;
  let at = XERIAL_HEADER_BYTES;
  while (at < packed.length) {
    const bytes = packed.readInt32BE(at);
    at += 4;
    if (bytes <= 0 || at + bytes > packed.length) throw new RangeError("a block of Snappy does not fit");
    sum += snappyBlockBytes(packed.subarray(at, at + bytes));
    checkSnappySum(sum);
    at += bytes;
  }
}

function checkSnappySum(bytes: number): void {
  if (bytes > UNPACKED_BYTES_MAX) throw new RangeError(`it says that it decompresses to ${bytes} bytes`);
}

function snappyBlockBytes(block: Buffer): number {
  let bytes = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    bytes += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return bytes;
  }
  throw new RangeError("the length of a block of Snappy is missing");
}
