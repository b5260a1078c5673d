/** The dashboard behind a proxy that adds a path prefix (HAProxy). */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../../scripts/servers/ports.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { tempDir } from "../../../server/test/support/tmp.ts";
import { openerOf, reads } from "../support/browser.ts";
import { startService } from "../support/service.ts";

requires("the dashboard behind a path prefix", { chromium: true, programs: ["haproxy"] }, ({ chromium }) => {
  const open = openerOf(chromium);

  test("page, files, live data and links work below the prefix", async (t) => {
    const { base } = await startService(t);
    const port = await freePort();
    const file = join(tempDir(t), "haproxy.cfg");
    writeFileSync(
      file,
      `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend all
  bind 127.0.0.1:${port}
  http-request deny unless { path_beg /swaps/ }
  http-request replace-path /swaps(/.*) \\1
  default_backend service
backend service
  server one ${new URL(base).host}
`,
    );
    const haproxy = spawn("haproxy", ["-f", file, "-db"], { stdio: ["ignore", "ignore", "inherit"] });
    t.after(async () => {
      haproxy.kill();
      await once(haproxy, "exit");
    });
    while (
      !(await fetch(`http://127.0.0.1:${port}/swaps/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    );
    const { page, complaints } = await open(t, `http://127.0.0.1:${port}/swaps/#/screener`);
    await page.locator(".connection.live").waitFor();
    await reads(page.locator(".market dd").first(), /^\$\d/);
    await page.getByLabel("Menu").click();
    const [docs] = await page
      .locator(".menu a")
      .evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).href));
    assert.equal(docs, `http://127.0.0.1:${port}/swaps/docs`);
    assert.equal((await fetch(docs as string)).status, 200);
    assert.deepEqual(complaints, []);
  });
});
