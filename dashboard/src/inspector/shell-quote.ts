/** Texts that are pasted into a POSIX shell, into JSON and into TypeScript, and mean there what they mean here. */
import { escapeUnseen } from "./unseen.ts";

/** Nothing happens to these characters outside of quotes. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** Returns the text as one word of a shell. Within single quotes a shell changes nothing. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Returns the JSON of a value in one line. Unseen characters are escaped, so that they survive every terminal and clipboard. */
export const safeJson = (value: unknown): string => escapeUnseen(JSON.stringify(value));
