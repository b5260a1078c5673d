/** An output that keeps what commands write. */
import type { Output } from "../../src/cli/output.ts";

export type MemoryOutput = Output & { readonly outText: () => string; readonly errText: () => string };

export function memoryOutput(env: Readonly<Record<string, string | undefined>> = {}): MemoryOutput {
  const out: Uint8Array[] = [];
  let err = "";
  return {
    out: (text) => void out.push(Buffer.from(text)),
    write: async (bytes) => void out.push(new Uint8Array(bytes)),
    err: (text) => {
      err += text;
    },
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
