import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { AuditLog } from "../../src/access/audit-log.ts";
import { Identities } from "../../src/access/identity/identities.ts";
import type { Sender } from "../../src/access/identity.ts";
import type { Buckets } from "../../src/access/limits/buckets.ts";
import { addressReader } from "../../src/access/limits/client-address.ts";
import { MemoryBuckets } from "../../src/access/limits/memory-buckets.ts";
import { policiesOf } from "../../src/access/limits/policies.ts";
import { RateLimiter } from "../../src/access/limits/rate-limiter.ts";
import { createGate } from "../../src/serving/create-gate.ts";
import { type Gate, type Passage, passGate } from "../../src/serving/gate.ts";
import { limitedGate } from "../../src/serving/limited-gate.ts";
import type { OperationName } from "../../src/serving/operation-rules.ts";

const LIMIT = { refillPerSec: 1, burst: 3 };
const LIMITS = { requests: LIMIT, connects: LIMIT, messages: LIMIT, subscriptions: LIMIT };
const SECRET_KEY = "a-key-that-nobody-knows";

type Opened = { gate: Gate; limited: string[]; lines: Record<string, unknown>[] };

function openGate(t: TestContext, mode: "open" | "required", buckets: Buckets = new MemoryBuckets()): Opened {
  const limited: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const audit = new AuditLog({ info: (line: object) => void lines.push(line as Record<string, unknown>) } as never);
  const limiter = new RateLimiter({
    ...{ buckets, byJwt: policiesOf("by_jwt", LIMITS), byIp: policiesOf("by_ip", LIMITS) },
    ...{ ipOf: "anonymous", steadyMs: () => 0 },
  });
  const tickets = { issue: () => assert.fail(), redeem: () => assert.fail(), close: () => {} };
  const identities = new Identities({ verifier: undefined, hasKeys: true, tickets, nowMs: () => 0 } as never);
  const addressOf = addressReader([]);
  const gate = limitedGate(createGate({ mode, docs: "open" }, identities, addressOf), {
    ...{ limiter, audit, onLimited: (policy: string) => void limited.push(policy) },
  });
  t.after(() => audit.close());
  return { gate, limited, lines };
}

const sender = (key?: string): Sender => ({
  headers: key === undefined ? {} : { "x-api-key": key },
  socket: { remoteAddress: "192.0.2.1" },
});

const pass = async ({ gate }: Opened, operation: OperationName, key?: string): Promise<Passage> =>
  passGate(gate, sender(key), operation, 1);

describe("the gate with limits", () => {
  test("limits hold in mode open too, and tell what is left and when to come again", async (t) => {
    const opened = openGate(t, "open");
    for (const left of [2, 1, 0]) {
      const { problem, limits } = await pass(opened, "tokenStats");
      assert.equal(problem, undefined);
      assert.deepEqual(limits, { policy: '"by_ip";q=3;w=3', limit: `"by_ip";r=${left};t=${3 - left}` });
    }
    const { problem, limits } = await pass(opened, "tokenStats");
    assert.deepEqual([problem?.code, problem?.fields["retry-after"]], ["rate_limited", "1"]);
    assert.match(problem?.message ?? "", /The rate limit by_ip is used up\. Try again in 1 s\./);
    assert.equal(limits?.limit, '"by_ip";r=0;t=3');
    assert.deepEqual(opened.limited, ["by_ip"]);
    assert.deepEqual(opened.lines, [
      { audit: "limited", operation: "tokenStats", reason: "by_ip", sender: "anonymous", address: "192.0.2.1" },
    ]);
  });

  test("keys that are not known are tried at most as often as the address may ask", async (t) => {
    const opened = openGate(t, "required");
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 5; i += 1) codes.push((await pass(opened, "tokenStats", SECRET_KEY)).problem?.code);
    assert.deepEqual(codes, ["unauthorized", "unauthorized", "unauthorized", "rate_limited", "rate_limited"]);
    assert.deepEqual(opened.limited, ["by_ip", "by_ip"]);
    assert.ok(!JSON.stringify(opened.lines).includes(SECRET_KEY), "no credentials in the audit log");
    assert.deepEqual(new Set(opened.lines.map(({ audit }) => audit)), new Set(["refused", "limited"]));
  });

  test("a refusal by scope takes no unit, and is in the audit log", async (t) => {
    const opened = openGate(t, "required");
    for (let i = 0; i < 5; i += 1) assert.equal((await pass(opened, "tokenStats")).problem?.code, "unauthorized");
    assert.equal((await pass(opened, "docs")).limits?.limit, '"by_ip";r=2;t=1');
    assert.deepEqual(opened.lines[0], {
      ...{
        audit: "refused",
        operation: "tokenStats",
        reason: "unauthorized",
        sender: "anonymous",
        address: "192.0.2.1",
      },
    });
  });

  test("probes are neither limited nor refused, whatever they show", async (t) => {
    const opened = openGate(t, "required");
    for (let i = 0; i < 10; i += 1) {
      const { problem, limits } = await pass(opened, "healthz", SECRET_KEY);
      assert.deepEqual([problem, limits], [undefined, undefined]);
    }
  });

  test("who asks for credentials is in the audit log", async (t) => {
    const opened = openGate(t, "open");
    assert.equal((await pass(opened, "authToken")).problem, undefined);
    assert.deepEqual(opened.lines, [
      { audit: "asked", operation: "authToken", sender: "anonymous", address: "192.0.2.1" },
    ]);
  });

  test("while the store is away and on_failure is closed, requests get 503", async (t) => {
    const away: Buckets = {
      take: () => Promise.resolve({ kind: "away", waitMs: 0, buckets: [] }),
      close: () => {},
    };
    const opened = openGate(t, "open", away);
    const { problem } = await pass(opened, "tokenStats");
    assert.deepEqual([problem?.code, problem?.fields["retry-after"]], ["unavailable", "1"]);
    assert.deepEqual(opened.limited, ["away"]);
    assert.equal((await pass(opened, "readyz")).problem, undefined);
  });
});
