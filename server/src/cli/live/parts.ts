/** One line of a live view from parts, as many as the terminal has room for. */
import { displayWidth, safeText } from "../table.ts";
import type { Paint, Style } from "./style.ts";

export type Part = { readonly text: string; readonly style?: Style | undefined };

const GAP = " · ";

/** The parts from the first to the last that fits; the first is cut where it does not. */
export function lineOfParts(parts: readonly Part[], columns: number, paint: Paint): string {
  const shown: string[] = [];
  let used = 0;
  for (const { text, style } of parts) {
    const gap = shown.length === 0 ? 0 : GAP.length;
    if (shown.length > 0 && used + gap + displayWidth(text) > columns) break;
    const safe = safeText(text, columns);
    used += gap + displayWidth(safe);
    shown.push(style === undefined ? safe : paint(style, safe));
  }
  return shown.join(GAP);
}
