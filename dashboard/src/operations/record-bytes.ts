/** The bytes of a refused record, as text and as hexadecimal digits. They are shown as text, never as markup. */

type RawRecord = {
  /** The text, with bytes that are not UTF-8 replaced. */
  readonly raw: string;
  /** The bytes, if they are not UTF-8. */
  readonly raw_base64?: string | undefined;
};

type HexLine = {
  /** Position of the first byte, in eight hexadecimal digits. */
  readonly at: string;
  readonly hex: string;
  /** The printable ASCII characters, and dots for other bytes. */
  readonly text: string;
};

/** A part of a text: characters as they are, or the name of one that shows as nothing or turns the text around it. */
type TextPart = { readonly text: string; readonly isName: boolean };

export const BYTES_PER_LINE = 16;
/** Longer records were cut by the service. */
export const RECORD_BYTES_MAX = 4_096;

/** Control and format characters, separators of lines, and halves of surrogate pairs. Tabs and ends of lines show as they are. */
const NAMED = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

export function bytesOf({ raw, raw_base64 }: RawRecord): Uint8Array {
  if (raw_base64 === undefined) return new TextEncoder().encode(raw);
  try {
    return Uint8Array.from(atob(raw_base64), (unit) => unit.charCodeAt(0));
  } catch {
    return new TextEncoder().encode(raw);
  }
}

/** Returns whether people read the record more easily in hexadecimal digits. */
export const isBinary = ({ raw, raw_base64 }: RawRecord): boolean => raw_base64 !== undefined || raw.includes("\0");

export function hexLines(bytes: Uint8Array): readonly HexLine[] {
  const lines: HexLine[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const line = [...bytes.subarray(at, at + BYTES_PER_LINE)];
    lines.push({
      at: at.toString(16).padStart(8, "0"),
      hex: line.map((byte, i) => (i === BYTES_PER_LINE / 2 ? " " : "") + byte.toString(16).padStart(2, "0")).join(" "),
      text: line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join(""),
    });
  }
  return lines;
}

/** Cuts a text into what is shown as it is, and names such as U+202E. */
export function textParts(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(NAMED)) {
    if (match.index > end) parts.push({ text: text.slice(end, match.index), isName: false });
    const name = `U+${(match[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0")}`;
    parts.push({ text: name, isName: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isName: false });
  return parts;
}
