/**
 * Progress of long work on stderr: one line that is overwritten on a terminal, or a plain line every few seconds elsewhere. Short
 * work shows nothing.
 */
import { printableText } from "../shared/printable-text.ts";
import type { Output } from "./output.ts";

const TERMINAL_EVERY_MS = 200;
const PLAIN_EVERY_MS = 5_000;
const FIRST_AFTER_MS = 700;

type ProgressState = {
  /** Undefined: only bytes are counted. */
  readonly records: number | undefined;
  /** Bytes of input read, and bytes of all input. 0: unknown. */
  readonly bytesDone: number;
  readonly bytesAll: number;
};

export class Progress {
  readonly #output: Output;
  readonly #label: string;
  readonly #startMs: number;
  #shownMs: number;
  #shown = false;

  constructor(output: Output, label: string, nowMs: number) {
    this.#output = output;
    this.#label = label;
    this.#startMs = nowMs;
    this.#shownMs = nowMs + FIRST_AFTER_MS;
  }

  /** Shows the state unless it is too early. Cheap enough for every batch. */
  update(state: ProgressState, nowMs: number): void {
    const every = this.#isInPlace() ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
    if (nowMs - this.#shownMs < every) return;
    this.#shownMs = nowMs;
    this.#shown = true;
    const line = `${this.#label}: ${progressLine(state, (nowMs - this.#startMs) / 1_000)}`;
    if (this.#isInPlace()) this.#output.errDraw(`\r\x1b[2K${printableText(line)}`);
    else this.#output.err(`${line}\n`);
  }

  /** Removes the line from a terminal. */
  end(): void {
    if (this.#shown && this.#isInPlace()) this.#output.errDraw("\r\x1b[2K");
    this.#shown = false;
  }

  #isInPlace(): boolean {
    return this.#output.errIsTerminal && this.#output.movesCursor;
  }
}

/** `1,200,000 swaps, 310,000/s, 42 %, 6 s remaining` */
export function progressLine(state: ProgressState, seconds: number): string {
  const { records } = state;
  const perSecond = (count: number): number => (seconds > 0 ? Math.round(count / seconds) : 0);
  const parts =
    records === undefined
      ? [`${(state.bytesDone / 1e6).toFixed(1)} MB`, `${(perSecond(state.bytesDone) / 1e6).toFixed(1)} MB/s`]
      : [`${groupDigits(records)} swaps`, `${groupDigits(perSecond(records))}/s`];
  if (state.bytesAll > 0) {
    const share = Math.min(state.bytesDone / state.bytesAll, 1);
    parts.push(`${Math.floor(share * 100)} %`);
    if (share > 0) parts.push(`${formatSeconds((seconds * (1 - share)) / share)} remaining`);
  }
  return parts.join(", ");
}

/** 1234567 gives `1,234,567`. A decimal string keeps its fraction. */
export function groupDigits(value: number | string): string {
  const [whole = "", fraction] = String(value).split(".");
  const grouped = whole.replace(/\B(?=([0-9]{3})+(?![0-9]))/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
