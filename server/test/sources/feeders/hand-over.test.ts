import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { IngestPort, IngestResult } from "../../../src/ports/intake.ts";
import { type ErrorCode, SwapstatsError } from "../../../src/shared/errors.ts";
import { handOver } from "../../../src/sources/feeders/hand-over.ts";

const BODY = new TextEncoder().encode("{}");
const TAKEN: IngestResult = { accepted: 1, rejected: [] };

/** A log that fails in these ways before it takes a body, and detaches its buffer as the real one does. */
class FailingPort implements IngestPort {
  readonly bodies: string[] = [];
  readonly #failures: ErrorCode[];

  constructor(failures: ErrorCode[]) {
    this.#failures = failures;
  }

  async ingest(body: Uint8Array): Promise<IngestResult> {
    this.bodies.push(new TextDecoder().decode(body));
    structuredClone(body.buffer, { transfer: [body.buffer as ArrayBuffer] });
    const code = this.#failures.shift();
    if (code !== undefined) throw new SwapstatsError(code, code, { retryable: true });
    return TAKEN;
  }
}

/** Moves the clock until the promise settles. */
async function settled<T>(t: TestContext, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const done = promise.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    t.mock.timers.tick(1_000);
    await nextTurn();
  }
  return done;
}

test("a body is handed over again, whole, until the log has it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const port = new FailingPort(["log_full", "storage_failed", "unavailable"]);
  const problems: boolean[] = [];
  const onProblem = (_error: unknown, retrying: boolean): void => void problems.push(retrying);
  const handed = await settled(t, handOver(port, BODY, { onProblem }, new AbortController().signal));
  assert.deepEqual(handed, { kind: "taken", result: TAKEN });
  assert.deepEqual(port.bodies, ["{}", "{}", "{}", "{}"]);
  assert.deepEqual(problems, [true, true, true]);
});

test("a body with a permanent error is refused at once", async () => {
  for (const code of ["bad_request", "too_large"] as const) {
    const port = new FailingPort([code]);
    const problems: boolean[] = [];
    const onProblem = (_error: unknown, retrying: boolean): void => void problems.push(retrying);
    const handed = await handOver(port, BODY, { onProblem }, new AbortController().signal);
    assert.ok(handed.kind === "refused" && handed.error.code === code);
    assert.deepEqual(problems, [false]);
  }
});

test("a stop ends the pause, and swaps that are not durable are not acknowledged", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stop = new AbortController();
  const port = new FailingPort(["log_full"]);
  // No timer is moved: only the stop can end the pause.
  const onProblem = (): void => void setImmediate(() => stop.abort());
  assert.deepEqual(await handOver(port, BODY, { onProblem }, stop.signal), { kind: "stopped" });
  assert.deepEqual(await handOver(port, BODY, { onProblem }, stop.signal), { kind: "stopped" });
  assert.equal(port.bodies.length, 1);
});
