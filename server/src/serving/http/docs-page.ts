/**
 * The page at `/docs`: the OpenAPI document in Swagger UI, and below it the table of problems, to which problem
 * documents link. Without scripts it shows a list of the operations.
 */
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { problemTable } from "../problems.ts";
import { escapeHtml, htmlPage, htmlTable } from "./html.ts";
import type { Operation } from "./operation.ts";
import type { PageAssets } from "./page-assets.ts";

export function docsPage(operations: readonly Operation[], version: string, assets: PageAssets): string {
  const head = {
    title: "swapstats API",
    styles: [assets.address("swagger-ui.css"), assets.address("page.css")],
    scripts: [assets.address("swagger-ui-bundle.js"), assets.address("docs.js")],
  };
  const calls = operations.map(({ method, path, summary }) => [
    `<code>${method} ${escapeHtml(path)}</code>`,
    escapeHtml(summary),
  ]);
  return htmlPage(
    head,
    `<div id="calls" data-document="openapi.json"></div>
<noscript><h1>swapstats API</h1>
<p>Version ${escapeHtml(version)}. The whole description is at <a href="openapi.json"><code>/openapi.json</code></a>; this page shows it with a script.</p>
${htmlTable(["Call", ""], calls)}</noscript>
<section id="problems"><h2>Problems</h2>
<p>Every error is a problem document of RFC 9457. Programs look at <code>code</code>, people at <code>detail</code>.</p>
${problemsTable()}</section>`,
  );
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
