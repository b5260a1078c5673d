import { printableLines } from "../shared/printable-text.ts";

/** The output of commands, and the abilities of the terminal. Commands get it as an argument, so tests need no process. */
export type Output = {
  /** Writes a result, in lines. Control characters are made printable. */
  readonly out: (text: string) => void;
  /** Writes bytes of a result. Resolves when the buffer may be used again. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Writes progress, warnings and errors. Control characters are made printable. */
  readonly err: (text: string) => void;
  /** Writes control sequences to the terminal of `out`. The caller makes foreign text in them printable. */
  readonly draw: (sequences: string) => void;
  /** As `draw`, to the terminal of `err`. */
  readonly errDraw: (sequences: string) => void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether terminals understand cursor movement. A dumb terminal gets lines only. */
  readonly movesCursor: boolean;
  /** Width of the terminal in characters. A fixed width without a terminal. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** Whether colours may be used on `out`. */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sets a handler for the end of the reader of `out`, for commands that continue then. Without it the process ends. */
  readonly onOutClosed: (handler: () => void) => void;
};

const COLUMNS_ELSEWHERE = 120;
const ROWS_ELSEWHERE = 40;

export function processOutput(): Output {
  const outIsTerminal = process.stdout.isTTY === true;
  // https://no-color.org: any value except the empty one turns colours off.
  const isDumb = process.env.TERM === "dumb";
  const isPlain = (process.env.NO_COLOR ?? "") !== "" || isDumb;
  const draw = (text: string): void => void process.stdout.write(text);
  const errDraw = (text: string): void => void process.stderr.write(text);
  let onClosed = (): void => process.exit(0);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `swapstats generate | head` closes the pipe, which is not a failure.
    if (error.code === "EPIPE") onClosed();
    else process.exit(1);
  });
  return {
    out: (text) => draw(printableLines(text)),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    err: (text) => errDraw(printableLines(text)),
    draw,
    errDraw,
    outIsTerminal,
    errIsTerminal: process.stderr.isTTY === true,
    movesCursor: !isDumb,
    columns: () => process.stdout.columns || COLUMNS_ELSEWHERE,
    rows: () => process.stdout.rows || ROWS_ELSEWHERE,
    colour: outIsTerminal && !isPlain,
    env: process.env,
    onOutClosed: (handler) => {
      onClosed = handler;
    },
  };
}
