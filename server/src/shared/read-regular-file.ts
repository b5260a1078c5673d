/** Reads small files that a person names: a configuration, a secret, a certificate, a mapping. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Limit of a certificate file. A system's whole bundle has a few hundred KiB. */
export const PEM_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Returns the bytes of a regular file. Throws an error that says what the file is instead, or that it is larger than `bytesMax`, or the
 * system's error. Pipes and devices are refused: opening one may block for ever, and reading one may never end.
 */
export function readRegularFile(path: string, bytesMax: number): Buffer {
  if (path.includes("\0")) throw new Error("its name holds a NUL character");
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error(`it is ${stats.isDirectory() ? "a folder" : "not a regular file"}`);
    // One byte more than the limit detects a file that grows, and a file whose size the system does not know (/proc).
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (;;) {
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      length += read;
      if (length > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
      if (read === 0) return bytes.subarray(0, length);
    }
  } finally {
    closeSync(fd);
  }
}

/** Returns the text of the file without a byte order mark. Throws when it is not UTF-8. */
export function readTextFile(path: string, bytesMax: number): string {
  const bytes = readRegularFile(path, bytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not UTF-8 text");
  }
}
