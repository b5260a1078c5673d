/**
 * One side of the comparison in a separate process, started by `fork` with the side and a file: the command `replay`, or a reader that
 * splits the file into lines and parses each. Reports the time of the process since its start, and ends.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Output } from "../../server/src/cli/output.ts";
import { EXIT, runCli } from "../../server/src/cli/run.ts";

export type SideReport = { readonly lines: number; readonly seconds: number; readonly cpuSeconds: number };

const CHUNK_BYTES = 4 * 1024 * 1024;
const LINE_FEED = 10;
const ACCEPTED = /([\d,]+) accepted/;

/** Parses each line of the file. Returns the number of lines. */
function parseLines(path: string): number {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const file = openSync(path, "r");
  let kept = 0;
  let lines = 0;
  let sum = 0;
  for (;;) {
    const bytes = readSync(file, buffer, kept, CHUNK_BYTES - kept, null);
    if (bytes === 0) break;
    const end = kept + bytes;
    let start = 0;
    for (let feed = buffer.indexOf(LINE_FEED); feed !== -1 && feed < end; feed = buffer.indexOf(LINE_FEED, start)) {
      sum += JSON.parse(buffer.toString("utf8", start, feed)).event_time;
      lines += 1;
      start = feed + 1;
    }
    buffer.copyWithin(0, start, end);
    kept = end - start;
  }
  closeSync(file);
  if (!(sum > 0)) throw new Error("nothing was parsed");
  return lines;
}

/** Replays the file. Returns how many records the engine accepted. */
async function replay(path: string): Promise<number> {
  let text = "";
  const output: Output = {
    out: (piece) => {
      text += piece;
    },
    write: async () => {},
    err: () => {},
    draw: () => {},
    errDraw: () => {},
    movesCursor: false,
    onOutClosed: () => {},
    outIsTerminal: false,
    errIsTerminal: false,
    columns: () => 120,
    rows: () => 40,
    colour: false,
    env: {},
  };
  const code = await runCli(["replay", path], output, new AbortController().signal);
  const accepted = ACCEPTED.exec(text)?.[1];
  if (code !== EXIT.fine || accepted === undefined) throw new Error(`replay ended with ${code}`);
  return Number(accepted.replaceAll(",", ""));
}

const [side = "", path = ""] = process.argv.slice(2);
const lines = side === "replay" ? await replay(path) : parseLines(path);
const { user, system } = process.cpuUsage();
const taken: SideReport = { lines, seconds: performance.now() / 1000, cpuSeconds: (user + system) / 1e6 };
process.send?.(taken, () => process.disconnect());
