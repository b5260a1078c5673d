/**
 * The end of each partition of the log at its last commit, in a small file next to the database. It is written after
 * the commit and before anyone is told of it. SQLite silently drops everything behind the first damaged frame of its
 * WAL, as it has to for a transaction that a crash cut. Only these numbers tell such a loss from a crash, and keep the
 * lost offsets from being used again.
 *
 * The file is not synced. After a crash of the process it is exact. After a power failure it may be older than the log,
 * which is synced, so it never raises a false alarm. Two slots are written in turn: when one is cut in the middle, the
 * other is intact.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { readRegularFile } from "../../shared/read-regular-file.ts";

/** u32 crc of the rest, u32 count of partitions, f64 sequence, then f64 for each partition. */
const SLOT_HEADER_BYTES = 16;

/** Two slots of as many partitions as a configuration may have are 16 KiB. */
const POSITIONS_BYTES_MAX = 1024 * 1024;

export type PositionsFile = {
  /** Returns the newest valid slot; undefined: there is no file, or neither slot is valid. */
  load(): number[] | undefined;
  save(ends: readonly number[]): void;
  close(): void;
};

function readSlot(slot: Buffer, partitions: number): { sequence: number; ends: number[] } | undefined {
  if (slot.length < SLOT_HEADER_BYTES + 8 * partitions) return undefined;
  if (slot.readUInt32LE(4) !== partitions || slot.readUInt32LE(0) !== crc32(slot.subarray(4))) return undefined;
  const ends = Array.from({ length: partitions }, (_, i) => slot.readDoubleLE(SLOT_HEADER_BYTES + 8 * i));
  return { sequence: slot.readDoubleLE(8), ends };
}

/** Reads the file at `path`, for reports; undefined when there is none or neither slot is valid. */
export function readPositions(path: string, partitions: number): number[] | undefined {
  return readNewest(path, partitions)?.ends;
}

function readNewest(path: string, partitions: number): { sequence: number; ends: number[] } | undefined {
  let bytes: Buffer;
  try {
    bytes = readRegularFile(path, POSITIONS_BYTES_MAX);
  } catch {
    return undefined;
  }
  const slotBytes = SLOT_HEADER_BYTES + 8 * partitions;
  const first = readSlot(bytes.subarray(0, slotBytes), partitions);
  const second = readSlot(bytes.subarray(slotBytes, 2 * slotBytes), partitions);
  if (first === undefined || second === undefined) return first ?? second;
  return first.sequence > second.sequence ? first : second;
}

/** A pipe would take the positions and return none, and a write to a full pipe waits. */
function openRegular(path: string): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error(`${path} is not a regular file`);
}

/** Opens the file, and creates it when it is missing. Throws the system's error when it cannot be opened. */
export function openPositionsFile(path: string, partitions: number): PositionsFile {
  const slotBytes = SLOT_HEADER_BYTES + 8 * partitions;
  const found = readNewest(path, partitions);
  let sequence = found?.sequence ?? 0;
  const fd = openRegular(path);
  const slot = Buffer.alloc(slotBytes);
  return {
    load: () => found?.ends,
    save(ends) {
      sequence++;
      slot.writeUInt32LE(partitions, 4);
      slot.writeDoubleLE(sequence, 8);
      for (let i = 0; i < partitions; i++) slot.writeDoubleLE(ends[i]!, SLOT_HEADER_BYTES + 8 * i);
      slot.writeUInt32LE(crc32(slot.subarray(4)), 0);
      writeSync(fd, slot, 0, slotBytes, (sequence % 2) * slotBytes);
    },
    close: () => closeSync(fd),
  };
}
