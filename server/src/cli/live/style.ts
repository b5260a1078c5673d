/** Colours of a terminal (ECMA-48), or none. Widths are counted before colours are applied. Painted text is made printable. */
import { printableText } from "../../shared/printable-text.ts";

const CODES = {
  bold: ["1", "22"],
  dim: ["2", "22"],
  inverse: ["7", "27"],
  red: ["31", "39"],
  green: ["32", "39"],
  yellow: ["33", "39"],
  cyan: ["36", "39"],
} as const;

export type Style = keyof typeof CODES;
export type Paint = (style: Style, text: string) => string;

export const noPaint: Paint = (_style, text) => printableText(text);

export const ansiPaint: Paint = (style, text) => {
  const [on, off] = CODES[style];
  return `\x1b[${on}m${printableText(text)}\x1b[${off}m`;
};
