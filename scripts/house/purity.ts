/**
 * The engine and the protocol are deterministic functions: no clock, timer, randomness, logging, environment, and nothing
 * that differs between machines. The rule holds for all files that they import, too.
 */
import { importsOf } from "./imports.ts";
import { pureFiles } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { type Token, tokenize } from "./tokens.ts";

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
/** Members whose result differs between runs or machines, after which value's dot they stand does not matter. */
const FORBIDDEN_MEMBERS = new Set([
  "random",
  "toLocaleString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
  "localeCompare",
]);

export function checkPurity(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of [...pureFiles(files)].sort()) {
    const tokens = tokenize(files.get(file)!);
    for (const entry of importsOf(tokens)) {
      if (entry.specifier.startsWith("node:")) {
        problems.push({ file, line: entry.line, message: `a pure file imports ${entry.specifier}` });
      }
    }
    tokens.forEach((token, i) => {
      const message = impurity(tokens, token, i);
      if (message !== undefined) problems.push({ file, line: token.line, message });
    });
  }
  return problems;
}

function impurity(tokens: readonly Token[], token: Token, at: number): string | undefined {
  if (token.kind !== "word") return undefined;
  const isMember = tokens[at - 1]?.text === "." && tokens[at - 1]?.kind === "punctuation";
  // `...spread` ends in a dot as well, and what follows it is a value.
  const isSpread = isMember && tokens[at - 2]?.text === "." && tokens[at - 3]?.text === ".";
  if (isMember && !isSpread) {
    return FORBIDDEN_MEMBERS.has(token.text) ? `a pure file uses .${token.text}` : undefined;
  }
  if (!FORBIDDEN.has(token.text)) return undefined;
  const isKey = tokens[at + 1]?.text === ":" && ["{", ",", ";", "readonly"].includes(tokens[at - 1]?.text ?? "");
  return isKey ? undefined : `a pure file uses ${token.text}`;
}
