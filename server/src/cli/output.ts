/** Where commands write, and what the places can show; given to commands so that tests need no process. */
export type Output = {
  /** Results: what a person or a pipe asked for. */
  readonly out: (text: string) => void;
  /** Bytes of a result; resolves when they are handed on and the buffer may be used again. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Progress, warnings, errors. */
  readonly err: (text: string) => void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Width of a terminal in characters; a fixed width elsewhere. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** True where colours may be used on `out`. */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
};

const COLUMNS_ELSEWHERE = 120;
const ROWS_ELSEWHERE = 40;

export function processOutput(): Output {
  const outIsTerminal = process.stdout.isTTY === true;
  // https://no-color.org: any value but the empty one turns colours off.
  const plain = (process.env.NO_COLOR ?? "") !== "" || process.env.TERM === "dumb";
  return {
    out: (text) => void process.stdout.write(text),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    err: (text) => void process.stderr.write(text),
    outIsTerminal,
    errIsTerminal: process.stderr.isTTY === true,
    columns: () => process.stdout.columns || COLUMNS_ELSEWHERE,
    rows: () => process.stdout.rows || ROWS_ELSEWHERE,
    colour: outIsTerminal && !plain,
    env: process.env,
  };
}
