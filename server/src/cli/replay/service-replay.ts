/** Replay into a running service, or into a Kafka topic. */
import { type Config, toEngineConfig } from "../../config/config.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import { ServiceClient } from "../service-client.ts";
import { type SentCounts, ServiceSink } from "../service-sink.ts";
import { graceOf } from "./embedded-replay.ts";
import { ExternalSort } from "./external-sort.ts";
import { feedSink, feedSort, type SwapSink } from "./feed.ts";
import type { ReplayInput, ReplayOptions, Step } from "./replay-options.ts";

/** How long the last records may take until they are in the counters. */
const AT_REST_MS_MAX = 30_000;

export async function replayToService(
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  url: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const client = new ServiceClient(url, signal);
  // Asked first, so that a wrong address is noticed before a long sort.
  await client.status();
  const sink = new ServiceSink(client);
  await replayToSink(sink, input, options, config, output, signal);
  const { counters } = await client.statusAtRest(AT_REST_MS_MAX);
  if (options.format === "json") output.out(`${JSON.stringify({ ...sink.counts, counters })}\n`);
  else output.out(countsText(sink.counts, counters, url));
}

/** Into a Kafka topic, which has nothing to answer but that it took them. */
export async function replayToKafka(
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  to: string,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { KafkaSink, kafkaCountsText, kafkaTarget } = await import("../kafka-sink.ts");
  const target = kafkaTarget(to, config);
  const sink = await KafkaSink.open(target, config.app.chains);
  try {
    await replayToSink(sink, input, options, config, output, signal);
  } finally {
    await sink.close();
  }
  if (options.format === "json") output.out(`${JSON.stringify(sink.counts)}\n`);
  else output.out(kafkaCountsText(sink.counts, target.label));
}

async function replayToSink(
  sink: SwapSink,
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const settings = toEngineConfig(config);
  const sorted =
    options.order === "time" ||
    (options.order === "auto" && !(await input.isInOrder(settings, graceOf(settings), signal)));
  if (sorted && options.order === "auto") {
    output.err("The swaps are out of order beyond grace; sorting them by time first.\n");
  }
  const feed = ({ chunks, onChunk }: Step): Promise<void> => feedSink(sink, chunks, options.speed, signal, onChunk);
  const sort = new ExternalSort();
  try {
    if (sorted) {
      const step = input.step("sort", signal);
      await feedSort(sort, step.chunks, step.onChunk);
      await feed(input.stepOver("send", sort.sorted(), signal));
    } else {
      await feed(input.step("send", signal));
    }
  } finally {
    sort.dispose();
  }
}

function countsText(counts: SentCounts, counters: Record<string, unknown>, url: string): string {
  const codes = Object.entries(counts.rejected);
  const rejected = codes.reduce((sum, [, count]) => sum + count, 0);
  const list = codes.map(([code, count]) => `${groupDigits(count)} ${code}`).join(", ");
  const lines = [
    `${groupDigits(counts.sent)} sent, ${groupDigits(counts.accepted)} accepted, ${groupDigits(rejected)} rejected${list === "" ? "" : ` (${list})`}`,
    ...counts.examples.map(({ record, code, message }) => `  record ${groupDigits(record)}: ${code}: ${message}`),
    `counters of ${url}:`,
    ...Object.entries(counters).map(([name, value]) => `  ${name} ${shown(value)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function shown(value: unknown): string {
  return typeof value === "number" ? groupDigits(value) : JSON.stringify(value);
}
