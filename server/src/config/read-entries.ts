/** The settings of the entries of a list (`ByType`). An entry's keys have paths such as `ingest.feeders[0].path`. */
import { keyHint } from "./hints.ts";
import { type ByType, type KeySpec, keysOf, type Section, TYPE_KEY } from "./key.ts";
import type { ConfigProblem, RawSetting, Setting } from "./settings.ts";

type List = ByType<Section, Readonly<Record<string, Section>>>;
/** Reads one key of an entry; a key that was not given has its default. */
type ReadOne = (path: string, spec: KeySpec, raw: RawSetting | undefined) => Setting;

/** `[0].path` of the path of a key of an entry. */
const ENTRY = /^\[([0-9]{1,6})\](?:\.(.+))?$/;

/** Whether the path is that of a key of some type of entry. */
export function isEntryKey(path: string, { list, types }: List): boolean {
  const name = path.startsWith(list.path) ? ENTRY.exec(path.slice(list.path.length))?.[2] : undefined;
  return Object.values(types).some((section) => keysOf(section).some((spec) => spec.path === name));
}

/** Returns the settings of all entries, and reports unknown and missing keys, double names and too many entries. */
export function readEntries(
  given: Iterable<RawSetting>,
  list: List,
  read: ReadOne,
  problems: ConfigProblem[],
): Setting[] {
  const entries = entriesOf(given, list.list.path);
  const { kind, path } = list.list;
  const countMax = kind.type === "entries" ? kind.countMax : 0;
  if (entries.size > countMax) {
    problems.push({ path, where: "", message: `has ${entries.size} entries; give at most ${countMax}` });
    return [];
  }
  const settings = [...entries].flatMap(([head, raws]) => readEntry(head, raws, list, read, problems));
  checkNames(settings, problems);
  return settings;
}

/** Returns the given keys by entry and name, in the order of the list. */
function entriesOf(given: Iterable<RawSetting>, listPath: string): Map<string, Map<string, RawSetting>> {
  const entries = new Map<string, Map<string, RawSetting>>();
  for (const raw of given) {
    if (!raw.path.startsWith(listPath)) continue;
    const match = ENTRY.exec(raw.path.slice(listPath.length));
    if (match === null) continue;
    const head = `${listPath}[${match[1]}]`;
    const entry = entries.get(head) ?? new Map<string, RawSetting>();
    // An item without keys has the name "".
    entries.set(head, entry.set(match[2] ?? "", raw));
  }
  return entries;
}

function readEntry(
  head: string,
  raws: ReadonlyMap<string, RawSetting>,
  { common, types }: List,
  read: ReadOne,
  problems: ConfigProblem[],
): Setting[] {
  const names = Object.keys(types);
  const where = [...raws.values()][0]?.where ?? "";
  if (raws.has("")) {
    problems.push({ path: head, where, message: "is not a section; write `- type: ...` and further keys below" });
    return [];
  }
  const typeSpec: KeySpec = {
    path: TYPE_KEY,
    kind: { type: "choice", values: names, later: [] },
    defaultText: "",
    meaning: "",
  };
  const type = read(`${head}.${TYPE_KEY}`, typeSpec, raws.get(TYPE_KEY));
  const section = typeof type.value === "string" ? types[type.value] : undefined;
  if (section === undefined) {
    // A wrong type is reported already.
    if (!raws.has(TYPE_KEY)) {
      problems.push({ path: head, where, message: `has no type; write type: ${names.join(" or ")}` });
    }
    return [];
  }
  const keys = [...keysOf(common), ...keysOf(section)];
  for (const [name, raw] of raws) {
    if (name === TYPE_KEY || keys.some((spec) => spec.path === name)) continue;
    const message = `is not a key of type ${type.value}; ${keyHint(
      name,
      keys.map((spec) => spec.path),
    )}`;
    problems.push({ path: raw.path, where: raw.where, message });
  }
  const settings = keys.map((spec) => read(`${head}.${spec.path}`, spec, raws.get(spec.path)));
  for (const { path, spec, value } of settings) {
    if (spec.isRequired !== true || value !== undefined || raws.has(spec.path)) continue;
    problems.push({ path, where, message: `is not set, and type ${type.value} needs it; give it` });
  }
  return [type, ...settings];
}

function checkNames(settings: readonly Setting[], problems: ConfigProblem[]): void {
  const seen = new Map<unknown, string>();
  for (const { path, spec, value, where } of settings) {
    if (spec.path !== "name" || value === undefined) continue;
    const other = seen.get(value);
    if (other !== undefined) {
      problems.push({ path, where, message: `"${String(value)}" is the name of ${other} as well; give another name` });
    }
    seen.set(value, path.slice(0, -".name".length));
  }
}
