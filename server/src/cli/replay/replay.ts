/** The command `replay`: swaps from files into a service or a Kafka topic, or through an engine of this process. */
import { readFileSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Output } from "../output.ts";
import { replayEmbedded } from "./embedded-replay.ts";
import { sizeOf } from "./input.ts";
import { parseMapping } from "./mapping.ts";
import { ReplayInput, type ReplayOptions } from "./replay-options.ts";
import { replayToKafka, replayToService } from "./service-replay.ts";

export type ReplayCommand = ReplayOptions & {
  readonly mapPath: string | undefined;
  /** Address of a service; `kafka` or `kafka://...`: a topic; undefined: an engine of this process. */
  readonly to: string | undefined;
};

export async function runReplay(
  paths: readonly string[],
  command: ReplayCommand,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (command.to !== undefined && command.arrivalMs !== undefined) {
    throw new SwapstatsError("usage", "--arrival goes without --to: a service takes its own time as the arrival");
  }
  if (command.to !== undefined && command.window !== undefined) {
    throw new SwapstatsError("usage", "--window goes without --to: ask the service for its overview");
  }
  const mapping =
    command.mapPath === undefined ? undefined : parseMapping(readMapping(command.mapPath), command.mapPath);
  const input = new ReplayInput(paths, mapping, await sizeOf(paths), output);
  if (command.to === undefined) await replayEmbedded(input, command, config, output, signal);
  else if (command.to.startsWith("kafka")) await replayToKafka(input, command, config, command.to, output, signal);
  else await replayToService(input, command, config, command.to, output, signal);
}

function readMapping(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const message = `the mapping ${path} cannot be read (${(cause as Error).message}); check the path`;
    throw new SwapstatsError("not_found", message, { cause });
  }
}
