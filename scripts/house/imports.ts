import { isNode, type Source, type SyntaxNode, textOf, walk } from "./source.ts";

export type Import = {
  readonly specifier: string;
  readonly line: number;
  /** Erased at run time: `import type`, `export type`, `import("x").T`. */
  readonly typeOnly: boolean;
  /** `new URL("./x.ts", import.meta.url)`: the file is the entry of another thread or process, and no part of import cycles. */
  readonly startsThread: boolean;
  /** The imported names of the other module, including "default". "all" where the form does not name them. */
  readonly names: readonly string[] | "all";
};

/** Returns every import of a module: import, export from, import(), require(), import types, new URL(.., import.meta.url). */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  walk(source.root, (node) => {
    const entry = importAt(node);
    if (entry !== undefined) found.push({ ...entry, line: source.lineOf(node.start) });
  });
  return found;
}

function importAt(node: SyntaxNode): Omit<Import, "line"> | undefined {
  const erased = (kind: unknown): boolean => kind === "type";
  switch (node.type) {
    case "ImportDeclaration":
      return named(node.source, erased(node.importKind), namesOf(node.specifiers, "imported"));
    case "ExportNamedDeclaration":
      return named(node.source, erased(node.exportKind), namesOf(node.specifiers, "local"));
    case "ExportAllDeclaration":
      return named(node.source, erased(node.exportKind), "all");
    case "ImportExpression":
      return named(node.source, false, "all");
    case "TSImportType":
      return named(node.source, true, "all");
    case "TSExternalModuleReference":
      return named(node.expression, false, "all");
    case "CallExpression":
      return isIdentifier(node.callee, "require") ? named(first(node.arguments), false, "all") : undefined;
    case "NewExpression":
      return threadAt(node);
    default:
      return undefined;
  }
}

function named(specifier: unknown, typeOnly: boolean, names: Import["names"]): Omit<Import, "line"> | undefined {
  const text = textOf(specifier);
  return text === undefined ? undefined : { specifier: text, typeOnly, startsThread: false, names };
}

function namesOf(specifiers: unknown, side: "imported" | "local"): Import["names"] {
  const names: string[] = [];
  for (const specifier of specifiers as readonly SyntaxNode[]) {
    if (specifier.type === "ImportNamespaceSpecifier") return "all";
    names.push(specifier.type === "ImportDefaultSpecifier" ? "default" : nameOf(specifier[side]));
  }
  return names;
}

/** Names may be written as strings: `export { a as "b c" }`. */
export function nameOf(node: unknown): string {
  return textOf(node) ?? String((node as SyntaxNode).name);
}

function threadAt(node: SyntaxNode): Omit<Import, "line"> | undefined {
  const [path, base] = node.arguments as readonly SyntaxNode[];
  const text = textOf(path);
  if (!isIdentifier(node.callee, "URL") || text === undefined || !text.endsWith(".ts")) return undefined;
  const isOwnUrl = base?.type === "MemberExpression" && isNode(base.object) && base.object.type === "MetaProperty";
  return isOwnUrl ? { specifier: text, typeOnly: false, startsThread: true, names: [] } : undefined;
}

function isIdentifier(node: unknown, name: string): boolean {
  return isNode(node) && node.type === "Identifier" && node.name === name;
}

function first(list: unknown): unknown {
  return (list as readonly unknown[])[0];
}
