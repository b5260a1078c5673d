import { printableLines } from "../shared/printable-text.ts";

/** Where commands write, and what the places can show; given to commands so that tests need no process. */
export type Output = {
  /** Results: what a person or a pipe asked for. Lines; whatever a terminal would act on in them is made printable. */
  readonly out: (text: string) => void;
  /** Bytes of a result; resolves when they are handed on and the buffer may be used again. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Progress, warnings, errors; made printable as `out` is. */
  readonly err: (text: string) => void;
  /** Sequences of the program's own for the terminal of `out`; foreign text in them has been made printable before. */
  readonly draw: (sequences: string) => void;
  /** The same for the terminal of `err`. */
  readonly errDraw: (sequences: string) => void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** True where terminals move their cursor when they are told to; a dumb one gets lines alone. */
  readonly movesCursor: boolean;
  /** Width of a terminal in characters; a fixed width elsewhere. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** True where colours may be used on `out`. */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For commands that go on when nobody reads `out` any more; without it the process ends. */
  readonly onOutClosed: (handler: () => void) => void;
};

const COLUMNS_ELSEWHERE = 120;
const ROWS_ELSEWHERE = 40;

export function processOutput(): Output {
  const outIsTerminal = process.stdout.isTTY === true;
  // https://no-color.org: any value but the empty one turns colours off.
  const isDumb = process.env.TERM === "dumb";
  const isPlain = (process.env.NO_COLOR ?? "") !== "" || isDumb;
  const draw = (text: string): void => void process.stdout.write(text);
  const errDraw = (text: string): void => void process.stderr.write(text);
  let onClosed = (): void => process.exit(0);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `swapstats generate | head` ends the pipe; that is no failure.
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
