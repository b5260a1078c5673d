import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { ProblemError, problemDocument, problemOf, problemTable } from "../../src/serving/problems.ts";
import { type ErrorCode, SwapstatsError } from "../../src/shared/errors.ts";
import { assertProblem, startHarness } from "./http/http-harness.ts";

describe("the table of errors", () => {
  test("has a row for each code of the protocol and no other", () => {
    assert.deepEqual(Object.keys(problemTable).sort(), [...problemCodes].sort());
    assert.equal(new Set(problemCodes).size, problemCodes.length);
  });

  test("statuses are errors, titles are sentences of their own, and 429 and 503 say when to come back", () => {
    const titles = new Set<string>();
    for (const code of problemCodes) {
      const { status, title, retryAfterSeconds } = problemTable[code];
      assert.ok(status >= 400 && status <= 599, code);
      assert.match(title, /^[A-Z].*[^.]$/, code);
      assert.equal(retryAfterSeconds !== undefined, status === 429 || status === 503, code);
      titles.add(title);
    }
    assert.equal(titles.size, problemCodes.length);
  });

  test("every error of the layers below has a problem, and its text stays inside when it is no fault of the caller", () => {
    const codes: Record<ErrorCode, number> = {
      bad_config: 500,
      bad_request: 400,
      checkpoint_conflict: 500,
      checkpoint_damaged: 500,
      checkpoint_incompatible: 500,
      cursor_expired: 410,
      data_folder_locked: 500,
      internal: 500,
      log_damaged: 500,
      log_full: 503,
      not_found: 404,
      overloaded: 503,
      records_dropped: 500,
      storage_failed: 503,
      too_large: 413,
      unauthorized: 401,
      unavailable: 503,
      usage: 500,
    };
    for (const [code, status] of Object.entries(codes)) {
      const error = new SwapstatsError(code as ErrorCode, "secret detail");
      const problem = problemOf(error);
      assert.equal(problemTable[problem.code].status, status, code);
      assert.equal(problem.message.includes("secret detail"), status !== 500, code);
      assert.equal(problem.cause, error);
    }
    assert.equal(problemOf(new TypeError("x")).code, "internal");
    assert.equal(problemOf("x").code, "internal");
  });

  test("documents have the members of RFC 9457", () => {
    const problem = new ProblemError("ambiguous_token", "what", { candidates: [{ id: "1:a", chain_id: 1 }], more: 2 });
    assert.deepEqual(problemDocument(problem, "/x?y"), {
      type: "/docs#problem-ambiguous_token",
      title: "The name stands for several tokens",
      status: 409,
      detail: "what",
      code: "ambiguous_token",
      instance: "/x?y",
      candidates: [{ id: "1:a", chain_id: 1 }],
      more: 2,
    });
  });

  test("the type of each problem leads to its place in the page for people", async (t) => {
    const { call } = await startHarness(t);
    const page = (await call("/docs")).text;
    for (const code of problemCodes) assert.ok(page.includes(`id="problem-${code}"`), code);
  });
});

describe("requests that no call takes", () => {
  test("unknown paths, other methods, absent calls, /ws without WebSocket", async (t) => {
    const { call } = await startHarness(t);
    assertProblem(await call("/nothing/here"), 404, "not_found");
    assertProblem(await call("/api/tokens//stats/"), 404, "not_found");
    const wrong = await call("/api/status", { method: "DELETE" });
    assertProblem(wrong, 405, "method_not_allowed");
    assert.equal(wrong.headers.get("allow"), "GET, HEAD");
    assertProblem(await call("/api/status", { method: "QUERY" }), 405, "method_not_allowed");
    assertProblem(await call("/api/status", { method: "POST", body: "x" }), 405, "method_not_allowed");
    assertProblem(await call("/nothing", { method: "POST", body: "x" }), 404, "not_found");
    assert.equal((await call("/api/swaps")).headers.get("allow"), "POST");
    assertProblem(await call("/api/audit/1:BTC?window=5m"), 404, "history_off");
    const plain = await call("/ws");
    assertProblem(plain, 426, "upgrade_required");
    assert.equal(plain.headers.get("upgrade"), "websocket");
  });

  test("paths that are not valid UTF-8, or too long", async (t) => {
    const { call } = await startHarness(t);
    assertProblem(await call("/api/tokens/%ff/stats"), 400, "bad_request");
    assertProblem(await call(`/api/tokens/${"a".repeat(257)}/stats`), 400, "invalid_parameters");
    assertProblem(await call(`/api/status?${"a".repeat(9_000)}`), 414, "uri_too_long");
    const repeated = await call("/nothing/%22%3E".concat("a".repeat(3_000)));
    assertProblem(repeated, 404, "not_found");
    assert.ok(repeated.text.length < 2_000, "what a problem repeats of a request is bounded");
  });

  test("an unexpected error is a 500 that tells nothing, and a line in the log that tells all", async (t) => {
    const { call, bus, logLines } = await startHarness(t);
    bus.failure = new TypeError("inner detail");
    const answer = await call("/api/status");
    assertProblem(answer, 500, "internal");
    assert.ok(!answer.text.includes("inner detail"));
    assert.equal(logLines.length, 1);
    assert.match(logLines[0] ?? "", /inner detail/);
  });
});
