/** Gathers the settings: defaults, then the file, then environment variables, then the command line. The later ones win. */
import { SwapstatsError } from "../shared/errors.ts";
import { readTextFile } from "../shared/read-regular-file.ts";
import { readConfigYaml } from "./file.ts";
import { keyHint, variableHint } from "./hints.ts";
import { CHAIN_ID, envNameOf, type KeySpec, type KeyValue } from "./key.ts";
import { FEEDERS } from "./keys/feeders.ts";
import { CONFIG_KEYS, LATER_KEYS, RESERVED_ENV, RESERVED_ENV_PREFIX } from "./keys.ts";
import { isEntryKey, readEntries } from "./read-entries.ts";
import type { ConfigProblem, RawSetting, Setting } from "./settings.ts";
import { parseValue } from "./values.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type LoadOptions = {
  /** Path of the YAML file; undefined: none. */
  readonly filePath?: string | undefined;
  readonly env?: Environment;
  /** Options of the command line, by dotted path, as the file would have them. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Texts that replace defaults of the table, by dotted path. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly keys?: readonly KeySpec[];
};

/** Ten times the size of all keys of all chains. A hostile file of this size is parsed in two or three seconds. */
const FILE_BYTES_MAX = 256 * 1024;
const SHORT_FORMS: readonly (readonly [string, string])[] = [
  ["WINDOWS", "windows.list"],
  ["BUCKET_STEP", "windows.bucket_step"],
];

/** A file of only wrong keys has thousands of problems. */
export const PROBLEMS_SHOWN_MAX = 100;

/** Returns the settings of all keys, each checked alone. A bad value is reported, and the default takes its place. */
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
    if (ofTable === FEEDERS.list && !raws.has(ofTable.path)) {
      const read = (path: string, spec: KeySpec, raw: RawSetting | undefined): Setting =>
        readSetting(path, spec, raw, env, problems);
      settings.push(...readEntries(raws.values(), FEEDERS, read, problems));
      continue;
    }
    const defaultText = options.defaults?.[ofTable.path];
    const spec = defaultText === undefined ? ofTable : { ...ofTable, defaultText };
    const paths = spec.path.includes(CHAIN_ID)
      ? [...raws.keys()].filter((path) => specOf(path, keys) === ofTable)
      : [spec.path];
    for (const path of paths) settings.push(readSetting(path, spec, raws.get(path), env, problems));
  }
  for (const raw of raws.values()) {
    // A suggestion is found by comparing the name with all keys, so it is made only while the problem is still shown.
    const isKnown = specOf(raw.path, keys) !== undefined || raw.path.startsWith(`${FEEDERS.list.path}[`);
    if (!isKnown && problems.length <= PROBLEMS_SHOWN_MAX) problems.push(unknownKey(raw, keys));
  }
  return settings;
}

export function readSetting(
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

/** Types of a value that is an empty list unless it is set. */
const LIST_TYPES: readonly KeySpec["kind"]["type"][] = ["origins", "hosts", "subnets"];

function defaultValue(spec: KeySpec): KeyValue {
  if (spec.fallback !== undefined) return spec.fallback();
  if (spec.defaultText === "") return LIST_TYPES.includes(spec.kind.type) ? [] : undefined;
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
  const isKey = (path: string): boolean => specOf(path, keys) !== undefined || isEntryKey(path, FEEDERS);
  return readConfigYaml(text, filePath, isKey, (path) => path === FEEDERS.list.path, problems);
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

/** Returns the key of a path. `<id>` in a path of the table stands for digits. */
function specOf(path: string, keys: readonly KeySpec[]): KeySpec | undefined {
  const general = path.replace(/^app\.chains\.[0-9]{1,10}\./, `app.chains.${CHAIN_ID}.`);
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
  const message = name.startsWith(envNameOf(FEEDERS.list.path))
    ? "names no key; feeders are a list, which the configuration file alone can have. Unset it"
    : later
      ? "names a key that is not in this version of swapstats; unset it"
      : `names no key; ${variableHint(name, names)}`;
  return { path: name, where: "environment", message };
}
