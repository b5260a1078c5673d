import type { Token } from "./tokens.ts";

export type Import = {
  readonly specifier: string;
  readonly line: number;
  /** Erased at run time: `import type`, `export type`. */
  readonly typeOnly: boolean;
  /** `new URL("./x.ts", import.meta.url)`: a file that another thread or process starts from; no part of import cycles. */
  readonly startsThread: boolean;
};

/** All the ways in which a module names another: import, export from, import(), require(), new URL(.., import.meta.url). */
export function importsOf(tokens: readonly Token[]): Import[] {
  const found: Import[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== "word" || tokens[i - 1]?.text === ".") return;
    if (token.text === "import") found.push(...importAt(tokens, i));
    else if (token.text === "export") found.push(...exportAt(tokens, i));
    else if (token.text === "require") found.push(...callAt(tokens, i));
    else if (token.text === "URL") found.push(...urlAt(tokens, i));
  });
  return found;
}

function importAt(tokens: readonly Token[], at: number): Import[] {
  const next = tokens[at + 1];
  if (next?.text === "." && next.kind === "punctuation") return [];
  if (next?.text === "(" && next.kind === "punctuation") return callAt(tokens, at);
  return fromAt(tokens, at);
}

/** `export { a } from "x"` and `export * from "x"`; an export of something declared here names no module. */
function exportAt(tokens: readonly Token[], at: number): Import[] {
  const first = tokens[at + 1]?.text === "type" ? at + 2 : at + 1;
  const text = tokens[first]?.text;
  return text === "{" || text === "*" ? fromAt(tokens, at) : [];
}

/** The string that ends the clause; a clause has only words, commas, braces and stars before it. */
function fromAt(tokens: readonly Token[], at: number): Import[] {
  const typeOnly = tokens[at + 1]?.text === "type" && tokens[at + 2]?.text !== "from";
  for (let i = at + 1; i < tokens.length; i++) {
    const token = tokens[i]!;
    const line = token.line;
    if (token.kind === "string" && (tokens[i - 1]?.text === "from" || i === at + 1)) {
      return [{ specifier: token.text, line, typeOnly, startsThread: false }];
    }
    const inClause = token.kind === "word" || token.kind === "string" || ["{", "}", ",", "*"].includes(token.text);
    if (!inClause) return [];
    // Without `from` behind the brace it was `export { a };`, and the next statement's strings are not ours.
    if (token.text === "}" && tokens[i + 1]?.text !== "from") return [];
  }
  return [];
}

function callAt(tokens: readonly Token[], at: number): Import[] {
  const name = tokens[at + 2];
  if (tokens[at + 1]?.text !== "(" || name?.kind !== "string") return [];
  return [{ specifier: name.text, line: name.line, typeOnly: false, startsThread: false }];
}

function urlAt(tokens: readonly Token[], at: number): Import[] {
  const name = tokens[at + 2];
  const rest = tokens.slice(at + 3, at + 9).map((token) => token.text);
  if (name?.kind !== "string" || rest.join("") !== ",import.meta.url" || !name.text.endsWith(".ts")) return [];
  return [{ specifier: name.text, line: name.line, typeOnly: false, startsThread: true }];
}
