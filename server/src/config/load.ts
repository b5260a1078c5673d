/**
 * Gathers the configuration: defaults, then the file, then environment variables, then the command line, the later ones
 * winning. All problems are collected and reported in one error, each with its path, what is wrong and what to do.
 */
import { hostname } from "node:os";
import { SwapstatsError } from "../shared/errors.ts";
import { maskSecrets } from "../shared/mask-secrets.ts";
import { printableText } from "../shared/printable-text.ts";
import { readTextFile } from "../shared/read-regular-file.ts";
import { buildConfig } from "./build.ts";
import type { Config } from "./config.ts";
import { withoutEffect } from "./effects.ts";
import { readConfigYaml } from "./file.ts";
import { foreignVariables, keyHint, variableHint } from "./hints.ts";
import { CONFIG_KEYS, envNameOf, type KeySpec, LATER_KEYS, RESERVED_ENV, RESERVED_ENV_PREFIX } from "./keys.ts";
import { type KeyValue, parseValue } from "./values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type LoadOptions = {
  /** Path of the YAML file; undefined: none. */
  readonly filePath?: string | undefined;
  readonly env?: Environment;
  /** By dotted path, in the spelling of the file; from options of the command line. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Texts that stand in the place of defaults of the table, by dotted path. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly keys?: readonly KeySpec[];
};

export type Origin = "default" | "file" | "environment" | "command line";

/** A value that was given, before it is read. */
export type RawSetting = {
  readonly path: string;
  readonly raw: unknown;
  readonly origin: Origin;
  readonly where: string;
};

export type Setting = {
  readonly path: string;
  readonly spec: KeySpec;
  readonly value: KeyValue;
  readonly origin: Origin;
  /** As in `RawSetting`; empty for a default. */
  readonly where: string;
};

export type ConfigProblem = {
  /** Dotted path of the key. */
  readonly path: string;
  /** `config.yaml:12`, the name of the environment variable, or empty. */
  readonly where: string;
  readonly message: string;
};

export type LoadedConfig = {
  readonly config: Config;
  readonly settings: readonly Setting[];
  /** What is sound and changes nothing, such as a key of a part that is not in use: `path (where): message`. */
  readonly warnings: readonly string[];
};

/** Ten times what all keys of all chains take. A hostile file of this size is parsed in two or three seconds. */
const FILE_BYTES_MAX = 256 * 1024;
const SHORT_FORMS: readonly (readonly [string, string])[] = [
  ["WINDOWS", "windows.list"],
  ["BUCKET_STEP", "windows.bucket_step"],
];

/** A file of nothing but wrong keys has thousands of problems. */
export const PROBLEMS_SHOWN_MAX = 100;

/** Throws SwapstatsError `bad_config` whose message lists every problem. */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const settings = readSettings(options, problems);
  const checked = problems.length;
  const config = buildConfig(settings, problems);
  const located = problems.map((problem, i) => (i < checked ? problem : withPlace(problem, settings)));
  if (located.length > 0 || config === undefined) throw configError(located);
  const foreign = foreignVariables(options.env ?? {}).map(
    ([name, ours]): ConfigProblem => ({ path: name, where: "environment", message: `is not read; ${ours} is` }),
  );
  return { config, settings, warnings: [...withoutEffect(settings), ...foreign].map(lineOf) };
}

/** Checks over several keys know the path alone; this adds where the key was given. */
function withPlace(problem: ConfigProblem, settings: readonly Setting[]): ConfigProblem {
  const where = settings.find(({ path }) => path === problem.path)?.where ?? "";
  return problem.where === "" ? { ...problem, where } : problem;
}

/** The configuration of an empty file and an empty environment. */
export function defaultConfig(): Config {
  return loadConfig({ env: {} }).config;
}

/** Values of all keys, checked one by one; a bad value is reported and leaves the default in its place. */
export function readSettings(options: LoadOptions, problems: ConfigProblem[]): Setting[] {
  const keys = options.keys ?? CONFIG_KEYS;
  const env = options.env ?? {};
  const raws = new Map<string, RawSetting>();
  const given = [
    ...readFile(options.filePath, keys, problems),
    ...readEnvironment(env, keys, problems),
    ...Object.entries(options.overrides ?? {}).map(
      ([path, raw]): RawSetting => ({ path, raw, origin: "command line", where: "command line" }),
    ),
  ];
  for (const raw of given) raws.set(raw.path, raw);

  const settings: Setting[] = [];
  for (const ofTable of keys) {
    const defaultText = options.defaults?.[ofTable.path];
    const spec = defaultText === undefined ? ofTable : { ...ofTable, defaultText };
    const paths = spec.path.includes("<id>")
      ? [...raws.keys()].filter((path) => specOf(path, keys) === ofTable)
      : [spec.path];
    for (const path of paths) settings.push(readSetting(path, spec, raws.get(path), env, problems));
  }
  for (const raw of raws.values()) {
    // What a name may have meant is looked for by comparing it with all keys, so only while the problem is still shown.
    if (specOf(raw.path, keys) === undefined && problems.length <= PROBLEMS_SHOWN_MAX)
      problems.push(unknownKey(raw, keys));
  }
  return settings;
}

