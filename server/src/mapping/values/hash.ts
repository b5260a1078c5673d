import { hash } from "node:crypto";

const ABSENT = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const HEX_DIGITS = 32;

/**
 * Returns the first 32 hexadecimal digits of SHA-256 over the texts, or its first 31 bits as an integer. Each text comes with its length in
 * UTF-8 as 4 bytes, big-endian; for an absent one the length is 0xffffffff. So different lists never have the same bytes. Undefined if all are absent.
 */
export function hashTexts(texts: readonly (string | undefined)[], form: "text" | "integer"): string | undefined {
  if (texts.every((text) => text === undefined)) return undefined;
  const parts = texts.flatMap((text) => {
    if (text === undefined) return [ABSENT];
    const bytes = Buffer.from(text);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  const digest = hash("sha256", Buffer.concat(parts), "hex");
  return form === "text" ? digest.slice(0, HEX_DIGITS) : String(Number.parseInt(digest.slice(0, 8), 16) & 0x7fffffff);
}
