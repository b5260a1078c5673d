/**
 * The API tried by schemathesis (https://schemathesis.readthedocs.io): requests made from the OpenAPI document, valid and not, against the
 * whole program with swaps in it. No answer may be a failure of the service, each must fit the document, and what the document allows must
 * be taken, but for rules that a schema cannot say; those are listed here.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findServer } from "../../../scripts/servers/install.ts";
import { type Json, TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";

/** How long it searches, and how long it may take on a machine that does much else. */
const SEARCH_SECONDS = 30;
const RUN_MS_MAX = 240_000;
const EXAMPLES_MAX = 15;
/** Queries of the screener refer to themselves. The tool's list of all their forms does not end in minutes, so these are found by chance alone. */
const SCREENER = "/api/screener";

/** Refusals of requests that fit the schemas, and one answer to requests that do not. */
const ALLOWED: readonly { readonly operation: string; readonly says: RegExp; readonly why: string }[] = [
  {
    operation: "GET /api/overview",
    says: /cursor is not one that this service gave|cursor belongs to|"detail":"spark must be/,
    why: "a cursor is a text that only the service can make, and the points of a sparkline depend on its window",
  },
  {
    operation: "POST /api/screener",
    says: /cursor is not one that this service gave|cursor belongs to|"detail":"(?:filter|sort|spark)/,
    why: "a cursor is a text that only the service can make, and a schema compares no two values of a query",
  },
  {
    operation: "GET /api/tokens/{id}/candles",
    says: /from is later than to|candles of that length cannot be told/,
    why: "a schema does not compare two parameters",
  },
  {
    operation: "POST /api/swaps",
    says: /no_event_accepted|events? break a rule/,
    why: "amounts may be given as decimals in texts, whose value a pattern does not bound; prices follow from two of them",
  },
  {
    operation: "POST /api/swaps",
    says: /ST201 .*"accepted":[1-9]\d*,"rejected":\[\{/s,
    why: "a list is taken when one of its swaps is; the response names those that are not",
  },
];

/** Answers to requests that do not fit, beside those that it expects anyhow: their head or address is too long as well. */
const CONFIG = `[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429, 431]
`;

type Failure = { readonly operation: string; readonly title: string; readonly text: string };

/** The failures of a run, from what it prints for people: its report for programs leaves the answers out. */
function failuresOf(output: string): Failure[] {
  const failures = output.slice(output.indexOf("= FAILURES ="), output.indexOf("= SUMMARY ="));
  if (!output.includes("= FAILURES =")) return [];
  const sections = failures.split(/^_{3,} ([A-Z]+ \/\S*) _{3,}$/m).slice(1);
  const found: Failure[] = [];
  for (let i = 0; i < sections.length; i += 2) {
    const [operation = "", text = ""] = sections.slice(i, i + 2);
    for (const block of text.split(/^\d+\. Test Case ID: /m).slice(1)) {
      for (const [, title = ""] of block.matchAll(/^- (ST\d+ .+)$/gm)) found.push({ operation, title, text: block });
    }
  }
  return found;
}

/** Prints what the schema of OpenAPI 3.1, which schemathesis carries, finds wrong in the document of standard input. */
const VALIDATE = `import json, sys
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
print("\\n".join(f"{error.instance_path}: {error.message}" for error in OPENAPI_31_VALIDATOR.iter_errors(json.load(sys.stdin))))
`;

requires("the API tried by schemathesis", { servers: ["schemathesis"] }, () => {
  test("the document is valid by the schema of OpenAPI 3.1", async (t) => {
    const { call } = await new TestApps(t).start();
    const { text, json } = await call("/openapi.json");
    const found = (input: string): string =>
      execFileSync(findServer("schemathesis") as string, ["-c", VALIDATE], { input, encoding: "utf8" }).trim();
    assert.equal(found(text), "");
    assert.notEqual(found(JSON.stringify({ ...json, info: {} })), "", "the check finds what it is for");
  });

  test("the service never fails, and every response matches the document", async (t) => {
    const seed = seedOf(t);
    const { base, post, caughtUp, call } = await new TestApps(t).start();
    const swap = {
      chain_id: 1,
      log_index: 0,
      side: "buy",
      amount_token: "1",
      amount_usd: "10",
      event_time: Date.now(),
    };
    const weth = { token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", token_symbol: "WETH" };
    await post([
      { ...swap, ...weth, tx_hash: "0xa1" },
      { ...swap, ...weth, tx_hash: "0xa2", side: "sell" },
      ...Array.from({ length: 20 }, (_, i) => ({ ...swap, token: `0x${i}`, tx_hash: `0xb${i}` })),
    ]);
    await caughtUp();
    const folder = tempDir(t, "schemathesis");
    const document = (await call("/openapi.json")).json;
    // It makes no lines of JSON.
    delete document.paths["/api/swaps"].post.requestBody.content["application/x-ndjson"];
    // A stream does not end.
    delete document.paths["/api/stream"];
    writeFileSync(join(folder, "openapi.json"), JSON.stringify(document));
    writeFileSync(join(folder, "schemathesis.toml"), CONFIG);
    const python = findServer("schemathesis") as string;
    const screener = await run(python, folder, base, seed, [
      "--include-path",
      SCREENER,
      "--phases",
      "examples,fuzzing",
    ]);
    assertAllowed(screener.output);
    assert.equal(screener.report.errors.length, 0, screener.output);
    const others = ["--exclude-path", SCREENER, "--phases", "examples,coverage,fuzzing"];
    const { output, report } = await run(python, folder, base, seed, others);
    assertAllowed(output);
    assert.equal(report.errors.length, 0, output);
    assert.equal(report.operations.tested, report.operations.selected, output);
    assert.ok(report.test_cases.generated > 500, `${report.test_cases.generated} cases are too few to show anything`);
    // Both kinds are tried: answers with figures, and refusals.
    for (const operation of ["GET /api/tokens/{id}/stats", "POST /api/tokens/stats", "POST /api/swaps"]) {
      const phases = Object.values(report.valid_rates[operation]) as { accepted: number }[];
      assert.ok(
        phases.some(({ accepted }) => accepted > 0),
        `${operation} was never accepted`,
      );
    }
    assert.equal((await call("/readyz")).status, 200);
  });
});

/** Asserts that nothing failed but what is allowed. */
function assertAllowed(output: string): void {
  const unexpected = failuresOf(output).filter(
    ({ operation, title, text }) =>
      !/^ST20[12] /.test(title) || !ALLOWED.some((one) => one.operation === operation && one.says.test(text)),
  );
  assert.deepEqual(unexpected, [], output);
}

async function run(
  python: string,
  folder: string,
  base: string,
  seed: number,
  selection: readonly string[],
): Promise<{ output: string; report: Json }> {
  const report = join(folder, "report.json");
  const args = [
    ...["-m", "schemathesis.cli", "--config-file", join(folder, "schemathesis.toml")],
    ...["run", join(folder, "openapi.json"), "--url", base, "--seed", String(seed)],
    ...[...selection, "--max-examples", String(EXAMPLES_MAX)],
    ...["--max-time", String(SEARCH_SECONDS), "--continue-on-failure", "--report-json-path", report],
    ...["--exclude-checks", "use_after_free,ensure_resource_availability,ignored_auth,object_level_authorization"],
  ];
  const env = { ...process.env, NO_COLOR: "1", COLUMNS: "4000" };
  const { promise, resolve } = Promise.withResolvers<string>();
  // It exits with 1 when anything failed, also what is allowed here.
  execFile(python, args, { env, timeout: RUN_MS_MAX, maxBuffer: 1 << 26, cwd: folder }, (_error, stdout, stderr) => {
    resolve(stdout + stderr);
  });
  const output = await promise;
  assert.ok(existsSync(report), output);
  return { output, report: JSON.parse(readFileSync(report, "utf8")) };
}
