/** What is in the package, and how large it is in a program that uses it. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { projectOf, REPOSITORY, run } from "./project.ts";

const GZIP_BYTES_MAX = 15 * 1_024;
const CLIENT = "node_modules/@swapstats/client";
const VITE = { vite: "dashboard/node_modules/vite" };

test("it holds code, declarations, read-me and licence, and depends on nothing", (t) => {
  const folder = join(projectOf(t, {}), CLIENT);
  const files = globSync("**/*.*", { cwd: folder });
  const sources = globSync("**/*.ts", { cwd: join(REPOSITORY, "sdk/src") }).map((file) => `dist/${file.slice(0, -3)}`);
  const built = sources.flatMap((stem) => [`${stem}.js`, `${stem}.d.ts`]);
  assert.deepEqual(files.sort(), ["README.md", "package.json", ...built].sort());
  assert.ok(globSync("LICENSE", { cwd: folder }).length === 1);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([manifest["dependencies"], manifest["peerDependencies"]], [undefined, undefined]);
});

test("code and declarations import files of the package alone", (t) => {
  const folder = join(projectOf(t, {}), CLIENT);
  const files = globSync("dist/**/*.{js,ts}", { cwd: folder });
  assert.ok(files.length > 0);
  for (const file of files) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      assert.match(specifier!, /^\.\.?\/.*\.[jt]s$/, `${file} imports ${specifier}`);
    }
    assert.doesNotMatch(text, /\/\/\/ <reference/, file);
  }
});

describe("its types are found, and hold without skipLibCheck,", () => {
  const program = `
import { type Client, ClientError, createClient, type LiveStore, type TokenData, type TokenStats } from "@swapstats/client";
const client: Client = createClient({ url: "http://127.0.0.1:8080", token: async () => "key" });
const store: LiveStore<TokenData> = client.token("WETH", { windows: ["5m"] });
const stop = store.subscribe((data) => console.log(data?.windows["5m"]?.volume_usd?.length));
const stats: TokenStats = await client.http.tokenStats("WETH", { fields: ["close"] }, { signal: AbortSignal.timeout(5) });
for await (const { order } of client.overview({ window: "5m", sort: "volume_usd" })) console.log(order.length, stats.rev);
// @ts-expect-error: no such figure
await client.http.tokenStats("WETH", { fields: ["closed"] });
try { await store.ready; } catch (error) { if (error instanceof ClientError) console.log(error.code, error.problem?.candidates); }
stop();
`;
  const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
  const base = { ...strict, target: "es2022", noEmit: true, skipLibCheck: false };
  const ofBrowser = { lib: ["es2022", "dom", "dom.iterable"], types: [] };
  const ofNode = { lib: ["es2023"], types: ["node"] };
  const cases = {
    "by a bundler for browsers": { ...base, ...ofBrowser, module: "esnext", moduleResolution: "bundler" },
    "by Node with the types of browsers": { ...base, ...ofBrowser, module: "nodenext", moduleResolution: "nodenext" },
    "by Node with its own types": { ...base, ...ofNode, module: "nodenext", moduleResolution: "nodenext" },
  };
  const links = { "@types/node": "node_modules/@types/node", "undici-types": "node_modules/undici-types" };
  for (const [what, compilerOptions] of Object.entries(cases)) {
    test(what, (t) => {
      const tsconfig = JSON.stringify({ compilerOptions, files: ["main.ts"] });
      const files = { "main.ts": program, "tsconfig.json": tsconfig, "package.json": '{"type":"module"}' };
      run("tsc", ["-p", "."], projectOf(t, files, links));
    });
  }
});

/** Returns the bytes of the minified bundle of a program, by gzip. */
function bundledBytes(t: TestContext, program: string): number {
  const build = `
import { build } from "vite";
const lib = { entry: "main.ts", formats: ["es"] };
const result = await build({ logLevel: "silent", build: { write: false, minify: true, target: "es2022", lib, rollupOptions: { output: { minify: true } } } });
process.stdout.write(result[0].output.map(({ code }) => code).join(""));`;
  const files = { "main.ts": program, "build.mjs": build, "package.json": '{"type":"module"}' };
  return gzipSync(run("node", ["build.mjs"], projectOf(t, files, VITE))).length;
}

test("a program bundles what it uses, and everything has at most 15 KiB by gzip", (t) => {
  const nothing = gzipSync("").length;
  const all = bundledBytes(t, `export * from "@swapstats/client";`);
  const client = bundledBytes(t, `export { createClient } from "@swapstats/client";`);
  const http = bundledBytes(t, `export { createHttpCalls } from "@swapstats/client";`);
  const types = bundledBytes(t, `import type { Client } from "@swapstats/client"; export const f = (c: Client) => c;`);
  t.diagnostic(`bytes by gzip: everything ${all}, createClient ${client}, createHttpCalls ${http}, types ${types}`);
  assert.ok(all <= GZIP_BYTES_MAX, `everything has ${all} bytes`);
  assert.ok(client < all, `createClient alone has ${client} bytes`);
  assert.ok(http < client / 2, `createHttpCalls alone has ${http} bytes`);
  assert.ok(types < nothing + 60, `types alone have ${types} bytes`);
});
