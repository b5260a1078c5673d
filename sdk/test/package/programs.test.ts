/** The packed client in programs: in plain Node, and in a page that Vite has built, both with the real service. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { type Browser, chromium as playwright } from "playwright-core";
import { type RunningApp, TestApps } from "../../../server/test/support/app-harness.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { projectOf, run } from "./project.ts";

/** Another Node to run the client on, 22.4 or newer. By default the one that runs the tests. */
const NODE = process.env["SWAPSTATS_CLIENT_NODE"] ?? process.execPath;
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };
const TOKEN = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

const swap = (index: number) => ({
  ...{ chain_id: 1, tx_hash: "0x01", log_index: index, token: TOKEN.slice(2), side: "buy", amount_token: "2" },
  ...{ amount_usd: "3000", event_time: Date.now() },
});

/** Serves the files of a folder at an origin of its own, and returns the origin. */
async function siteOf(t: TestContext, folder: () => string): Promise<string> {
  const server = createServer(({ url }, response) => {
    const file = join(folder(), url === "/" ? "index.html" : url!);
    if (!existsSync(file)) response.writeHead(404).end();
    else response.setHeader("content-type", TYPES[extname(file)] ?? "text/plain").end(readFileSync(file));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Follows a token until its second trade. `url` and `show` are the program's own. */
const FOLLOW = `
import { createClient } from "@swapstats/client";
const client = createClient({ url });
const store = client.token("${TOKEN}", { windows: ["5m"], fields: ["trades", "volume_usd"] });
const { as_of } = await client.http.market();
for await (const { windows } of store) {
  show(windows["5m"].trades + " trades, " + windows["5m"].volume_usd);
  if (windows["5m"].trades === 2) break;
}
client.close();
show("closed after " + typeof as_of);
`;

async function withOneSwap(t: TestContext, overrides: Record<string, string> = {}): Promise<RunningApp> {
  const app = await new TestApps(t).start(overrides);
  await app.post([swap(0)]);
  await app.caughtUp();
  return app;
}

test("plain Node: a store changes, and the program ends by itself after close", async (t) => {
  const app = await withOneSwap(t);
  const program = `const url = process.argv[2];\nconst show = console.log;\n${FOLLOW}`;
  const folder = projectOf(t, { "main.mjs": program });
  const child = spawn(NODE, ["main.mjs", app.base], { cwd: folder, env: {}, stdio: ["ignore", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stderr.on("data", (data) => {
    errors += data;
  });
  child.stdout.on("data", (data) => {
    if (out === "") void app.post([swap(1)]);
    out += data;
  });
  const [code] = await once(child, "close");
  assert.deepEqual([code, errors], [0, ""]);
  assert.equal(out, "1 trades, 3000\n2 trades, 6000\nclosed after number\n");
});

requires("the client in a page that Vite has built", { chromium: true }, ({ chromium }) => {
  let browser: Browser | undefined;
  after(() => browser?.close());

  test("a fresh project: a store changes in the page", async (t) => {
    let folder = "";
    const origin = await siteOf(t, () => join(folder, "dist"));
    const app = await withOneSwap(t, { "api.cors": origin });
    const files = {
      "package.json": '{"type":"module","private":true}',
      "index.html":
        '<!doctype html><link rel="icon" href="data:,"><ol></ol><script type="module" src="/main.js"></script>',
      "main.js": `
const url = "${app.base}";
const show = (text) => { document.querySelector("ol").innerHTML += "<li>" + text; };
${FOLLOW}`,
    };
    folder = projectOf(t, files, { vite: "dashboard/node_modules/vite" });
    run("node", ["node_modules/vite/bin/vite.js", "build", "--logLevel", "error"], folder);
    browser ??= await playwright.launch({ executablePath: chromium, args: FLAGS });
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => problems.push(message.text()));
    await page.goto(origin);
    await page.getByText("1 trades, 3000").waitFor();
    await app.post([swap(1)]);
    await page.getByText("closed after number").waitFor();
    const shown = await page.locator("li").allTextContents();
    assert.deepEqual(shown, ["1 trades, 3000", "2 trades, 6000", "closed after number"]);
    assert.deepEqual(problems, []);
  });
});
