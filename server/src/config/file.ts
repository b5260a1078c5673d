/** Reads the YAML file into values by dotted path, with the line of each. */
import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import type { ConfigProblem, RawSetting } from "./load.ts";

const DEPTH_MAX = 8;

/** `isKey` says whether a path is that of a key, below which nothing is descended. */
export function readConfigYaml(
  text: string,
  filePath: string,
  isKey: (path: string) => boolean,
  problems: ConfigProblem[],
): RawSetting[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: "1.2", uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      const { line } = lines.linePos(error.pos[0]);
      problems.push({ path: filePath, where: `line ${line}`, message: `is not valid YAML: ${error.message}` });
    }
    return [];
  }
  const settings: RawSetting[] = [];
  const whereOf = (node: unknown): string => {
    const range = (node as Node | null)?.range;
    return range ? `${filePath}:${lines.linePos(range[0]).line}` : filePath;
  };

  const walk = (given: unknown, path: string, keyNode: unknown, depth: number): void => {
    const node = isAlias(given) ? given.resolve(document) : given;
    const empty = node === null || node === undefined || (isScalar(node) && node.value === null);
    if (isMap(node) && !isKey(path) && depth < DEPTH_MAX) {
      for (const pair of node.items) {
        const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        walk(pair.value, path === "" ? name : `${path}.${name}`, pair.key, depth + 1);
      }
    } else if (path === "") {
      if (!empty) problems.push({ path: filePath, where: "", message: "is not a mapping; write keys and values" });
    } else if (isKey(path) || !empty) {
      // An empty section (`api:`) says nothing; an empty key (`addr:`) is an empty value.
      const raw = node === null || node === undefined ? null : (node as Node).toJS(document);
      settings.push({ path, raw, origin: "file", where: whereOf(keyNode) });
    }
  };
  walk(document.contents, "", document.contents, 0);
  return settings;
}
