/** Finds circles of files that import one another, types included. Such files cannot be read, tested or moved one by one. */
import { importsOf } from "./imports.ts";
import { isSource, resolveImport } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { sourceOf } from "./source.ts";

type Graph = ReadonlyMap<string, readonly string[]>;

/** Reports each circle once, at its first file, with its shortest path. */
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
    problems.push({ file: start, line: 1, message: `import cycle: ${[...path, start].join(" > ")}` });
  }
  return problems;
}

/** Returns the shortest path from a file back to itself, without its end, or undefined if there is none. */
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
