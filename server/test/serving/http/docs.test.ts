/** docs/http-api.md agrees with the program. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { Metrics } from "../../../src/observability/metrics.ts";
import { DEFAULT_HTTP_LIMITS } from "../../../src/serving/http/http-limits.ts";
import { operationsOf } from "../../../src/serving/http/operations.ts";
import { problemTable } from "../../../src/serving/problems.ts";
import { PENDING_QUERIES_MAX, QUERY_TIMEOUT_MS } from "../../../src/serving/query-executor.ts";

const text = readFileSync(resolve(import.meta.dirname, "../../../../docs/http-api.md"), "utf8");

describe("docs/http-api.md", () => {
  test("lists the problems of the table, in its words", () => {
    const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \| (.+) \|$/gm)].map(([, code, status, title]) => [
      code,
      Number(status),
      title,
    ]);
    assert.deepEqual(
      rows,
      problemCodes.map((code) => [code, problemTable[code].status, problemTable[code].title]),
    );
  });

  test("names every operation", () => {
    const pages = new Set(["/", "/docs", "/openapi.json", "/asyncapi.json"]);
    for (const { method, path } of operationsOf(["5m"])) {
      const named = pages.has(path) ? text.includes(`\`${path}\``) || path === "/" : text.includes(`${method} ${path}`);
      assert.ok(named, `${method} ${path}`);
    }
  });

  test("names every metric of the service with its type", async () => {
    const metrics = await new Metrics().text();
    const section = text.slice(text.indexOf("## Metrics"));
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const documented = rows.flatMap((line) => {
      const [, names = "", type = ""] = line.split("|").map((cell) => cell.trim());
      return [...names.matchAll(/`(\w+)(?:\{[\w,]+\})?`/g)].map(([, name]) => `swapstats_${name} ${type}`);
    });
    const real = [...metrics.matchAll(/^# TYPE (swapstats_\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    assert.deepEqual(documented.sort(), real.sort());
  });

  test("states the limits in force", () => {
    const limits = DEFAULT_HTTP_LIMITS;
    const kib = (bytes: number) => `${bytes / 1024} KiB`;
    const mib = (bytes: number) => `${bytes / 2 ** 20} MiB`;
    const seconds = (ms: number) => `${ms / 1000} s`;
    const grouped = (count: number) => count.toLocaleString("en-US");
    for (const row of [
      `${kib(limits.queryBodyBytesMax)}; ${limits.jsonDepthMax}`,
      mib(limits.bodyBytesInFlightMax),
      `${kib(limits.headerBytesMax)}; ${limits.headerFieldsMax}; ${grouped(limits.uriCharsMax)} characters`,
      `${seconds(limits.headersTimeoutMs)}; ${seconds(limits.requestTimeoutMs)}`,
      `${seconds(limits.keepAliveTimeoutMs)}; ${seconds(limits.idleSocketTimeoutMs)}`,
      grouped(limits.connectionsMax),
      `${grouped(PENDING_QUERIES_MAX)}; ${seconds(QUERY_TIMEOUT_MS)}`,
      seconds(limits.ingestTimeoutMs),
      mib(limits.bodyBytesPerClientMax),
      `${kib(limits.uploadWindowBytesMin)} in ${seconds(limits.uploadWindowMs)}`,
      `${mib(limits.responseBytesInFlightMax)}; ${mib(limits.responseBytesPerClientMax)}`,
      `${kib(limits.readWindowBytesMin)} in ${seconds(limits.readWindowMs)}`,
      `${grouped(limits.requestsMax)}; ${grouped(limits.requestsPerClientMax)}`,
      String(limits.pipelinedMax),
      `${mib(limits.lingerBytesMax)}; ${seconds(limits.lingerMs)}`,
      `${grouped(requestLimits.cursorMax)} characters`,
    ]) {
      assert.ok(text.includes(`| ${row} |`), row);
    }
    assert.ok(text.includes(`up to ${requestLimits.idsMax} tokens`));
    assert.ok(text.includes(`at most ${requestLimits.swapsMax}`));
  });
});
