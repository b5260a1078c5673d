/** Replays into a running service, or into a Kafka topic. */
import { type Config, toEngineConfig } from "../../config/config.ts";
import { printableJson } from "../../shared/printable-text.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import { type CounterName, ServiceClient, type ServiceStatus } from "../service-client.ts";
import { type SentCounts, ServiceSink } from "../service-sink.ts";
import { graceOf } from "./embedded-replay.ts";
import { ExternalSort } from "./external-sort.ts";
import { feedSink, feedSort, type SwapSink } from "./feed.ts";
import type { ReplayInput, ReplayOptions, Step } from "./replay-options.ts";
import type { Batch } from "./rows.ts";

/** Time limit for the last records to appear in the counters. */
const AT_REST_MS_MAX = 30_000;

/** Resolves to the number of events that the service applied meanwhile, as far as known. Undefined: the service is not done yet. */
export async function replayToService(
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  url: string,
  output: Output,
  signal: AbortSignal,
): Promise<number | undefined> {
  const client = new ServiceClient(url, signal, options.token);
  // Requested first, so that a wrong address is noticed before a long sort.
  const before = await client.status();
  const sink = new ServiceSink(client, (rejected) => {
    const { file, row, code, bytes, message } = rejected;
    input.dead.note(file, row, code, bytes, 0, bytes.length, message);
  });
  await replayToSink(sink, input, options, config, output, signal);
  const after = await client.statusAtRest(AT_REST_MS_MAX);
  if (options.format === "json")
    output.out(`${printableJson(JSON.stringify({ ...sentJson(sink.counts), counters: after?.counters }))}\n`);
  else output.out(countsText(sink.counts, after?.counters, url));
  if (before !== undefined && after !== undefined) return judge(before, after, output);
  output.err(
    "The token does not permit to see the counters of the service (scope admin), so what became of the swaps is not known.\n",
  );
  return undefined;
}

/** Reports swaps that the service did not count. Other programs may write to it, too, so the differences are those of the time of the command. */
function judge(before: ServiceStatus, after: ServiceStatus, output: Output): number | undefined {
  const grown = (name: CounterName): number => Math.max(0, numberOf(after, name) - numberOf(before, name));
  const lag = after.partitions.reduce((sum, partition) => sum + partition.lag, 0);
  if (lag > 0) {
    output.err(`Warning: ${groupDigits(lag)} records are not applied yet; see GET /api/status.\n`);
  }
  const late = grown("late");
  if (late > 0) {
    output.err(
      `Warning: while this ran the service judged ${groupDigits(late)} swaps late: they are further behind its newest swap than app.grace, and are not counted. A past goes into a stopped service's folder by \`swapstats replay FILE --into DATA_DIR\` (docs/replay.md).\n`,
    );
  }
  const quarantined = grown("quarantined");
  if (quarantined > 0) {
    output.err(
      `Warning: while this ran the service quarantined ${groupDigits(quarantined)} swaps: they are further ahead of its clock than app.max_skew, and are never counted. Check event_time.\n`,
    );
  }
  const applied = grown("applied") + grown("removed");
  const duplicates = grown("duplicates");
  if (applied === 0 && duplicates > 0) {
    output.err(`${groupDigits(duplicates)} swaps were in the service already; copies change nothing.\n`);
  }
  return lag > 0 || after.counters.applied === undefined ? undefined : applied;
}

function numberOf({ counters }: ServiceStatus, name: CounterName): number {
  return counters[name] ?? 0;
}

/** Replays into a Kafka topic. Resolves to the number of acknowledged records. */
export async function replayToKafka(
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  to: string,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { KafkaSink, kafkaCountsText, kafkaTarget } = await import("../kafka-sink.ts");
  const target = kafkaTarget(to, config);
  const sink = await KafkaSink.open(target, config.app.chains, (file, row, code, bytes, start, end) =>
    input.dead.note(file, row, code, bytes, start, end),
  );
  try {
    await replayToSink(sink, input, options, config, output, signal);
  } finally {
    await sink.close();
  }
  if (options.format === "json") output.out(`${printableJson(JSON.stringify(sentJson(sink.counts)))}\n`);
  else output.out(kafkaCountsText(sink.counts, target.label));
  return sink.counts.accepted;
}

/** Sends all swaps to a sink in the requested order. */
export async function replayToSink(
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
    output.err("The swaps are out of order by more than grace; sorting them by time first.\n");
  }
  const onFault = ({ file, faults = [] }: Batch): void => {
    for (const fault of faults) input.dead.noteFault(file, fault);
  };
  const feed = ({ chunks, onChunk }: Step): Promise<void> =>
    feedSink(sink, chunks, options.speed, signal, onFault, onChunk);
  const sort = new ExternalSort();
  try {
    if (sorted) {
      const step = input.step("sort", signal);
      await feedSort(sort, step.chunks, onFault, step.onChunk);
      await feed(input.stepOver("send", sort.sorted(), signal));
    } else {
      await feed(input.step("send", signal));
    }
  } finally {
    sort.dispose();
  }
}

function sentJson({ sent, accepted, rejected }: SentCounts): Omit<SentCounts, "examples"> {
  return { sent, accepted, rejected };
}

function countsText(counts: SentCounts, counters: Record<string, unknown> | undefined, url: string): string {
  const codes = Object.entries(counts.rejected);
  const rejected = codes.reduce((sum, [, count]) => sum + count, 0);
  const list = codes.map(([code, count]) => `${groupDigits(count)} ${code}`).join(", ");
  const lines = [
    `${groupDigits(counts.sent)} sent, ${groupDigits(counts.accepted)} accepted, ${groupDigits(rejected)} rejected${list === "" ? "" : ` (${list})`}`,
    ...(counters === undefined ? [] : [`counters of ${url}:`]),
    ...Object.entries(counters ?? {}).map(([name, value]) => `  ${name} ${shown(value)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function shown(value: unknown): string {
  return typeof value === "number" ? groupDigits(value) : JSON.stringify(value);
}
