/** Reads the YAML file into settings by dotted path, each with its line. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Tags } from "yaml";
import type { ConfigProblem, RawSetting } from "./settings.ts";

const DEPTH_MAX = 8;
/** Limit for one value. Aliases of aliases can grow without bound. */
const ALIASES_MAX = 100;
/** Limit for the whole file, sections and keys. A section that is an alias is walked again for each use. */
const NODES_MAX = 10_000;

/** Errors of the parser that are reported. Most of them follow from the first one. */
const ERRORS_MAX = 20;

/** `0x...` is an address, which would lose its digits as a number. */
function withoutHex(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag !== "object" || !("format" in tag) || tag.format !== "HEX");
}

/** Returns the message of the parser without the text that it quotes, which may be a secret. */
function reasonOf(message: string): string {
  return message.replaceAll(/"(?:[^"\\]|\\.)*"/g, "...").replace(/: .*$/s, "");
}

/**
 * Adds problems to `problems`. `isKey` says whether a path is that of a key; a key has no further keys below it. `isList` says whether it
 * is a list of sections: the paths of the keys of an entry begin with `<list>[<index>].`.
 */
export function readConfigYaml(
  text: string,
  filePath: string,
  isKey: (path: string) => boolean,
  isList: (path: string) => boolean,
  problems: ConfigProblem[],
): RawSetting[] {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    // Duplicate keys are found below. The library compares each key with all others, which takes minutes for 25,000 keys.
    const options = { lineCounter: lines, version: "1.2", uniqueKeys: false, prettyErrors: false } as const;
    document = parseDocument(text, { ...options, customTags: withoutHex });
  } catch {
    // The parser is recursive, and exceeds the stack.
    problems.push({
      path: filePath,
      where: "",
      message: "is nested too deeply; a configuration has at most a few levels",
    });
    return [];
  }
  if (document.errors.length > 0) {
    for (const error of document.errors.slice(0, ERRORS_MAX)) {
      const { line } = lines.linePos(error.pos[0]);
      problems.push({
        path: filePath,
        where: `line ${line}`,
        message: `is not valid YAML: ${reasonOf(error.message)}`,
      });
    }
    return [];
  }
  const settings: RawSetting[] = [];
  const whereOf = (node: unknown): string => {
    const range = (node as Node | null)?.range;
    return range ? `${filePath}:${lines.linePos(range[0]).line}` : filePath;
  };

  let nodes = 0;
  const walk = (given: unknown, path: string, keyNode: unknown, depth: number): void => {
    if (nodes++ === NODES_MAX) {
      problems.push({
        path: filePath,
        where: "",
        message: `has more than ${NODES_MAX} keys; aliases count for each use`,
      });
    }
    if (nodes > NODES_MAX) return;
    const node = isAlias(given) ? given.resolve(document) : given;
    const empty = node === null || node === undefined || (isScalar(node) && node.value === null);
    if (isSeq(node) && isList(path)) {
      for (const [index, item] of node.items.entries()) walk(item, `${path}[${index}]`, item, depth + 1);
    } else if (isMap(node) && !isKey(path) && depth < DEPTH_MAX) {
      const seen = new Set<string>();
      for (const pair of node.items) {
        const name = isScalar(pair.key) ? String(pair.key.value) : "(a key that is not text)";
        if (seen.has(name)) {
          const key = path === "" ? name : `${path}.${name}`;
          const { line } = lines.linePos((pair.key as Node).range?.[0] ?? 0);
          const message = `is not valid YAML: the key ${key} occurs twice; keep one of them`;
          problems.push({ path: filePath, where: `line ${line}`, message });
        }
        seen.add(name);
        walk(pair.value, path === "" ? name : `${path}.${name}`, pair.key, depth + 1);
      }
    } else if (path === "") {
      if (!empty) problems.push({ path: filePath, where: "", message: "is not a mapping; write keys and values" });
    } else if (isKey(path) || !empty) {
      // An empty section (`api:`) is ignored. An empty key (`addr:`) is an empty value.
      const where = whereOf(keyNode);
      try {
        const raw =
          node === null || node === undefined ? null : (node as Node).toJS(document, { maxAliasCount: ALIASES_MAX });
        settings.push({ path, raw, origin: "file", where });
      } catch {
        problems.push({ path, where, message: `uses more than ${ALIASES_MAX} aliases; write the value out` });
      }
    }
  };
  walk(document.contents, "", document.contents, 0);
  return settings;
}
