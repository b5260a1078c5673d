/** README.md of the client: its examples run against the real service, its recipes fit the types of the frameworks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { compile } from "svelte/compiler";
import { TestApps } from "../../../server/test/support/app-harness.ts";
import { settledApp } from "../../../server/test/support/settled-app.ts";
import { printedBy, projectOf, REPOSITORY, run } from "./project.ts";

const README = readFileSync(join(REPOSITORY, "sdk/README.md"), "utf8");

/** Returns the blocks of a language, in order. */
const blocksOf = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text!);

/** The token of the examples, with enough volume for the filter. */
const swap = (index: number) => ({
  ...{ chain_id: 1, tx_hash: "0x01", log_index: index, token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2" },
  ...{ token_symbol: "WETH", side: "buy", amount_token: "2", amount_usd: "3000", event_time: Date.now() },
});

describe("the examples run, and print what they are for:", () => {
  const printed = [
    /^6000 2 \d+\n$/,
    /^live\nWETH 0\noffline\n$/,
    /^WETH 1500 \d{13}\nunknown_token 404 No swap of the token .*\n$/,
    /^history_off\n$/,
    /^(undefined\n)*(\d{13} [1-9]\d*\n)+$/,
    /^1\n$/,
  ];
  const examples = blocksOf("js");

  test("there is an expectation for each", () => assert.equal(examples.length, printed.length));

  for (const [index, example] of examples.entries()) {
    test(`example ${index + 1}`, async (t) => {
      if (example.includes("replay: {")) {
        const app = await settledApp(t);
        const then = example.replace("2026-01-31T12:00:00Z", new Date(app.swaps[120]!.event_time).toISOString());
        return assert.match(await printedBy(t, then, app.base), printed[index]!);
      }
      const app = await new TestApps(t).start();
      await app.post([swap(0), swap(1)]);
      await app.caughtUp();
      assert.match(await printedBy(t, example, app.base), printed[index]!);
    });
  }
});

describe("the recipes fit", () => {
  test("React, Solid and Vue", (t) => {
    const options = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: true,
      jsx: "react-jsx",
    };
    const places = {
      module: "esnext",
      moduleResolution: "bundler",
      target: "es2022",
      lib: ["es2023", "dom"],
      types: [],
    };
    const [react, solid, vue] = [...blocksOf("tsx"), ...blocksOf("ts")];
    const files = { "react.tsx": react!, "solid.ts": solid!, "vue.ts": vue! };
    for (const [file, text] of Object.entries(files)) assert.ok(text.includes(`"${file.split(".")[0]}`), file);
    const tsconfig = JSON.stringify({ compilerOptions: { ...options, ...places }, files: Object.keys(files) });
    const links = ["@types/react", "csstype", "solid-js", "vue"].map((name) => [name, `node_modules/${name}`]);
    run("tsc", ["-p", "."], projectOf(t, { ...files, "tsconfig.json": tsconfig }, Object.fromEntries(links)));
  });

  test("Svelte: the component compiles, and a live store is a store", (t) => {
    const [component] = blocksOf("svelte");
    assert.deepEqual(compile(component!, { generate: "client" }).warnings, []);
    const program = `
import type { LiveStore, TokenData } from "@swapstats/client";
import type { Readable } from "svelte/store";
export const readable = (store: LiveStore<TokenData>): Readable<TokenData | undefined> => store;`;
    const options = { strict: true, noEmit: true, skipLibCheck: true, module: "esnext", moduleResolution: "bundler" };
    const tsconfig = JSON.stringify({
      compilerOptions: { ...options, target: "es2022", lib: ["es2023", "dom", "dom.iterable"], types: [] },
      files: ["main.ts"],
    });
    run(
      "tsc",
      ["-p", "."],
      projectOf(t, { "main.ts": program, "tsconfig.json": tsconfig }, { svelte: "node_modules/svelte" }),
    );
  });
});
