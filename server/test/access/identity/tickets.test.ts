import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startRedis } from "../../../../scripts/servers/redis.ts";
import { RedisTickets } from "../../../src/access/identity/redis-tickets.ts";
import { SignedTickets, TICKET_TTL_MS, type Tickets, USED_TICKETS_MAX } from "../../../src/access/identity/tickets.ts";
import type { VerifiedIdentity } from "../../../src/access/identity.ts";
import { RedisConnection } from "../../../src/clients/redis/connection.ts";
import { redisSettings } from "../../stores/backends.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const ALICE: VerifiedIdentity = {
  kind: "token",
  subject: "alice of sales.",
  scopes: new Set(["read", "admin"]),
  expiresAtMs: 2_000_000_000_000,
  credentialId: undefined,
};
const KEY: VerifiedIdentity = {
  kind: "key",
  subject: "desk",
  scopes: new Set(),
  expiresAtMs: undefined,
  credentialId: "ab",
};
const SECRET = "a common secret of all instances, long enough";
const NOT_VALID = { code: "unauthorized", message: /The ticket is not valid/ };

/** Several instances with one way to keep tickets. */
type Contract = (t: TestContext) => Promise<{ instances: [Tickets, Tickets]; isOnceForAll: boolean }>;

function ticketContract(name: string, open: Contract): void {
  test(`${name}: a ticket stands for its identity, once`, async (t) => {
    const { instances } = await open(t);
    for (const identity of [ALICE, KEY]) {
      const { text } = await instances[0].issue(identity);
      assert.match(text, /^[A-Za-z0-9_.-]+$/);
      assert.deepEqual(await instances[0].redeem(text), identity);
      await assert.rejects(instances[0].redeem(text), NOT_VALID);
    }
  });

  test(`${name}: of many uses at the same time one succeeds`, async (t) => {
    const { instances } = await open(t);
    const { text } = await instances[0].issue(ALICE);
    const uses = await Promise.allSettled(Array.from({ length: 20 }, () => instances[0].redeem(text)));
    assert.equal(uses.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test(`${name}: a ticket of one instance is valid at another one`, async (t) => {
    const { instances, isOnceForAll } = await open(t);
    const { text } = await instances[0].issue(ALICE);
    assert.deepEqual(await instances[1].redeem(text), ALICE);
    if (isOnceForAll) await assert.rejects(instances[0].redeem(text), NOT_VALID);
    else await instances[0].redeem(text);
  });

  test(`${name}: other texts are no tickets`, async (t) => {
    const { instances } = await open(t);
    const { text } = await instances[0].issue(ALICE);
    const flipped = `${text[0] === "a" ? "b" : "a"}${text.slice(1)}`;
    for (const bad of ["", ".", "..", "a.b", `${text}x`, flipped, text.slice(1)]) {
      await assert.rejects(instances[0].redeem(bad), NOT_VALID);
    }
    await instances[0].redeem(text);
  });
}

ticketContract("signed tickets", (t) => {
  const instances: [SignedTickets, SignedTickets] = [
    new SignedTickets(SECRET, Date.now),
    new SignedTickets(SECRET, Date.now),
  ];
  t.after(() => {
    for (const tickets of instances) tickets.close();
  });
  return Promise.resolve({ instances, isOnceForAll: false });
});

requires("tickets in Redis", { servers: ["redis"] }, () => {
  ticketContract("tickets in Redis", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const open = (): RedisTickets => openRedis(t, server);
    return { instances: [open(), open()], isOnceForAll: true };
  });

  test("a ticket in Redis expires there after thirty seconds, and Redis does not hold its text", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const { text } = await openRedis(t, server).issue(ALICE);
    const key = (await server.command("keys", "*")).trim();
    assert.match(key, /^test:ticket:[0-9a-f]{64}$/);
    const ttlMs = Number(await server.command("pttl", key));
    assert.ok(ttlMs > 0 && ttlMs <= TICKET_TTL_MS, String(ttlMs));
    assert.ok(!`${key} ${await server.command("get", key)}`.includes(text));
  });

  test("while Redis is away tickets are unavailable, and the message says nothing about it", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const tickets = openRedis(t, server);
    const { text } = await tickets.issue(ALICE);
    await server.kill();
    await server.exited;
    const unavailable = {
      code: "unavailable",
      retryable: true,
      message: "Tickets are not available at the moment; try again.",
    };
    await assert.rejects(tickets.issue(ALICE), unavailable);
    await assert.rejects(tickets.redeem(text), unavailable);
  });
});

function openRedis(t: TestContext, server: { host: string; port: number }): RedisTickets {
  const tickets = new RedisTickets(new RedisConnection(redisSettings([server]), 5_000), "test:", Date.now);
  t.after(() => tickets.close());
  return tickets;
}

test("a signed ticket is valid for thirty seconds, and not at their end", async () => {
  let nowMs = 1_000;
  const tickets = new SignedTickets(undefined, () => nowMs);
  const [first, second] = [await tickets.issue(ALICE), await tickets.issue(ALICE)];
  assert.equal(first.expiresAtMs, 1_000 + TICKET_TTL_MS);
  nowMs += TICKET_TTL_MS - 1;
  await tickets.redeem(first.text);
  nowMs += 1;
  await assert.rejects(tickets.redeem(second.text), NOT_VALID);
  await assert.rejects(tickets.redeem(first.text), NOT_VALID);
});

test("without a common secret a signed ticket is valid at its own instance alone", async () => {
  const { text } = await new SignedTickets(undefined, Date.now).issue(ALICE);
  await assert.rejects(new SignedTickets(undefined, Date.now).redeem(text), NOT_VALID);
});

test("used tickets are remembered up to the limit; beyond it tickets wait, and none is taken twice", async () => {
  let nowMs = 0;
  const tickets = new SignedTickets(SECRET, () => nowMs);
  const first = await tickets.issue(ALICE);
  await tickets.redeem(first.text);
  for (let i = 1; i < USED_TICKETS_MAX; i++) await tickets.redeem((await tickets.issue(KEY)).text);
  nowMs = 1;
  const late = await tickets.issue(ALICE);
  await assert.rejects(tickets.redeem(late.text), { code: "overloaded" });
  await assert.rejects(tickets.redeem(first.text), NOT_VALID);
  nowMs = TICKET_TTL_MS;
  assert.deepEqual(await tickets.redeem(late.text), ALICE);
});
