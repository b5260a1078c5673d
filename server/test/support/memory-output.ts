/** An output that keeps the text that commands write. */
import type { Output } from "../../src/cli/output.ts";
import { printableLines } from "../../src/shared/printable-text.ts";

type MemoryOutput = Output & { readonly outText: () => string; readonly errText: () => string };

export function memoryOutput(env: Readonly<Record<string, string | undefined>> = {}): MemoryOutput {
  const out: Uint8Array[] = [];
  let err = "";
  const draw = (text: string): void => void out.push(Buffer.from(text));
  const errDraw = (text: string): void => {
    err += text;
  };
  return {
    out: (text) => draw(printableLines(text)),
    write: async (bytes) => void out.push(new Uint8Array(bytes)),
    err: (text) => errDraw(printableLines(text)),
    draw,
    errDraw,
    movesCursor: true,
    onOutClosed: () => undefined,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: () => 120,
    rows: () => 40,
    colour: false,
    env,
    outText: () => Buffer.concat(out).toString(),
    errText: () => err,
  };
}
