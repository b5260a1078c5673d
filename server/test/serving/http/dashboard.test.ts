import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { tempDir } from "../../support/tmp.ts";
import { assertProblem, startHarness } from "./http-harness.ts";

const PAGE = '<!doctype html><title>built</title><script type="module" src="./assets/index-abc.js"></script>';
const SCRIPT = `console.log(${JSON.stringify("a line. ".repeat(500))});`;
const BROWSER = { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } };

function builtFolder(t: TestContext): string {
  const folder = tempDir(t, "dashboard");
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), PAGE);
  writeFileSync(join(folder, "assets/index-abc.js"), SCRIPT);
  writeFileSync(join(folder, "assets/icon-abc.svg"), "<svg/>");
  writeFileSync(join(folder, "assets/notes.txt"), "not for browsers");
  return folder;
}

describe("the dashboard", () => {
  test("browsers get the page with a strict policy, others get the index", async (t) => {
    const { call } = await startHarness(t, { dashboardDir: builtFolder(t) });
    const page = await call("/", BROWSER);
    assert.equal(page.status, 200);
    assert.equal(page.text, PAGE);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(page.headers.get("cache-control"), "no-cache");
    assert.equal(page.headers.get("vary"), "accept, accept-encoding");
    assert.equal(page.headers.get("referrer-policy"), "no-referrer");
    const policy = page.headers.get("content-security-policy") ?? "";
    assert.deepEqual(policy.split("; "), [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    for (const init of [{}, { headers: { accept: "application/json" } }]) {
      const index = await call("/", init);
      assert.equal(index.json.name, "swapstats");
      assert.ok(Object.values(index.json.links as object).includes("/docs"));
    }
  });

  test("its files are cached forever, and compressed as the client prefers", async (t) => {
    const { call, port } = await startHarness(t, { dashboardDir: builtFolder(t) });
    for (const coding of ["br", "gzip", "identity"]) {
      const response = await fetch(`http://127.0.0.1:${port}/assets/index-abc.js`, {
        headers: { "accept-encoding": coding },
      });
      assert.equal(response.headers.get("content-encoding"), coding === "identity" ? null : coding);
      assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
      assert.match(response.headers.get("cache-control") ?? "", /max-age=31536000, immutable/);
      assert.equal(await response.text(), SCRIPT);
      const again = { "if-none-match": response.headers.get("etag") as string };
      assert.equal((await fetch(response.url, { headers: again })).status, 304);
      const head = await fetch(response.url, { method: "HEAD" });
      assert.deepEqual([head.status, await head.text()], [200, ""]);
    }
    assert.equal(
      (await fetch(`http://127.0.0.1:${port}/assets/icon-abc.svg`)).headers.get("content-type"),
      "image/svg+xml",
    );
    for (const name of ["index-old.js", "notes.txt", "..%2findex.html", "__proto__"]) {
      assertProblem(await call(`/assets/${name}`), 404, "not_found");
    }
  });

  test("without a build the page says how to make it, and the service works", async (t) => {
    const { call } = await startHarness(t, { dashboardDir: tempDir(t, "empty") });
    assert.match((await call("/", BROWSER)).text, /The dashboard is not built\. Run <code>npm run build<\/code>/);
    assert.equal((await call("/")).json.name, "swapstats");
    assertProblem(await call("/assets/index-abc.js"), 404, "not_found");
  });

  test("turned off, the page has links and no such sentence", async (t) => {
    const { call } = await startHarness(t, { dashboardDir: undefined });
    const { text } = await call("/", BROWSER);
    assert.match(text, /href="\/docs"/);
    assert.doesNotMatch(text, /not built/);
  });
});