function readSetting(
  path: string,
  spec: KeySpec,
  given: RawSetting | undefined,
  env: Environment,
  problems: ConfigProblem[],
): Setting {
  if (given !== undefined) {
    const optional = spec.defaultText === "" && given.raw === "" && given.origin === "environment";
    const sources = { env, literalAllowed: given.origin !== "file" };
    const parsed = optional ? { value: defaultValue(spec) } : parseValue(spec.kind, given.raw, sources);
    if ("value" in parsed) return { path, spec, value: parsed.value, origin: given.origin, where: given.where };
    problems.push({ path, where: given.where, message: parsed.problem });
  }
  return { path, spec, value: defaultValue(spec), origin: "default", where: "" };
}

function defaultValue(spec: KeySpec): KeyValue {
  if (spec.path === "app.instance_id") return instanceIdOfHost();
  if (spec.defaultText === "") return spec.kind.type === "origins" || spec.kind.type === "hosts" ? [] : undefined;
  const parsed = parseValue(spec.kind, spec.defaultText, { env: {}, literalAllowed: false });
  if ("problem" in parsed) throw new SwapstatsError("internal", `default of ${spec.path}: ${parsed.problem}`);
  return parsed.value;
}

function readFile(filePath: string | undefined, keys: readonly KeySpec[], problems: ConfigProblem[]): RawSetting[] {
  if (filePath === undefined) return [];
  let text: string;
  try {
    text = readTextFile(filePath, FILE_BYTES_MAX);
  } catch (error) {
    const message = `cannot be read (${(error as Error).message}); check the path given with --config or SWAPSTATS_CONFIG`;
    problems.push({ path: filePath, where: "", message });
    return [];
  }
  return readConfigYaml(text, filePath, (path) => specOf(path, keys) !== undefined, problems);
}

function readEnvironment(env: Environment, keys: readonly KeySpec[], problems: ConfigProblem[]): RawSetting[] {
  const found = new Map<string, RawSetting>();
  for (const [name, raw] of Object.entries(env)) {
    if (raw === undefined || !name.startsWith("SWAPSTATS_")) continue;
    if (RESERVED_ENV.some((reserved) => reserved === name) || name.startsWith(RESERVED_ENV_PREFIX)) continue;
    const path = pathOfEnv(name, keys);
    if (path === undefined) problems.push(unknownVariable(name, keys));
    else found.set(path, { path, raw, origin: "environment", where: name });
  }
  for (const [name, path] of SHORT_FORMS) {
    const raw = env[name];
    if (raw === undefined || raw === "") continue;
    const long = found.get(path);
    if (long !== undefined && long.raw !== raw) {
      problems.push({ path, where: name, message: `is given by ${long.where} as well, with another value; set one` });
    }
    found.set(path, { path, raw, origin: "environment", where: name });
  }
  return [...found.values()];
}

/** `<id>` in a path of the table stands for digits. */
function specOf(path: string, keys: readonly KeySpec[]): KeySpec | undefined {
  const general = path.replace(/^app\.chains\.[0-9]{1,10}\./, "app.chains.<id>.");
  return keys.find((spec) => spec.path === general);
}

function pathOfEnv(name: string, keys: readonly KeySpec[]): string | undefined {
  const chain = /^SWAPSTATS_APP_CHAINS_([0-9]{1,10})_(.+)$/.exec(name);
  if (chain !== null) {
    const path = `app.chains.${chain[1]}.${chain[2]?.toLowerCase()}`;
    return specOf(path, keys) === undefined ? undefined : path;
  }
  return keys.find((spec) => envNameOf(spec.path) === name)?.path;
}

function isLater(path: string): boolean {
  return LATER_KEYS.some(
    (later) => path === later || `${path}.` === later || path.startsWith(`${later.replace(/\.$/, "")}.`),
  );
}

function unknownKey(raw: RawSetting, keys: readonly KeySpec[]): ConfigProblem {
  const paths = keys.map((spec) => spec.path);
  const message = isLater(raw.path)
    ? "is not in this version of swapstats; remove it"
    : `is not a key; ${keyHint(raw.path, paths)}`;
  return { path: raw.path, where: raw.where, message };
}

function unknownVariable(name: string, keys: readonly KeySpec[]): ConfigProblem {
  const later = LATER_KEYS.some((path) =>
    path.endsWith(".") ? name.startsWith(`${envNameOf(path)}`) : name === envNameOf(path),
  );
  const names = keys.map((spec) => envNameOf(spec.path));
  const message = later
    ? "names a key that is not in this version of swapstats; unset it"
    : `names no key; ${variableHint(name, names)}`;
  return { path: name, where: "environment", message };
}

function instanceIdOfHost(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._:-]/g, "-")
      .slice(0, 128) || "swapstats"
  );
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
  // Names of keys come from outside as well.
  const safe = (text: string): string => printableText(maskSecrets(text));
  return `${safe(path)}${where === "" ? "" : ` (${safe(where)})`}: ${safe(message)}`;
}
