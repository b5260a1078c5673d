/** The common frame of HTML pages. They load only files of this service, so they work offline. */

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

type PageHead = {
  readonly title: string;
  /** Addresses, relative to the page. */
  readonly styles: readonly string[];
  readonly scripts: readonly string[];
};

/** Returns a whole page; `body` is HTML. */
export function htmlPage({ title, styles, scripts }: PageHead, body: string): string {
  const links = styles.map((address) => `<link rel="stylesheet" href="${escapeHtml(address)}">`);
  const programs = scripts.map((address) => `<script src="${escapeHtml(address)}" defer></script>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><link rel="icon" href="data:,">${links.join("")}${programs.join("")}</head>
<body>
${body}
</body>
</html>
`;
}

export function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const headCells = head.map((cell) => `<th>${cell}</th>`).join("");
  const bodyRows = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<div class="table"><table><thead><tr>${headCells}</tr></thead><tbody>\n${bodyRows}\n</tbody></table></div>`;
}
