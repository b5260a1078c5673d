/** Circles of files that import one another, types included: none of them can be read, tested or moved without the others. */
import { importsOf } from "./imports.ts";
import { isSource, resolveImport } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { sourceOf } from "./source.ts";

/** Folders and files with circles that are still there. The list only shrinks. */
const KNOWN = ["server/src/pipeline/workers/"];

type Graph = ReadonlyMap<string, readonly string[]>;

/** Reports each circle once, at its first file, with its shortest way round. */
export function checkCycles(files: Files): Problem[] {
  const graph = new Map<string, string[]>();
  for (const file of files.keys()) {
    if (!isSource(file)) continue;
    const edges = importsOf(sourceOf(files, file)).filter((entry) => !entry.startsThread);
    const targets = edges.map((entry) => resolveImport(file, entry.specifier));
    graph.set(file, targets.filter((target) => target !== undefined && files.has(target)) as string[]);
  }
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const start of [...graph.keys()].sort()) {
    const path = seen.has(start) ? undefined : wayBack(graph, start);
    if (path === undefined) continue;
    for (const file of path) seen.add(file);
    if (KNOWN.some((known) => start.startsWith(known))) continue;
    problems.push({ file: start, line: 1, message: `import cycle: ${[...path, start].join(" > ")}` });
  }
  return problems;
}

/** The shortest way from a file back to itself, without its end; undefined if there is none. */
function wayBack(graph: Graph, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const target of graph.get(file) ?? []) {
      if (target === start) return pathTo(cameFrom, start, file);
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, file);
      queue.push(target);
    }
  }
  return undefined;
}

function pathTo(cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const path = [end];
  for (let at = end; at !== start; ) {
    at = cameFrom.get(at)!;
    path.unshift(at);
  }
  return path;
}
