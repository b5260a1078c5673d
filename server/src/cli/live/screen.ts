/** The whole terminal as a page that is redrawn in place, with its keys. `close` restores the terminal. */
import type { ReadStream } from "node:tty";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";

const ESCAPE = "\x1b";
/** The sequence of a key, a lone escape, or one character. */
const KEY_PATTERN = new RegExp(`${ESCAPE}(?:\\[[0-9;]*[A-Za-z~]|O[A-Z])?|[^]`, "g");

export type Key = "left" | "right" | "up" | "down" | "pageUp" | "pageDown" | "home" | "end" | "quit" | string;

const SEQUENCES: Readonly<Record<string, Key>> = {
  "\x1b[A": "up",
  "\x1b[B": "down",
  "\x1b[C": "right",
  "\x1b[D": "left",
  "\x1bOA": "up",
  "\x1bOB": "down",
  "\x1bOC": "right",
  "\x1bOD": "left",
  "\x1b[5~": "pageUp",
  "\x1b[6~": "pageDown",
  // Home and End differ among terminals: xterm, its application mode, the Linux console and tmux, rxvt.
  "\x1b[H": "home",
  "\x1b[F": "end",
  "\x1bOH": "home",
  "\x1bOF": "end",
  "\x1b[1~": "home",
  "\x1b[4~": "end",
  "\x1b[7~": "home",
  "\x1b[8~": "end",
  "\x03": "quit",
  q: "quit",
  Q: "quit",
};

export class Screen {
  readonly #write: (text: string) => void;
  readonly #input: ReadStream | undefined;
  readonly #onData: (bytes: Buffer) => void;
  readonly #onExit = (): void => this.#restore();
  #open = true;

  /** `input` is stdin if it is a terminal. Undefined: there are no keys. */
  constructor(write: (text: string) => void, input: ReadStream | undefined, onKey: (key: Key) => void) {
    this.#write = write;
    this.#input = input;
    this.#onData = (bytes) => {
      for (const key of readKeys(bytes.toString("latin1"))) onKey(key);
    };
    write(ENTER);
    // An unexpected exit must not leave the terminal without a cursor.
    process.on("exit", this.#onExit);
    input?.setRawMode(true);
    input?.on("data", this.#onData);
    input?.resume();
  }

  /**
   * Draws lines for the whole height, from the top. Each line is cleared before it is written. After a line of the full width the
   * cursor stands on its last character, and clearing would delete that.
   */
  draw(lines: readonly string[]): void {
    if (this.#open) this.#write(`${HOME}${lines.map((line) => CLEAR_LINE + line).join("\r\n")}`);
  }

  close(): void {
    process.off("exit", this.#onExit);
    this.#restore();
  }

  #restore(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#input?.off("data", this.#onData);
    this.#input?.setRawMode(false);
    this.#input?.pause();
    this.#write(LEAVE);
  }
}

/** Reads the keys in the input of a terminal; there may be several. Unknown sequences are ignored. */
export function readKeys(text: string): Key[] {
  const keys: Key[] = [];
  for (const [token] of text.matchAll(KEY_PATTERN)) {
    const key = SEQUENCES[token] ?? (token.length === 1 && token !== ESCAPE ? token : undefined);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}
