/** Plain text tables: columns as wide as their widest cell, numbers to the right. */
import { printableText } from "../shared/printable-text.ts";

export type Column = { readonly title: string; readonly align: "left" | "right" };

const GAP = "  ";

/** Returns lines without line feeds, the title row first. Cells have no control characters. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, index) =>
    rows.reduce((width, row) => Math.max(width, displayWidth(row[index] ?? "")), displayWidth(column.title)),
  );
  const titles = columns.map(({ title }) => title);
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, index) => pad(row[index] ?? "", widths[index] ?? 0, align))
      .join(GAP)
      .trimEnd(),
  );
}

export function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** Returns the approximate width on a terminal: East Asian characters and emoji take two columns, combining marks none. */
export function displayWidth(text: string): number {
  // True for nearly all cells, and much faster than checking each character.
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\u200d/u.test(character)) continue;
    width +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

/** Makes foreign text (symbols, messages) safe for a terminal: no control characters, cut to a width. */
export function safeText(text: string, width: number): string {
  const clean = printableText(text);
  if (displayWidth(clean) <= width) return clean;
  let kept = "";
  for (const character of clean) {
    if (displayWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** `1:0xc02aaa…756cc2`: the chain and both ends of the address, which people compare. No wider than `width`. */
export function shortId(id: string, width: number): string {
  const clean = printableText(id);
  if (displayWidth(clean) <= width) return clean;
  const colon = clean.indexOf(":");
  const chain = clean.slice(0, colon + 1);
  const address = [...clean.slice(colon + 1)];
  const kept = Math.max(2, Math.floor((width - chain.length - 1) / 2));
  return safeText(`${chain}${address.slice(0, kept).join("")}…${address.slice(-kept).join("")}`, width);
}

/** Returns the first text that fits the width. `texts` go from long to short. Otherwise the last one, cut. */
export function firstFitting(texts: readonly string[], width: number): string {
  const fits = texts.find((text) => displayWidth(text) <= width);
  return safeText(fits ?? texts.at(-1) ?? "", width);
}
