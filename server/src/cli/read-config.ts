import { type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Output } from "./output.ts";

/** The configuration of a file and the environment; throws `bad_config` that lists all problems. */
export function readConfig(
  filePath: string | undefined,
  output: Output,
  overrides: Readonly<Record<string, string>> = {},
  defaults: Readonly<Record<string, string>> = {},
): LoadedConfig {
  return loadConfig({ filePath, env: output.env, overrides, defaults });
}
