/** Credentials of connections: warning, renewal, expiry and revocation, with a gate whose verdicts the test drives. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import type { Identity } from "../../../src/access/identity.ts";
import { type Gate, OPEN_GATE } from "../../../src/serving/gate.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { TestClient } from "./support/client.ts";
import { openDoor, type TestDoor, tokenData } from "./support/door.ts";

const HOUR_MS = 3_600_000;
const SWEEP_MS = 10;
const CHANNEL = "token:1:a";

class DrivenGate implements Gate {
  identity: Identity;
  renewed: Identity | undefined;
  isEnded = false;
  readonly asked: [operation: string, scopes: string[]][] = [];

  constructor(expiresAtMs: number | undefined) {
    const scopes = new Set(["read", "admin"] as const);
    this.identity = {
      ...{ kind: "token", subject: "alice", scopes, expiresAtMs, credentialId: undefined, address: "192.0.2.1" },
    };
  }

  readonly addressOf = OPEN_GATE.addressOf;

  identify(): Identity {
    return this.identity;
  }

  async renew(identity: Identity, token: string): Promise<Identity> {
    assert.equal(identity, this.identity);
    if (this.renewed === undefined || token !== "good") throw new ProblemError("unauthorized", "The token is bad.");
    this.identity = this.renewed;
    return this.renewed;
  }

  hasEnded(): boolean {
    return this.isEnded;
  }

  admit(identity: Identity, operation: string): ReturnType<Gate["admit"]> {
    this.asked.push([operation, [...identity.scopes]]);
    return OPEN_GATE.admit(identity, "connect", 1);
  }
}

type Opened = TestDoor & { readonly gate: DrivenGate; readonly client: TestClient };

async function open(t: TestContext, expiresAtMs: number | undefined): Promise<Opened> {
  const gate = new DrivenGate(expiresAtMs);
  const door = await openDoor(t, { gate, limits: { sweepMs: SWEEP_MS } });
  door.bus.set(CHANNEL, tokenData("1:a", 1));
  const client = new TestClient(door.url);
  await new Promise((resolve) => client.ws.once("open", resolve));
  return { ...door, gate, client };
}

test("a client is warned before its credentials expire, and closed with 4401 when they have", async (t) => {
  const at = Date.now() + 30_000;
  const { gate, client, metrics } = await open(t, at);
  const isWarning = ({ type }: { type: string }): boolean => type === "auth_expiring";
  // The warning may come with the response to the handshake.
  while (!client.messages.some(isWarning)) await once(client.ws, "message");
  assert.deepEqual(client.messages.filter(isWarning), [{ type: "auth_expiring", at }]);
  gate.isEnded = true;
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [4401, "the credentials expired or were revoked"]);
  await metrics.until(({ closedReasons }) => closedReasons.length > 0);
  assert.deepEqual(metrics.closedReasons, ["unauthorized"]);
  assert.equal(client.messages.filter(({ type }) => type === "auth_expiring").length, 1);
});

test("a client that shows a new token keeps its channels, with the new scopes", async (t) => {
  const { gate, client, bus } = await open(t, Date.now() + 30_000);
  const snapshot = client.next("snapshot");
  client.send({ subscribe: CHANNEL });
  await snapshot;
  const expiresAtMs = Date.now() + HOUR_MS;
  gate.renewed = { ...gate.identity, scopes: new Set(["read"]), expiresAtMs };
  const done = client.next("authenticated");
  client.send({ id: "a1", auth: "good" });
  assert.deepEqual(await done, { type: "authenticated", id: "a1", expires_at: expiresAtMs });
  bus.set(CHANNEL, tokenData("1:a", 2));
  await client.atRev(CHANNEL, bus.revOf(CHANNEL));
  const closed = client.next("unsubscribed");
  client.send({ id: 2, unsubscribe: CHANNEL });
  await closed;
  assert.deepEqual(gate.asked.at(-1), ["unsubscribe", ["read"]]);
  assert.deepEqual(
    gate.asked.map(([operation]) => operation),
    ["connect", "subscribe", "auth", "unsubscribe"],
  );
});

test("a token that is refused gets an error, and changes nothing", async (t) => {
  const { gate, client } = await open(t, undefined);
  const error = client.next("error");
  client.send({ id: 7, auth: "bad" });
  assert.deepEqual(await error, { type: "error", id: 7, code: "unauthorized", message: "The token is bad." });
  const snapshot = client.next("snapshot");
  client.send({ subscribe: CHANNEL });
  await snapshot;
  assert.deepEqual(gate.asked.at(-1), ["subscribe", ["read", "admin"]]);
});

test("a client whose credentials are revoked is closed with 4401", async (t) => {
  const { gate, client } = await open(t, undefined);
  gate.isEnded = true;
  assert.equal((await client.closed).code, 4401);
});
