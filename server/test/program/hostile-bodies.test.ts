/** Hostile bodies through the whole program. Each is refused with a reason, plain and compressed, and the service continues. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApps } from "../support/app-harness.ts";
import { gzipped, hostileBodies } from "../support/hostile-bodies.ts";

const BYTES = 20_000;

test("hostile bodies are refused, plain and compressed", async (t) => {
  const { base, post, caughtUp } = await new TestApps(t).start();
  const answerTo = async (body: Buffer, coding: Record<string, string>): Promise<[number, string]> => {
    const headers = { "content-type": "application/x-ndjson", ...coding };
    const response = await fetch(`${base}/api/swaps`, { method: "POST", headers, body: new Uint8Array(body) });
    const text = await response.text();
    const { code, accepted } = JSON.parse(text) as { code?: string; accepted?: number };
    return [response.status, code ?? `${accepted} accepted`];
  };
  let accepted = 0;
  for (const body of hostileBodies) {
    const [status, what] = await answerTo(body.of(BYTES), {});
    assert.ok([202, 400, 413, 422].includes(status), `${body.name}: ${status} ${what}`);
    assert.deepEqual(
      await answerTo(gzipped(body).of(BYTES), { "content-encoding": "gzip" }),
      [status, what],
      body.name,
    );
    if (status === 202) accepted += 2;
  }
  const swap = {
    chain_id: 1,
    tx_hash: "0xab",
    log_index: 1,
    token: "T",
    side: "buy",
    amount_token: "1",
    amount_usd: "1",
  };
  await post([{ ...swap, event_time: Date.now() }]);
  const { counters } = await caughtUp();
  assert.equal(counters.accepted, accepted + 1);
  assert.equal(counters.dead_letters.malformed_json ?? 0, 0, "what cannot be read never reaches the log");
});
