/**
 * Counts repeated messages instead of writing them. A client that makes the service log a line for each request must not be able to fill
 * a disk. The first messages of a kind in a span pass, the rest is counted, and one line at the end of the span says how many there were.
 */

export const SPAN_MS = 10_000;
/** Messages of one kind that pass in a span. */
export const PASSED_PER_SPAN_MAX = 50;
/** Kinds are distinguished by their text, of which the program has some dozens. Further kinds share one. */
export const KINDS_MAX = 256;
const OTHER = "(messages of other kinds)";

type Kind = { passed: number; held: number };

export class RepeatFilter<L extends string> {
  readonly #report: (level: L, kind: string, held: number) => void;
  readonly #kinds = new Map<string, Kind & { readonly level: L; readonly kind: string }>();
  #timer: NodeJS.Timeout | undefined;

  /** `report` is called at the end of a span for each kind that had messages held back. */
  constructor(report: (level: L, kind: string, held: number) => void) {
    this.#report = report;
  }

  /** Returns whether this message may be written. */
  passes(level: L, text: string): boolean {
    const key = `${level} ${text}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined && this.#kinds.size >= KINDS_MAX) kind = this.#kinds.get(`${level} ${OTHER}`);
    if (kind === undefined) {
      const name = this.#kinds.size >= KINDS_MAX ? OTHER : text;
      kind = { passed: 0, held: 0, level, kind: name };
      this.#kinds.set(`${level} ${name}`, kind);
    }
    // The span begins with its first message, so a service that logs nothing needs no timer.
    this.#timer ??= setTimeout(() => this.#endSpan(), SPAN_MS).unref();
    if (kind.passed < PASSED_PER_SPAN_MAX) {
      kind.passed++;
      return true;
    }
    kind.held++;
    return false;
  }

  #endSpan(): void {
    this.#timer = undefined;
    const held = [...this.#kinds.values()].filter((kind) => kind.held > 0);
    this.#kinds.clear();
    for (const { level, kind, held: count } of held) this.#report(level, kind, count);
  }
}
