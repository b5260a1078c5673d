/** Joins parts to one line of a live view, as many as fit. */
import { displayWidth, safeText } from "../table.ts";
import type { Paint, Style } from "./style.ts";

export type Part = { readonly text: string; readonly style?: Style | undefined };

const GAP = " · ";

/** Joins the parts from the first to the last that fits. The first is cut if it does not fit. */
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
