/** Parses TypeScript for the house rules. They find imports, exports and names by structure and never by searching text. */
import { parseSync } from "oxc-parser";
import type { Files } from "./problem.ts";

/** Returns whether a file is TypeScript, with or without elements of a page. */
export function isCode(file: string): boolean {
  return /\.tsx?$/.test(file);
}

/** A node of the syntax tree (ESTree with the TypeScript nodes of typescript-estree). Offsets count UTF-16 code units. */
export type SyntaxNode = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
};

export type Source = {
  readonly root: SyntaxNode;
  /** Returns the line of an offset. The first line is 1. */
  readonly lineOf: (offset: number) => number;
};

const parsed = new WeakMap<Files, Map<string, Source>>();

/** Parses a file of the repository once for all rules. Throws when the text is not TypeScript. */
export function sourceOf(files: Files, file: string): Source {
  let sources = parsed.get(files);
  if (sources === undefined) {
    sources = new Map();
    parsed.set(files, sources);
  }
  let source = sources.get(file);
  if (source === undefined) {
    source = parse(files.get(file)!, file);
    sources.set(file, source);
  }
  return source;
}

export function parse(text: string, file = "source.ts"): Source {
  const { program, errors } = parseSync(file, text);
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${file}: ${error.message}`);
  const lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return {
    root: program as unknown as SyntaxNode,
    lineOf: (offset) => {
      let low = 0;
      for (let high = lineStarts.length; high - low > 1; ) {
        const middle = (low + high) >> 1;
        if (lineStarts[middle]! <= offset) low = middle;
        else high = middle;
      }
      return low + 1;
    },
  };
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && typeof (value as SyntaxNode).type === "string";
}

/** Visits a node and all nodes below it, in text order. The last of `parents` is the node's own parent. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parents: readonly SyntaxNode[]) => void,
  parents: SyntaxNode[] = [],
): void {
  visit(node, parents);
  parents.push(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, parents);
  }
  parents.pop();
}

/** Returns the text of a string literal, or of a template without expressions, and undefined for every other node. */
export function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type !== "TemplateLiteral") return undefined;
  const quasis = node.quasis as readonly { value: { cooked: string } }[];
  return quasis.length === 1 ? quasis[0]!.value.cooked : undefined;
}
