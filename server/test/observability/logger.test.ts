import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger } from "../../src/observability/logger.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { startHarness } from "../serving/http/http-harness.ts";

describe("logs", () => {
  const logged = (format: "json" | "text", write: (logger: ReturnType<typeof createLogger>) => void): string[] => {
    const lines: string[] = [];
    write(createLogger({ level: "info", format }, { write: (line) => void lines.push(line) }));
    return lines;
  };

  test("a line is one JSON object with level, time and members", () => {
    const lines = logged("json", (logger) => {
      logger.debug("hidden");
      logger.warn({ partition: 0 }, "checkpoint damaged");
    });
    assert.equal(lines.length, 1);
    const { level, time, partition, msg } = JSON.parse(lines[0] ?? "");
    assert.deepEqual([level, partition, msg], ["warn", 0, "checkpoint damaged"]);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  });

  test("errors carry their code and causes", () => {
    const cause = new Error("disk is full");
    const lines = logged("json", (logger) =>
      logger.error({ err: new SwapstatsError("storage_failed", "no", { cause }) }),
    );
    const { err } = JSON.parse(lines[0] ?? "");
    assert.equal(err.code, "storage_failed");
    assert.equal(err.cause.message, "disk is full");
    assert.match(err.cause.stack, /logger\.test/);
  });

  test("secrets are not logged", () => {
    for (const format of ["json", "text"] as const) {
      const lines = logged(format, (logger) =>
        logger.info(
          { password: "hunter2", redis: { password: "hunter2" }, headers: { authorization: "hunter2" } },
          "x",
        ),
      );
      assert.ok(!lines.join("").includes("hunter2"));
    }
  });

  test("lines of text are for people, and foreign text cannot start a line of its own", () => {
    const [line] = logged("text", (logger) => logger.info({ url: "/a\n12:00 fake", n: 1 }, "re\nquest"));
    assert.match(line ?? "", /^\d\d:\d\d:\d\d\.\d\d\d info {2}re\?quest url="\/a\\n12:00 fake" n=1\n$/);
  });

  test("requests are logged at level debug only", async (t) => {
    const lines: string[] = [];
    const logger = createLogger({ level: "debug", format: "json" }, { write: (line) => void lines.push(line) });
    const { call } = await startHarness(t, { logger });
    await call("/api/tokens/BTC/stats");
    const { route, status, method } = JSON.parse(lines[0] ?? "");
    assert.deepEqual([method, route, status], ["GET", "/api/tokens/{id}/stats", 200]);
  });
});
