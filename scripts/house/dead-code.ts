/**
 * Finds exports that no other file imports, and members of classes that nothing uses. A test is no user by itself: what only tests use
 * is dead, unless its own file uses it too, as with a limit that is tested at the limit.
 */
import { importsOf, nameOf } from "./imports.ts";
import { resolveImport } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { isCode, isNode, type Source, type SyntaxNode, sourceOf, textOf, walk } from "./source.ts";

/** Names that only tests use, by file, each with the reason why it stays. */
const KEPT: ReadonlyMap<string, string> = new Map([
  ["protocol/src/schemas/websocket.ts clientMessage", "tests hold the parser of requests to this schema"],
  ["server/src/cluster/cluster.ts feedCounts", "no other sign shows that feeds between instances were closed"],
  ["server/src/engine/partition-engine.ts tradersGoneThrough", "measures work without a clock"],
  ["server/src/engine/traders/trader-sketch.ts eachEntry", "tests compare the sketch's entries with a model"],
  ["server/src/generator/random.ts ofState", "tests compare the generator with the reference program"],
]);
/** Compiled to show that a client of the protocol compiles; nothing imports it. */
const COMPILED_ALONE = "protocol/test/client.ts";

type Named = { readonly name: string; readonly line: number; readonly isType: boolean };
/** Names that the program uses, and those that any file uses. */
type Uses = { readonly byProgram: Set<string>; readonly byAny: Set<string> };

/** Files of the published contract: clients of the service import their types. */
const CONTRACT = "protocol/src/";
/** Made from the contract as a whole: a program uses what it needs of it. A test holds the files in date. */
const MADE = "sdk/src/wire/";
/** The published package, and the file that Vite reads: others import them. */
const ENTRIES: ReadonlySet<string> = new Set(["sdk/src/index.ts", "dashboard/vite.config.ts"]);
const CLASS_MEMBERS = new Set(["MethodDefinition", "PropertyDefinition", "AccessorProperty"]);

export function checkDeadCode(files: Files): Problem[] {
  const code = [...files.keys()].filter(isCode);
  return [...deadExports(files, code), ...deadMembers(files, code)];
}

function deadExports(files: Files, code: readonly string[]): Problem[] {
  const imported = usesOf(code, function* (file) {
    for (const { specifier, names } of importsOf(sourceOf(files, file))) {
      const target = resolveImport(file, specifier);
      for (const name of names === "all" ? ["*"] : names) yield `${target} ${name}`;
    }
  });
  const problems: Problem[] = [];
  for (const file of code) {
    if (file === COMPILED_ALONE || ENTRIES.has(file) || file.startsWith(MADE)) continue;
    const source = sourceOf(files, file);
    for (const { name, line, isType } of exportsOf(source)) {
      const has = (uses: ReadonlySet<string>): boolean => uses.has(`${file} ${name}`) || uses.has(`${file} *`);
      if (has(imported.byProgram) || KEPT.has(`${file} ${name}`) || (isType && file.startsWith(CONTRACT))) continue;
      if (!has(imported.byAny)) problems.push({ file, line, message: `no file imports ${name}` });
      else if (!isForTests(file) && !usesItself(source, name)) {
        problems.push({ file, line, message: `only tests use ${name}` });
      }
    }
  }
  return problems;
}

function deadMembers(files: Files, code: readonly string[]): Problem[] {
  const used = usesOf(code, (file) => memberUses(sourceOf(files, file)));
  const problems: Problem[] = [];
  for (const file of code) {
    for (const { name, line } of membersOf(sourceOf(files, file))) {
      if (used.byProgram.has(name) || KEPT.has(`${file} ${name}`)) continue;
      if (!used.byAny.has(name)) problems.push({ file, line, message: `nothing uses the member ${name}` });
      else if (!isForTests(file)) problems.push({ file, line, message: `only tests use the member ${name}` });
    }
  }
  return problems;
}

function usesOf(code: readonly string[], namesOf: (file: string) => Iterable<string>): Uses {
  const uses: Uses = { byProgram: new Set(), byAny: new Set() };
  for (const file of code) {
    for (const name of namesOf(file)) {
      uses.byAny.add(name);
      if (!isForTests(file)) uses.byProgram.add(name);
    }
  }
  return uses;
}

/** Tests, their helpers, and the servers that they start. */
function isForTests(file: string): boolean {
  return /(^|\/)test\//.test(file) || file.startsWith("scripts/servers/");
}

/** Whether the name stands anywhere in its file but in its declaration. */
function usesItself(source: Source, name: string): boolean {
  let count = 0;
  walk(source.root, (node) => {
    if (node.type === "Identifier" && node.name === name) count += 1;
  });
  return count > 1;
}

function exportsOf(source: Source): Named[] {
  const found: Named[] = [];
  const add = (node: SyntaxNode, name: string, isType: boolean): void => {
    found.push({ name, line: source.lineOf(node.start), isType });
  };
  for (const node of source.root.body as readonly SyntaxNode[]) {
    if (node.type === "ExportDefaultDeclaration") add(node, "default", false);
    if (node.type !== "ExportNamedDeclaration") continue;
    const isType = node.exportKind === "type";
    for (const specifier of node.specifiers as readonly SyntaxNode[])
      add(specifier, nameOf(specifier.exported), isType);
    if (isNode(node.declaration)) for (const id of declaredBy(node.declaration)) add(id, nameOf(id), isType);
  }
  return found;
}

/** The names that an exported declaration introduces. */
function declaredBy(declaration: SyntaxNode): SyntaxNode[] {
  if (isNode(declaration.id)) return [declaration.id];
  return ((declaration.declarations ?? []) as readonly { id: SyntaxNode }[]).map(({ id }) => {
    if (id.type !== "Identifier") throw new Error(`an exported ${id.type} has no single name`);
    return id;
  });
}

/** Members that a class declares by a plain name; private ones are the type check's. */
function membersOf(source: Source): Named[] {
  const found: Named[] = [];
  walk(source.root, (node, parents) => {
    if (!CLASS_MEMBERS.has(node.type) || node.computed === true || node.kind === "constructor") return;
    if (!isNode(node.key) || node.key.type !== "Identifier") return;
    // Members that a platform's class or interface asks for are called by the platform.
    const owner = parents.at(-2);
    if (isNode(owner?.superClass) || (owner?.implements as readonly unknown[] | undefined)?.length) return;
    found.push({ name: nameOf(node.key), line: source.lineOf(node.start), isType: false });
  });
  return found;
}

/** Names of members that a file reads, writes or calls, and keys that it takes out of objects. */
function memberUses(source: Source): Set<string> {
  const names = new Set<string>();
  walk(source.root, (node, parents) => {
    if (node.type === "MemberExpression") {
      const name = node.computed === true ? textOf(node.property) : nameOf(node.property);
      if (name !== undefined) names.add(name);
    } else if (node.type === "Property" && parents.at(-1)?.type === "ObjectPattern") {
      if (node.computed !== true) names.add(nameOf(node.key));
    }
  });
  return names;
}
