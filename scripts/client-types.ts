/** Writes the client's types of the contract, and its copies of code of the contract. A test compares them with the files. `npm run docs` */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { channelQuery, type Declaration, type WireFile, wireFiles } from "./client-types/declarations.ts";
import { callsText, operationTable, queryDeclarations } from "./client-types/operations.ts";
import { figureTable, intervalTable, screenerTable } from "./client-types/tables.ts";
import { bodyText, commentText, type Schema, shapeOf, type TypeContext } from "./client-types/type-text.ts";

/** Folder of the files. Everything in it is written here. */
export const WIRE_FOLDER = resolve(import.meta.dirname, "../sdk/src/wire");
const PROTOCOL = resolve(import.meta.dirname, "../protocol/src");
/** Files of the contract that the client uses as they are. They import nothing but each other. */
const COPIES = ["json.ts", "canonical-json.ts", "websocket.ts"];
const OPERATIONS = "operations";

/** Returns the text of each file by its name. */
export function wireTexts(): ReadonlyMap<string, string> {
  const files: Readonly<Record<string, WireFile>> = {
    ...wireFiles,
    [OPERATIONS]: { about: "Calls of the HTTP API", declarations: queryDeclarations() },
  };
  const context = contextOf(Object.values(files).flatMap(({ declarations }) => declarations));
  const homes = new Map([
    ["JsonObject", "json"],
    ["CallOptions", "../call-options"],
  ]);
  for (const [file, { declarations }] of Object.entries(files))
    for (const { name } of declarations) homes.set(name, file);
  const texts = Object.entries(files).map(([file, { about, declarations }]) => {
    const parts = declarations.map((declaration) => declarationText(declaration, context));
    const body = [...parts, ...constantsOf(file, context)].join("\n");
    return [`${file}.ts`, `${headOf(about)}${importsOf(body, file, homes)}${body}`] as const;
  });
  const copies = COPIES.map((name) => {
    const text = readFileSync(resolve(PROTOCOL, name), "utf8");
    return [name, `// A copy of protocol/src/${name}, made by \`npm run docs\`.\n${text}`] as const;
  });
  return new Map([...texts, ...copies]);
}

/** Returns the constants of a file, which programs use at run time. */
function constantsOf(file: string, context: TypeContext): readonly string[] {
  if (file === "figures") return [figureTable()];
  if (file === "tokens") return [intervalTable()];
  if (file === "screener") return [screenerTable()];
  return file === OPERATIONS ? [callsText({ ...context, isRequest: true }), operationTable()] : [];
}

const headOf = (about: string): string =>
  `/** ${about}. Made from the schemas of protocol/src by \`npm run docs\`. */\n`;

/** The names of types are found by the shape of schemas, because a schema with a description of its own is another object. */
function contextOf(declarations: readonly Declaration[]): TypeContext {
  const names = new Map([[shapeOf(channelQuery[0]), channelQuery[1]]]);
  for (const { name, of } of declarations) if (typeof of !== "string") names.set(shapeOf(of), name);
  return { nameOf: (schema) => names.get(shapeOf(schema)), isRequest: false };
}

function declarationText({ name, of, doc, isRequest }: Declaration, context: TypeContext): string {
  const text = typeof of === "string" ? of : bodyText(of as Schema, { ...context, isRequest: isRequest === true });
  return `${commentText(doc)}export type ${name} =${text.startsWith("\n") ? "" : " "}${text};\n`;
}

/** Returns the imports of the types that a text uses and that other files declare. */
function importsOf(text: string, file: string, homes: ReadonlyMap<string, string>): string {
  const code = text.replaceAll(/\/\*\*.*?\*\//gs, "").replaceAll(/"[^"\n]*"/g, "");
  const used = new Set(code.match(/\b[A-Z]\w+\b/g));
  const byHome = new Map<string, string[]>();
  for (const name of [...used].sort()) {
    const home = homes.get(name);
    if (home !== undefined && home !== file) byHome.set(home, [...(byHome.get(home) ?? []), name]);
  }
  const lines = [...byHome].sort().map(([home, names]) => {
    const path = home.startsWith(".") ? home : `./${home}`;
    return `import type { ${names.join(", ")} } from "${path}.ts";\n`;
  });
  return `${lines.join("")}\n`;
}

if (import.meta.main) {
  const texts = wireTexts();
  mkdirSync(WIRE_FOLDER, { recursive: true });
  for (const name of readdirSync(WIRE_FOLDER)) if (!texts.has(name)) rmSync(resolve(WIRE_FOLDER, name));
  for (const [name, text] of texts) writeFileSync(resolve(WIRE_FOLDER, name), text);
}
