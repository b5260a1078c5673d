import { type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Output } from "./output.ts";

/** Loads the configuration of a file and the environment. Throws `bad_config` with all problems. */
export function readConfig(
  filePath: string | undefined,
  output: Output,
  overrides: Readonly<Record<string, string>> = {},
  defaults: Readonly<Record<string, string>> = {},
): LoadedConfig {
  return loadConfig({ filePath, env: output.env, overrides, defaults });
}
