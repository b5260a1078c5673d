import { SLOT, SLOT_UNKNOWN } from "./event-fields.ts";

const BUCKETS = 256;
const SHIFT = 24;
const MULTIPLIER = 0x9e3779b1 | 0;
const NAME_BYTES_MAX = 32;

/** Names of the event by hash, found by linear probing; a name is stored as NAME_BYTES_MAX bytes with its length. */
const bucketSlots = new Int8Array(BUCKETS).fill(-1);
const bucketLengths = new Uint8Array(BUCKETS);
const bucketNames = new Uint8Array(BUCKETS * NAME_BYTES_MAX);

function hashOf(buf: Uint8Array, start: number, end: number): number {
  const mixed = (buf[start] << 16) ^ (buf[end - 1] << 8) ^ (buf[end - 2] << 3) ^ (end - start);
  return Math.imul(mixed, MULTIPLIER) >>> SHIFT;
}

for (const [name, slot] of Object.entries(SLOT)) {
  const bytes = new TextEncoder().encode(name);
  let bucket = hashOf(bytes, 0, bytes.length);
  while (bucketSlots[bucket] >= 0) bucket = (bucket + 1) & (BUCKETS - 1);
  bucketSlots[bucket] = slot;
  bucketLengths[bucket] = bytes.length;
  bucketNames.set(bytes, bucket * NAME_BYTES_MAX);
}

/** Returns the slot of the field whose name is buf[start, end), or SLOT_UNKNOWN for a name that the event does not have. */
export function slotOfName(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > NAME_BYTES_MAX) return SLOT_UNKNOWN;
  for (let bucket = hashOf(buf, start, end); bucketSlots[bucket] >= 0; bucket = (bucket + 1) & (BUCKETS - 1)) {
    if (bucketLengths[bucket] === length && isName(buf, start, length, bucket * NAME_BYTES_MAX)) {
      return bucketSlots[bucket];
    }
  }
  return SLOT_UNKNOWN;
}

function isName(buf: Uint8Array, start: number, length: number, nameAt: number): boolean {
  for (let i = 0; i < length; i++) if (buf[start + i] !== bucketNames[nameAt + i]) return false;
  return true;
}
