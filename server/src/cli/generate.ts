/** The command `generate`: synthetic swaps to stdout, to a service or to a Kafka topic. */
import type { Config } from "../config/config.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../generator/swap-generator.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { Output } from "./output.ts";
import { groupDigits, Progress } from "./progress.ts";
import type { SwapSink } from "./replay/feed.ts";
import { ServiceClient } from "./service-client.ts";
import { ServiceSink } from "./service-sink.ts";

const CHUNK_BYTES = 1024 * 1024;
const TICK_MS = 20;

export type GenerateCommand = {
  readonly generator: GeneratorOptions;
  /** Infinity: the command does not end. */
  readonly count: number;
  /** Address of a service; `kafka` or `kafka://...`: a topic. Undefined: NDJSON to stdout. */
  readonly url: string | undefined;
  /** Token or API key for a service. */
  readonly token: string | undefined;
};

/** Makes the command from the options of commander. */
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
  return {
    generator,
    count: (options.count as number | undefined) ?? Number.POSITIVE_INFINITY,
    url,
    token: options.token as string | undefined,
  };
}

/** Reads the configuration only when the target is a topic. For other targets, a broken configuration file does not matter. */
export async function runGenerate(
  command: GenerateCommand,
  config: () => Config,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const generator = new SwapGenerator(command.generator);
  const { url } = command;
  if (url === undefined) return writeNdjson(generator, command.count, output, signal);
  if (url !== "kafka" && !url.startsWith("kafka:")) return sendToService(generator, command, url, output, signal);
  const { KafkaSink, kafkaCountsText, kafkaTarget } = await import("./kafka-sink.ts");
  const settings = config();
  const target = kafkaTarget(url, settings);
  const sink = await KafkaSink.open(target, settings.app.chains);
  try {
    await sendInTime(sink, generator, command, target.label, output, signal);
  } finally {
    await sink.close();
  }
  output.out(kafkaCountsText(sink.counts, target.label));
}

async function writeNdjson(
  generator: SwapGenerator,
  count: number,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const progress = new Progress(output, "generate", performance.now());
  // Two buffers in turn: one is filled while the other is written.
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

async function sendToService(
  generator: SwapGenerator,
  command: GenerateCommand,
  url: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const sink = new ServiceSink(new ServiceClient(url, signal, command.token));
  await sendInTime(sink, generator, command, url, output, signal);
  const { sent, accepted, rejected } = sink.counts;
  const codes = Object.entries(rejected).map(([code, number]) => `, ${groupDigits(number)} rejected as ${code}`);
  output.out(`${groupDigits(sent)} sent to ${url}, ${groupDigits(accepted)} accepted${codes.join("")}\n`);
}

/** Sends swaps when they are due. A slow sink gets them later; none is dropped. */
async function sendInTime(
  sink: SwapSink,
  generator: SwapGenerator,
  { generator: options, count }: GenerateCommand,
  label: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const progress = new Progress(output, `generate to ${label}`, performance.now());
  const record = new Uint8Array(RECORD_BYTES_MAX);
  // The stream may start at any event time. It runs from now on at its rate.
  const offsetMs = performance.now() - options.startMs;
  try {
    while (generator.index < count && !signal.aborted) {
      while (generator.index < count && generator.nextDueMs + offsetMs <= performance.now()) {
        const end = generator.write(record, 0);
        const behind = sink.take(record, 0, end - 1);
        if (behind !== undefined) await behind;
      }
      await sink.flush();
      progress.update(stateOf(generator, count), performance.now());
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    await sink.flush();
  } finally {
    progress.end();
  }
}

function stateOf(generator: SwapGenerator, count: number): { records: number; bytesDone: number; bytesAll: number } {
  const known = Number.isFinite(count);
  return { records: generator.index, bytesDone: known ? generator.index : 0, bytesAll: known ? count : 0 };
}
