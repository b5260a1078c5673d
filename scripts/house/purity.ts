/**
 * The engine and the protocol are deterministic functions: no clock, timer, randomness, logging or environment, and nothing that differs
 * between machines. The rule also holds for all files that they import.
 */
import { importsOf } from "./imports.ts";
import { pureFiles } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { isNode, type SyntaxNode, sourceOf, textOf, walk } from "./source.ts";

const FORBIDDEN = new Set([
  "Buffer",
  "Date",
  "FinalizationRegistry",
  "Intl",
  "SharedArrayBuffer",
  "Temporal",
  "WeakRef",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "eval",
  "fetch",
  "globalThis",
  "performance",
  "process",
  "queueMicrotask",
  "require",
  "setImmediate",
  "setInterval",
  "setTimeout",
  "structuredClone",
]);
/** Members whose result differs between runs or machines, whatever value they belong to. */
const FORBIDDEN_MEMBERS = new Set([
  "random",
  "toLocaleString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
  "localeCompare",
]);

/** Nodes that name a key or a type member by their `key`. A word there does not use a global. */
const KEYED = new Set([
  "Property",
  "PropertyDefinition",
  "MethodDefinition",
  "AccessorProperty",
  "TSPropertySignature",
  "TSMethodSignature",
]);

export function checkPurity(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of [...pureFiles(files)].sort()) {
    const source = sourceOf(files, file);
    for (const entry of importsOf(source)) {
      if (entry.specifier.startsWith("node:")) {
        problems.push({ file, line: entry.line, message: `a pure file imports ${entry.specifier}` });
      }
    }
    walk(source.root, (node, parents) => {
      const name = impurity(node, parents.at(-1));
      if (name !== undefined)
        problems.push({ file, line: source.lineOf(node.start), message: `a pure file uses ${name}` });
    });
  }
  return problems;
}

/** Returns the forbidden name that a node uses, or undefined. */
function impurity(node: SyntaxNode, parent: SyntaxNode | undefined): string | undefined {
  if (node.type === "MemberExpression") {
    const member = node.computed === true ? textOf(node.property) : memberName(node.property);
    return member !== undefined && FORBIDDEN_MEMBERS.has(member) ? `.${member}` : undefined;
  }
  if (node.type !== "Identifier" || !FORBIDDEN.has(String(node.name)) || parent === undefined) return undefined;
  const isMember = parent.type === "MemberExpression" && parent.computed !== true && parent.property === node;
  const isKey = KEYED.has(parent.type) && parent.computed !== true && parent.key === node;
  return isMember || isKey ? undefined : String(node.name);
}

function memberName(property: unknown): string | undefined {
  return isNode(property) && property.type === "Identifier" ? String(property.name) : undefined;
}
