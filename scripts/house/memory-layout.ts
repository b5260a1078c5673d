/**
 * The engine names every field of its memory: `u32[2 * row + LATE]`, never `u32[2 * row + 6]`. The names are in
 * server/src/engine/memory/layout.ts. An index may still contain 0 and 1, and factors that convert units into words or bytes.
 */
import type { Files, Problem } from "./problem.ts";
import { isNode, type SyntaxNode, sourceOf, walk } from "./source.ts";

const ENGINE = "server/src/engine/";
/** Reads and writes numbers and texts byte by byte; it knows no fields. */
const BYTES = "server/src/engine/memory/bytes.ts";
/** Operators whose operand converts a unit and names no field. */
const CONVERSIONS = new Set(["*", "/", "%", "<<", ">>", ">>>", "&"]);

export function checkMemoryLayout(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of files.keys()) {
    if (!file.startsWith(ENGINE) || !file.endsWith(".ts") || file === BYTES) continue;
    const source = sourceOf(files, file);
    walk(source.root, (node) => {
      if (node.type !== "MemberExpression" || node.computed !== true || !isNode(node.property)) return;
      const number = bareNumber(node.property);
      if (number === undefined) return;
      problems.push({ file, line: source.lineOf(node.start), message: `an index with the bare number ${number}` });
    });
  }
  return problems;
}

/** Returns the first number of an index that should have a name. An index within the index is checked by itself. */
function bareNumber(index: SyntaxNode): number | undefined {
  let found: number | undefined;
  walk(index, (node, parents) => {
    if (node.type !== "Literal" || typeof node.value !== "number" || node.value <= 1) return;
    if (parents.some((parent) => parent.type === "MemberExpression")) return;
    const parent = parents.at(-1);
    if (parent?.type === "BinaryExpression" && CONVERSIONS.has(String(parent.operator))) return;
    found ??= node.value;
  });
  return found;
}
