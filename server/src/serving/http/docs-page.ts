/** The page at `/docs`, made from the same list of calls as the OpenAPI document. */
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { problemTable } from "../problems.ts";
import { escapeHtml, htmlPage, htmlTable } from "./html.ts";
import { problemsByStatus } from "./openapi.ts";
import type { Operation } from "./operations.ts";
import { components } from "./schemas.ts";

type JsonSchema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
};

export function docsPage(operations: readonly Operation[], version: string): string {
  const toc = operations.map(({ id, method, path, summary }) => [
    `<span class="method">${method}</span>`,
    `<a href="#${id}"><code>${escapeHtml(path)}</code></a>`,
    escapeHtml(summary),
  ]);
  return htmlPage(
    "swapstats API",
    `<h1>swapstats API</h1>
<p>Version ${escapeHtml(version)}. Times are integer milliseconds since 1970; amounts and prices are decimal strings; a figure without a value is absent.
Errors are <a href="https://www.rfc-editor.org/rfc/rfc9457">problem documents</a>. For programs: <a href="/openapi.json"><code>/openapi.json</code></a>. Live updates: WebSocket at <code>/ws</code>.</p>
${htmlTable(["", "Call", ""], toc)}
${operations.map(operationSection).join("\n")}
<h2 id="schemas">Shapes</h2>
${Object.entries(components)
  .map(([name, schema]) => `<h3 id="schema-${name}">${name}</h3>\n${schemaTable(schema as JsonSchema)}`)
  .join("\n")}
<h2 id="problems">Problems</h2>
${problemsTable()}`,
  );
}

function operationSection(operation: Operation): string {
  const parameters = [
    ...Object.entries(operation.params).map(([name, schema]) => parameterRow(name, "path", schema as JsonSchema, true)),
    ...Object.entries(operation.query).map(([name, schema]) =>
      parameterRow(name, "query", schema as JsonSchema, !("~optional" in schema)),
    ),
  ];
  const bodies = Object.entries(operation.body).map(
    ([type, schema]) => `<p>Body <code>${type}</code>: ${typeText(schema as JsonSchema)}</p>`,
  );
  const answers = Object.entries(operation.answer.content).map(([type, schema]) => [
    String(operation.answer.status),
    `<code>${type}</code> ${typeText(schema as JsonSchema)}`,
    escapeHtml(operation.answer.description),
  ]);
  const problems = [...problemsByStatus(operation)].map(([status, codes]) => [
    String(status),
    codes.map((code) => `<a href="#problem-${code}"><code>${code}</code></a>`).join(", "),
    "",
  ]);
  return `<h2 id="${operation.id}"><span class="method">${operation.method}</span> <code>${escapeHtml(operation.path)}</code></h2>
<p>${escapeHtml(operation.summary)}. ${prose(operation.description)}</p>
${parameters.length === 0 ? "" : htmlTable(["Parameter", "In", "Type", ""], parameters)}
${bodies.join("\n")}
<h3>Answers</h3>
${htmlTable(["Status", "Body", ""], [...answers, ...(operation.conditional ? [["304", "", "If-None-Match names the ETag"]] : []), ...problems])}`;
}

function parameterRow(name: string, place: string, schema: JsonSchema, required: boolean): string[] {
  const byDefault =
    schema.default === undefined ? "" : ` <span class="note">[${escapeHtml(String(schema.default))}]</span>`;
  const text = schema.description ?? "";
  return [
    `<code>${name}</code>${required ? "" : ' <span class="note">optional</span>'}`,
    place,
    typeText(schema) + byDefault,
    prose(text),
  ];
}

function schemaTable(schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([name, member]) => [
    `<code>${name}</code>${schema.required?.includes(name) === true ? "" : ' <span class="note">optional</span>'}`,
    typeText(member),
    prose(member.description ?? ""),
  ]);
  const text = schema.description === undefined ? "" : `<p>${prose(schema.description)}</p>`;
  return text + htmlTable(["Member", "Type", ""], rows);
}

/** A type in a few words, with a link where it has a table of its own. */
function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  if (schema.const !== undefined) return `<code>${escapeHtml(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `<code>${escapeHtml(String(value))}</code>`).join(" ");
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  if (schema.properties !== undefined) {
    const members = Object.entries(schema.properties).map(
      ([name, member]) => `<code>${name}</code>: ${typeText(member)}`,
    );
    return `{ ${members.join(", ")} }`;
  }
  if (schema.patternProperties !== undefined)
    return `object of ${Object.values(schema.patternProperties).map(typeText).join(" or ")}`;
  const { minimum, maximum } = schema;
  const range = maximum === undefined ? "" : ` ${minimum ?? 0} to ${maximum}`;
  return `${schema.type ?? "any"}${range}`;
}

function problemsTable(): string {
  const rows = problemCodes.map((code) => {
    const { status, title, retryAfterSeconds } = problemTable[code];
    return [
      `<code id="problem-${code}">${code}</code>`,
      String(status),
      escapeHtml(title),
      retryAfterSeconds === undefined ? "" : `may succeed after ${retryAfterSeconds} s`,
    ];
  });
  return htmlTable(["Code", "Status", "Meaning", ""], rows);
}

/** Text in which back-quotes mean code. */
function prose(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}
