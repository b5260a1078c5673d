/**
 * Takes pictures of views for people to look at: at 390, 768, 1280 and 1920 pixels, in both themes.
 *
 *   node dashboard/test/support/look.ts [--base URL] [--out FOLDER] [--wait MS] [--widths 390,1280] [--themes dark] [--token JWT] [HASH...]
 *
 * Without --base it starts a service with synthetic swaps. HASH is a place such as `#/screener?preset=gainers`; by default all views.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { startService } from "./service.ts";

const HEIGHTS: Readonly<Record<string, number>> = { 390: 844, 768: 1024, 1280: 800, 1920: 1080 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: "string" },
    out: { type: "string", default: "/tmp/look" },
    wait: { type: "string", default: "2500" },
    widths: { type: "string", default: "390,768,1280,1920" },
    themes: { type: "string", default: "light,dark" },
    token: { type: "string" },
  },
});

const ends: (() => Promise<void> | void)[] = [];
const base = values.base ?? (await startService({ after: (run) => void ends.push(run as () => Promise<void>) })).base;
const places = positionals.length > 0 ? positionals : ["#/screener", "#/token/WETH", "#/inspector", "#/operations"];
mkdirSync(values.out, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
for (const colorScheme of values.themes.split(",") as ("light" | "dark")[]) {
  for (const width of values.widths.split(",").map(Number)) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: HEIGHTS[width] ?? 800 } });
    if (values.token !== undefined) {
      await context.addInitScript((token) => sessionStorage.setItem("swapstats.token", token), values.token);
    }
    await Promise.all(
      places.map(async (place) => {
        const page = await context.newPage();
        page.on("console", (message) => message.type() === "error" && console.error(place, message.text()));
        page.on("pageerror", (error) => console.error(place, error));
        await page.goto(`${base}/${place}`);
        await page.waitForTimeout(Number(values.wait));
        const name = place.replaceAll(/[^a-z0-9]+/gi, "-").replaceAll(/^-|-$/g, "");
        const path = join(values.out, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path });
        console.log(path);
      }),
    );
    await context.close();
  }
}
await browser.close();
for (const end of ends) await end();
