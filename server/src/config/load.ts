/** Loads the configuration. All problems are reported in one error, each with its path, what is wrong and what to do. */
import { SwapstatsError } from "../shared/errors.ts";
import { maskSecrets } from "../shared/mask-secrets.ts";
import { printableText } from "../shared/printable-text.ts";
import { buildConfig } from "./build/config.ts";
import type { Config } from "./config.ts";
import { withoutEffect } from "./effects.ts";
import { foreignVariables } from "./hints.ts";
import { valuesOf } from "./key.ts";
import { TABLE } from "./keys.ts";
import { type LoadOptions, PROBLEMS_SHOWN_MAX, readSettings } from "./read-settings.ts";
import type { ConfigProblem, Setting } from "./settings.ts";

export type LoadedConfig = {
  readonly config: Config;
  readonly settings: readonly Setting[];
  /** Settings without an effect, such as a key of a part that is not in use: `path (where): message`. */
  readonly warnings: readonly string[];
};

/** Throws `bad_config` with a message that lists every problem. */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const settings = readSettings(options, problems);
  const checked = problems.length;
  const values = valuesOf(TABLE, settings);
  const config = buildConfig(values, settings, problems);
  const located = problems.map((problem, i) => (i < checked ? problem : withPlace(problem, settings)));
  if (located.length > 0 || config === undefined) throw configError(located);
  const foreign = foreignVariables(options.env ?? {}).map(
    ([name, ours]): ConfigProblem => ({ path: name, where: "environment", message: `is not read; ${ours} is` }),
  );
  return { config, settings, warnings: [...withoutEffect(settings, values), ...foreign].map(lineOf) };
}

/** Checks of several keys report only the path. This adds the place where the key was given. */
function withPlace(problem: ConfigProblem, settings: readonly Setting[]): ConfigProblem {
  const where = settings.find(({ path }) => path === problem.path)?.where ?? "";
  return problem.where === "" ? { ...problem, where } : problem;
}

/** Returns the configuration of an empty file and an empty environment. */
export function defaultConfig(): Config {
  return loadConfig({ env: {} }).config;
}

function configError(problems: readonly ConfigProblem[]): SwapstatsError {
  const lines = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => `  ${lineOf(problem)}`);
  const isMore = problems.length > lines.length;
  if (isMore) lines.push("  and more");
  const count =
    problems.length === 1 ? "1 problem" : `${isMore ? "more than " : ""}${lines.length - (isMore ? 1 : 0)} problems`;
  return new SwapstatsError("bad_config", `the configuration has ${count}:\n${lines.join("\n")}`);
}

function lineOf({ path, where, message }: ConfigProblem): string {
  // Names of keys are input, too.
  const safe = (text: string): string => printableText(maskSecrets(text));
  return `${safe(path)}${where === "" ? "" : ` (${safe(where)})`}: ${safe(message)}`;
}
