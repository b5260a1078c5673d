import assert from "node:assert/strict";
import { test } from "node:test";
import type { Identity } from "../../src/access/identity.ts";
import { ProblemError } from "../../src/serving/problems.ts";
import { Standing } from "../../src/serving/standing.ts";

const MINUTE_MS = 60_000;
const identity = (expiresAtMs: number | undefined, scope: "read" | "admin" = "read"): Identity => ({
  ...{ kind: "token", subject: "alice", scopes: new Set([scope]), credentialId: undefined, address: "192.0.2.1" },
  expiresAtMs,
});

function open(first: Identity, renewed = first) {
  const gate = {
    isEnded: false,
    hasEnded: () => gate.isEnded,
    renew: (_: Identity, token: string) =>
      token === "good" ? Promise.resolve(renewed) : Promise.reject(new ProblemError("unauthorized", "no")),
  };
  return { gate, standing: new Standing(gate, first) };
}

test("a connection is warned once, a minute before its credentials expire, and ends when they do", () => {
  const { standing } = open(identity(10 * MINUTE_MS));
  const looks = [0, 9 * MINUTE_MS - 1, 9 * MINUTE_MS, 9 * MINUTE_MS + 1, 10 * MINUTE_MS - 1, 10 * MINUTE_MS];
  assert.deepEqual(
    looks.map((nowMs) => standing.check(nowMs)),
    ["good", "good", "warn", "good", "good", "ended"],
  );
});

test("credentials that do not expire are never warned of, and end when they are revoked", () => {
  const { gate, standing } = open(identity(undefined));
  assert.equal(standing.check(Number.MAX_SAFE_INTEGER), "good");
  gate.isEnded = true;
  assert.equal(standing.check(0), "ended");
});

test("a new token moves the end, changes the scopes, and is warned of again", async () => {
  const { standing } = open(identity(MINUTE_MS, "admin"), identity(3 * MINUTE_MS, "read"));
  assert.equal(standing.check(0), "warn");
  await standing.renew("good");
  assert.deepEqual(standing.identity.scopes, new Set(["read"]));
  assert.deepEqual(
    [MINUTE_MS, 2 * MINUTE_MS, 2 * MINUTE_MS + 1, 3 * MINUTE_MS].map((nowMs) => standing.check(nowMs)),
    ["good", "warn", "good", "ended"],
  );
});

test("a token that is refused changes nothing", async () => {
  const { standing } = open(identity(MINUTE_MS));
  await assert.rejects(standing.renew("bad"), { code: "unauthorized" });
  assert.equal(standing.identity.expiresAtMs, MINUTE_MS);
  assert.equal(standing.check(MINUTE_MS), "ended");
});
