/** The command `generate`: synthetic swaps to stdout or to a service. */
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../generator/swap-generator.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { Output } from "./output.ts";
import { groupDigits, Progress } from "./progress.ts";
import { ServiceClient } from "./service-client.ts";
import { ServiceSink } from "./service-sink.ts";

const CHUNK_BYTES = 1024 * 1024;
const TICK_MS = 20;

export type GenerateCommand = {
  readonly generator: GeneratorOptions;
  /** Infinity: without an end. */
  readonly count: number;
  /** Undefined: NDJSON to stdout. */
  readonly url: string | undefined;
};

/** From the options as commander has them. */
export function readGenerateOptions(options: Record<string, unknown>): GenerateCommand {
  const number = (name: string): number => options[name] as number;
  const target = options.to as string;
  const url = target === "ndjson" ? undefined : target === "http" ? (options.url as string) : target;
  const shares = ["duplicates", "late", "future", "removed"].map(number);
  if (shares.reduce((sum, share) => sum + share, 0) > 1) {
    throw new SwapstatsError("usage", "--duplicates, --late, --future and --removed sum up to more than 1; lower them");
  }
  const startMs =
    (options.start as number | undefined) ?? (url === undefined ? GENERATOR_DEFAULTS.startMs : Date.now());
  const generator: GeneratorOptions = {
    ratePerSecond: number("rate"),
    tokens: number("tokens"),
    traders: number("traders"),
    zipf: number("zipf"),
    duplicates: number("duplicates"),
    disorderMs: number("disorder"),
    late: number("late"),
    future: number("future"),
    removed: number("removed"),
    seed: number("seed"),
    startMs,
  };
  return { generator, count: (options.count as number | undefined) ?? Number.POSITIVE_INFINITY, url };
}

export async function runGenerate(command: GenerateCommand, output: Output, signal: AbortSignal): Promise<void> {
  const generator = new SwapGenerator(command.generator);
  if (command.url === undefined) await writeNdjson(generator, command.count, output, signal);
  else await sendToService(generator, command, command.url, output, signal);
}

async function writeNdjson(
  generator: SwapGenerator,
  count: number,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const progress = new Progress(output, "generate", performance.now());
  // Two buffers in turn: one is filled while the other is on its way.
  const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const;
  let writing: Promise<void> = Promise.resolve();
  for (let turn: 0 | 1 = 0; generator.index < count && !signal.aborted; turn = turn === 0 ? 1 : 0) {
    const buffer = buffers[turn];
    let used = 0;
    while (generator.index < count && used + RECORD_BYTES_MAX <= CHUNK_BYTES) used = generator.write(buffer, used);
    await writing;
    writing = output.write(buffer.subarray(0, used));
    if (!output.outIsTerminal) progress.update(stateOf(generator, count), performance.now());
  }
  await writing;
  progress.end();
}

/** Sends swaps when they are due; a service that is slow gets them later, and none is left out. */
async function sendToService(
  generator: SwapGenerator,
  { generator: options, count }: GenerateCommand,
  url: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const sink = new ServiceSink(new ServiceClient(url, signal));
  const progress = new Progress(output, `generate to ${url}`, performance.now());
  const record = new Uint8Array(RECORD_BYTES_MAX);
  // The stream may start at any event time; it runs from now at its rate.
  const offsetMs = performance.now() - options.startMs;
  try {
    while (generator.index < count && !signal.aborted) {
      while (generator.index < count && generator.nextDueMs + offsetMs <= performance.now()) {
        const end = generator.write(record, 0);
        await sink.take(record, 0, end - 1);
      }
      await sink.flush();
      progress.update(stateOf(generator, count), performance.now());
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    await sink.flush();
  } finally {
    progress.end();
  }
  const { sent, accepted, rejected } = sink.counts;
  const codes = Object.entries(rejected).map(([code, number]) => `, ${groupDigits(number)} rejected as ${code}`);
  output.out(`${groupDigits(sent)} sent to ${url}, ${groupDigits(accepted)} accepted${codes.join("")}\n`);
}

function stateOf(generator: SwapGenerator, count: number): { records: number; bytesDone: number; bytesAll: number } {
  const known = Number.isFinite(count);
  return { records: generator.index, bytesDone: known ? generator.index : 0, bytesAll: known ? count : 0 };
}
