/** The page at `/` without the dashboard, with links that work at once. */
import { escapeHtml, htmlPage, htmlTable } from "./html.ts";
import type { PageAssets } from "./page-assets.ts";

const MISSING = "\n<p>The dashboard is not built. Run <code>npm run build</code>, and start the service again.</p>";

export function indexLinks(windows: readonly string[]): Readonly<Record<string, string>> {
  const window = windows.includes("5m") ? "5m" : (windows[0] ?? "");
  return {
    "Tokens by volume": `/api/overview?window=${window}&sort=volume_usd&limit=20`,
    "Tokens by trades": `/api/overview?window=${window}&sort=trades&limit=20`,
    "Where ingestion stands": "/api/status",
    "Records that were not applied": "/api/dead-letters",
    Readiness: "/readyz",
    "All calls, for people": "/docs",
    "All calls, as OpenAPI 3.1": "/openapi.json",
    "The WebSocket, as AsyncAPI 3.0": "/asyncapi.json",
  };
}

/** `isMissing`: the dashboard should be here, and was not built. */
export function indexPage(
  links: Readonly<Record<string, string>>,
  version: string,
  assets: PageAssets,
  isMissing: boolean,
): string {
  const rows = Object.entries(links).map(([what, path]) => [
    escapeHtml(what),
    `<a href="${escapeHtml(path)}"><code>${escapeHtml(path)}</code></a>`,
  ]);
  return htmlPage(
    { title: "swapstats", styles: [assets.address("page.css")], scripts: [] },
    `<h1>swapstats</h1>
<p>Live, exact statistics per token from a stream of swaps. <span class="note">Version ${escapeHtml(version)}</span></p>${isMissing ? MISSING : ""}
${htmlTable(["", ""], rows)}
<h3>One token</h3>
<pre>curl 'http://HOST:PORT/stats?token=SYMBOL_OR_ADDRESS'</pre>
<h3>Live updates</h3>
<pre>WebSocket /ws, then send {"subscribe":"token:SYMBOL_OR_ADDRESS"}</pre>`,
  );
}
