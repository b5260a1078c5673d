import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { AuditLog, LINES_PER_EVENT_MAX, LINES_PER_SENDER_MAX, SPAN_MS } from "../../src/access/audit-log.ts";
import { createLogger } from "../../src/observability/logger.ts";

type Line = Record<string, unknown>;

function openAudit(t: TestContext): { audit: AuditLog; lines: () => Line[]; endSpan: () => void } {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const written: string[] = [];
  const audit = new AuditLog(
    createLogger({ level: "info", format: "json" }, { write: (line) => void written.push(line) }),
  );
  t.after(() => audit.close());
  return {
    audit,
    lines: () => written.map((line) => JSON.parse(line) as Line),
    endSpan: () => t.mock.timers.tick(SPAN_MS),
  };
}

const entry = (address: string, subject?: string) => ({
  identity: subject === undefined ? undefined : ({ kind: "token", subject } as const),
  ...{ address, operation: "tokenStats", reason: "by_ip" },
});

test("a line says what happened, to whom, where from and why", (t) => {
  const { audit, lines } = openAudit(t);
  audit.add("limited", entry("192.0.2.1", "ada"));
  audit.add("refused", { identity: undefined, address: "192.0.2.1", operation: "status", reason: "unauthorized" });
  audit.add("asked", {
    identity: { kind: "anonymous", subject: undefined },
    address: "::/64",
    operation: "authToken",
    reason: undefined,
  });
  const known = lines().map(({ time: _, level: __, ...rest }) => rest);
  assert.deepEqual(known, [
    {
      audit: "limited",
      operation: "tokenStats",
      reason: "by_ip",
      sender: "token",
      subject: "ada",
      address: "192.0.2.1",
      msg: "audit: limited",
    },
    {
      audit: "refused",
      operation: "status",
      reason: "unauthorized",
      sender: "unknown",
      address: "192.0.2.1",
      msg: "audit: refused",
    },
    { audit: "asked", operation: "authToken", sender: "anonymous", address: "::/64", msg: "audit: asked" },
  ]);
});

test("a flood of one sender is summed up, and hides nobody else", (t) => {
  const { audit, lines, endSpan } = openAudit(t);
  for (let i = 0; i < 10_000; i += 1) audit.add("limited", entry("192.0.2.1"));
  audit.add("limited", entry("192.0.2.2"));
  const before = lines();
  assert.equal(before.length, LINES_PER_SENDER_MAX + 1);
  assert.equal(before.at(-1)?.address, "192.0.2.2");
  endSpan();
  const [sum, ...none] = lines().slice(before.length);
  assert.deepEqual(none, []);
  assert.deepEqual(
    [sum?.msg, sum?.address, sum?.more],
    ["audit: more limited", "192.0.2.1", 10_000 - LINES_PER_SENDER_MAX],
  );
  audit.add("limited", entry("192.0.2.1"));
  assert.equal(lines().at(-1)?.msg, "audit: limited", "a new span");
});

test("a flood of many senders writes a bounded number of lines, and counts every event", (t) => {
  const { audit, lines, endSpan } = openAudit(t);
  const events = 50_000;
  for (let i = 0; i < events; i += 1) audit.add("refused", entry(`10.0.${i >> 8}.${i & 255}`));
  endSpan();
  const all = lines();
  assert.ok(all.length <= 2 * LINES_PER_EVENT_MAX + 1, `${all.length} lines`);
  const told = all.reduce((sum, { more, msg }) => sum + (msg === "audit: refused" ? 1 : (more as number)), 0);
  assert.equal(told, events);
});

test("the log's own filter of repeated lines holds back none of them", (t) => {
  const { audit, lines, endSpan } = openAudit(t);
  for (let span = 0; span < 3; span += 1) {
    for (let i = 0; i < 200; i += 1) audit.add("refused", entry(`10.0.0.${i}`));
    endSpan();
  }
  assert.ok(lines().every(({ msg }) => String(msg).startsWith("audit:")));
});

test("a long subject is cut, and control characters never reach the log", (t) => {
  const { audit, lines } = openAudit(t);
  audit.add("limited", entry("192.0.2.1", `a\u001b[2J${"x".repeat(1_000)}`));
  const subject = String(lines()[0]?.subject);
  assert.equal(subject.length, 100);
});

test("closing writes what was counted", (t) => {
  const { audit, lines } = openAudit(t);
  for (let i = 0; i < 10; i += 1) audit.add("limited", entry("192.0.2.1"));
  audit.close();
  assert.equal(lines().at(-1)?.more, 10 - LINES_PER_SENDER_MAX);
});
