/** Collects the dead letters of a replay: counts all, keeps the first few to list them, and writes all to a file. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { isDeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut, printableJson } from "../../shared/printable-text.ts";
import { diagnose } from "./diagnosis.ts";
import type { RowFault } from "./rows.ts";

/** Dead letters that are listed. */
const LISTED_MAX = 10;
const WHOLE_ROW = "(row)";
const MESSAGE_LENGTH_MAX = 400;
const WRITE_BYTES = 256 * 1024;

type DeadLetter = {
  readonly file: string;
  readonly row: number;
  readonly code: string;
  /** `(row)` when the fault is not in one field. */
  readonly field: string;
  readonly value: string;
  readonly message: string;
  readonly raw: string;
};

export class DeadLetters {
  readonly listed: DeadLetter[] = [];
  readonly #names: readonly string[];
  readonly #codes = new Map<string, number>();
  readonly #path: string | undefined;
  readonly #descriptor: number | undefined;
  #count = 0;
  #pending: string[] = [];
  #pendingChars = 0;
  #written = 0;

  /** `names` are the names of the files. `path`: file for all dead letters, as NDJSON. Throws `storage_failed`. */
  constructor(names: readonly string[], path: string | undefined) {
    this.#names = names;
    this.#path = path;
    try {
      this.#descriptor = path === undefined ? undefined : openSync(path, "w", 0o600);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Counts, by code. */
  get codes(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#codes);
  }

  /** Whether the next dead letter is kept with its texts, and not only counted. */
  get wantsText(): boolean {
    return this.#descriptor !== undefined || this.listed.length < LISTED_MAX;
  }

  /** Notes a record that is refused with a code. `message`: a reason from elsewhere, such as the service. */
  note(file: number, row: number, code: string, bytes: Uint8Array, start: number, end: number, message?: string): void {
    if (!this.wantsText) {
      this.#add(code);
      return;
    }
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
    const { field, value, hint } = diagnose(code, raw);
    const said = message ?? (isDeadLetterCode(code) ? refusalText(code, bytes, start, end) : code);
    const text = hint === undefined ? said : `${said}; ${hint}`;
    this.#keep({ file: this.#name(file), row, code, field: field ?? WHOLE_ROW, value, message: text, raw });
  }

  /** Notes a row that made no record. */
  noteFault(file: number, { row, code, field, value, message, raw }: RowFault): void {
    if (!this.wantsText) this.#add(code);
    else this.#keep({ file: this.#name(file), row, code, field: field ?? WHOLE_ROW, value, message, raw });
  }

  /** Forgets everything, because the files are read again from the start. */
  reset(): void {
    this.listed.length = 0;
    this.#codes.clear();
    this.#count = 0;
    this.#pending = [];
    this.#pendingChars = 0;
    this.#written = 0;
    if (this.#descriptor !== undefined) ftruncateSync(this.#descriptor, 0);
  }

  /** Writes buffered dead letters, and closes the file. Throws `storage_failed`. */
  close(): void {
    if (this.#descriptor === undefined) return;
    try {
      this.#flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #name(file: number): string {
    return this.#names[file] ?? "?";
  }

  #add(code: string): void {
    this.#count++;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  #keep(letter: DeadLetter): void {
    this.#add(letter.code);
    if (this.listed.length < LISTED_MAX) this.listed.push(letter);
    if (this.#descriptor === undefined) return;
    const line = `${printableJson(JSON.stringify(letter))}\n`;
    this.#pending.push(line);
    this.#pendingChars += line.length;
    if (this.#pendingChars >= WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(this.#pending.join(""));
    this.#pending = [];
    this.#pendingChars = 0;
    try {
      for (let at = 0; at < bytes.length; ) {
        const written = writeSync(this.#descriptor as number, bytes, at, bytes.length - at, this.#written);
        at += written;
        this.#written += written;
      }
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  #failed(cause: unknown): SwapstatsError {
    const message = `the dead letters cannot be written to ${printableCut(this.#path ?? "", 200)} (${(cause as Error).message}); name another file`;
    return new SwapstatsError("storage_failed", message, { cause });
  }
}

/** Returns lines for people: the first dead letters, each with its place, its field and its value. */
export function deadLetterLines(letters: DeadLetters): string[] {
  if (letters.count === 0) return [];
  const lines = letters.listed.map(({ file, row, code, value, message }) => {
    const text = printableCut(message, MESSAGE_LENGTH_MAX);
    // When the fault is not in one field, the row itself is shown.
    const shown = printableCut(value);
    const seen = value === "" || text.includes(shown) ? "" : `: "${shown}"`;
    return `  ${file}, row ${row}: ${code}: ${text}${seen}`;
  });
  const more = letters.count - letters.listed.length;
  if (more > 0) lines.push(`  and ${more} more; --dead-letters FILE writes all of them`);
  return [`${letters.count === 1 ? "One record is not a swap" : `${letters.count} records are not swaps`}:`, ...lines];
}
