/**
 * The partition of a token. The key is the canonical token id, `<chain_id>:<token>` in UTF-8. The partition is murmur2 of the key, sign bit
 * cleared, modulo the number of partitions: the rule of Kafka's default partitioner. A producer in any language that uses the id as its
 * record key and the embedded log therefore put a token into the partition of the same number. The rule must never change: the state of a
 * token lives where its hash says.
 *
 * Source: MurmurHash2 by Austin Appleby (public domain), 32 bits, with the seed that Kafka uses.
 */
const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;
const ROTATION = 24;
/** `4294967295:` and a token of at most 128 bytes. */
const KEY_BYTES_MAX = 11 + 128;
const COLON = 0x3a;
const ZERO = 0x30;

/** Returns murmur2 of bytes[0, length) as an unsigned 32-bit integer. */
export function murmur2(bytes: Uint8Array, length: number): number {
  let hash = SEED ^ length;
  const wholeEnd = length & ~3;
  for (let i = 0; i < wholeEnd; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> ROTATION;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  const rest = length - wholeEnd;
  if (rest === 3) hash ^= bytes[wholeEnd + 2]! << 16;
  if (rest >= 2) hash ^= bytes[wholeEnd + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wholeEnd]!, MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Reused for each key: a key is built, hashed and discarded within one call. */
const key = new Uint8Array(KEY_BYTES_MAX);

/** Returns the partition, 0 to partitions - 1, of the token whose canonical text is bytes[start, end) (at most 128 bytes) on this chain. */
export function partitionOfToken(
  chainId: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): number {
  if (partitions === 1) return 0;
  let digits = 1;
  for (let rest = chainId; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = chainId;
  for (let i = digits - 1; i >= 0; i--) {
    const next = Math.floor(rest / 10);
    key[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  key[digits] = COLON;
  let length = digits + 1;
  for (let i = start; i < end; i++) key[length++] = bytes[i]!;
  return (murmur2(key, length) & 0x7fffffff) % partitions;
}

/**
 * Orders partitions that hold the same token, against the rule, by which of them speaks for it: first the partition of its id, which
 * receives its swaps after partitions were added, then the lowest. Negative: `a` goes before `b`.
 */
export function compareHomes(id: string, partitions: number, a: number, b: number): number {
  if (a === b) return 0;
  const home = partitions > 0 ? partitionOfTokenId(id, partitions) : -1;
  if (a === home || b === home) return a === home ? -1 : 1;
  return a - b;
}

const encoder = new TextEncoder();

/** Returns the partition of a canonical id as text, such as `1:0xc02a...`. */
export function partitionOfTokenId(id: string, partitions: number): number {
  if (partitions === 1) return 0;
  const bytes = encoder.encode(id);
  return (murmur2(bytes, bytes.length) & 0x7fffffff) % partitions;
}
