/** Replays through an engine of this process. As-of follows the highest event time. */
import { type Config, type EngineSettings, toEngineConfig } from "../../config/config.ts";
import { parseDurationMs } from "../../config/units.ts";
import { WINDOWS_COUNT_MAX, type WindowSetting, windowsOf } from "../../config/windows.ts";
import { PartitionEngine } from "../../engine/partition-engine.ts";
import { newHashSeed } from "../../pipeline/hash-seed.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableJson } from "../../shared/printable-text.ts";
import type { Output } from "../output.ts";
import { DisorderWatch } from "./disorder.ts";
import { EngineSink } from "./engine-sink.ts";
import { ExternalSort } from "./external-sort.ts";
import { type Arrival, feedEngine, feedSink, feedSort } from "./feed.ts";
import { overviewJson, overviewTable } from "./overview.ts";
import type { ReplayInput, ReplayOptions } from "./replay-options.ts";
import type { Batch } from "./rows.ts";

/** Returns the number of applied events, including removals. */
export async function replayEmbedded(
  input: ReplayInput,
  options: ReplayOptions,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const settings = withWindow(toEngineConfig(config), options.window);
  const { arrivalMs } = options;
  const arrival: Arrival = arrivalMs === undefined ? Date.now : () => arrivalMs;
  const engine = await runEngine(input, options, settings, arrival, output, signal);
  const names = settings.windows.map(({ name }) => name);
  const pieces =
    options.format === "json"
      ? overviewJson(engine, options.window === undefined ? names : [options.window])
      : overviewTable(
          engine,
          options.window ?? (names.at(-1) as string),
          // A pipe or a file has no width, and its reader wants the full figures.
          output.outIsTerminal ? output.columns() : Number.POSITIVE_INFINITY,
        );
  const isJson = options.format === "json";
  for (const piece of pieces) output.out(isJson ? printableJson(piece) : piece);
  return engine.counters.applied + engine.counters.removed;
}

async function runEngine(
  input: ReplayInput,
  options: ReplayOptions,
  settings: EngineSettings,
  arrival: Arrival,
  output: Output,
  signal: AbortSignal,
): Promise<PartitionEngine> {
  const { order, speed } = options;
  if (speed === undefined && order !== "time") {
    const engine = new PartitionEngine(settings, newHashSeed());
    const watch = order === "auto" ? new DisorderWatch(graceOf(settings)) : undefined;
    // Most files are in order, so `auto` applies while it checks. It starts again when a swap is out of order.
    const step = input.step("replay", signal);
    if (await feedEngine(engine, step.chunks, arrival, watch, input.dead, step.onChunk)) return engine;
  } else if (order === "file" || (order === "auto" && (await input.isInOrder(settings, graceOf(settings), signal)))) {
    const engine = new PartitionEngine(settings, newHashSeed());
    const step = input.step("replay", signal);
    const sink = new EngineSink(engine, arrival, input.dead);
    await feedSink(sink, step.chunks, speed, signal, faultsInto(engine, input), step.onChunk);
    return engine;
  }
  if (order === "auto") output.err("The swaps are out of order by more than grace; sorting them by time first.\n");
  return runSorted(input, options, settings, arrival, signal);
}

async function runSorted(
  input: ReplayInput,
  options: ReplayOptions,
  settings: EngineSettings,
  arrival: Arrival,
  signal: AbortSignal,
): Promise<PartitionEngine> {
  const engine = new PartitionEngine(settings, newHashSeed());
  const sort = new ExternalSort();
  try {
    const step = input.step("sort", signal);
    const onFault = faultsInto(engine, input);
    await feedSort(sort, step.chunks, onFault, step.onChunk);
    const feed = input.stepOver("replay", sort.sorted(), signal);
    if (options.speed === undefined) {
      await feedEngine(engine, feed.chunks, arrival, undefined, input.dead, feed.onChunk);
    } else {
      const sink = new EngineSink(engine, arrival, input.dead);
      await feedSink(sink, feed.chunks, options.speed, signal, onFault, feed.onChunk);
    }
    return engine;
  } finally {
    sort.dispose();
  }
}

/** Counts rows that made no record, in the engine and in the dead letters. */
function faultsInto(engine: PartitionEngine, { dead }: ReplayInput): (batch: Batch) => void {
  return ({ file, faults = [] }) => {
    for (const fault of faults) {
      engine.deadLetter(fault.code);
      dead.noteFault(file, fault);
    }
  };
}

export function graceOf(settings: EngineSettings): (chainId: number) => number {
  return (chainId) => settings.chains.get(chainId)?.graceMs ?? settings.graceMs;
}

/** Adds the requested window to the configured ones if it is not among them. */
function withWindow(settings: EngineSettings, name: string | undefined): EngineSettings {
  if (name === undefined || settings.windows.some((window) => window.name === name)) return settings;
  const lengthMs = parseDurationMs(name);
  const others: readonly WindowSetting[] = settings.windows.filter((window) => window.lengthMs !== lengthMs);
  const { windows, problems } = windowsOf([name], undefined);
  const added = windows[0];
  if (added === undefined) throw new SwapstatsError("usage", `--window: ${problems.join("; ")}`);
  if (others.length >= WINDOWS_COUNT_MAX) {
    throw new SwapstatsError(
      "usage",
      `--window: ${name} would be one window more than ${WINDOWS_COUNT_MAX}; give a configured window`,
    );
  }
  return { ...settings, windows: [...others, added].sort((a, b) => a.lengthMs - b.lengthMs) };
}
