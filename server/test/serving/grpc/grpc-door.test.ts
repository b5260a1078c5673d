import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { addressReader } from "../../../src/access/limits/client-address.ts";
import { type Gate, OPEN_GATE } from "../../../src/serving/gate.ts";
import { standardMessage, standardService } from "../../../src/serving/grpc/standard-files.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { WETH } from "../http/stand-in-bus.ts";
import { type Calls, clientOf, openGrpcDoor, type Protocol } from "./support/door.ts";

const PROTOCOLS: readonly Protocol[] = ["grpc", "grpc-web", "connect", "connect-json"];

/** Resolves to the error of a call. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    return error;
  }
  return assert.fail("the call did not fail");
}

const errorInfo = standardMessage("google.rpc.ErrorInfo");
const reasonOf = (error: ConnectError): string => (error.findDetails(errorInfo)[0] as Calls)?.reason;

for (const protocol of PROTOCOLS) {
  describe(protocol, () => {
    test("the calls with one response have the figures of the HTTP API", async (t) => {
      const door = await openGrpcDoor(t);
      const client = clientOf(door, protocol);
      const { stats } = await client.getStats({ id: "WETH", windows: ["5m"], fields: ["volume_usd"] });
      assert.deepEqual([stats.id, stats.rev, stats.windows["5m"].volumeUsd], [WETH, 41n, "350.5"]);

      const batch = await client.batchGetStats({ ids: ["BTC", "nothing"], windows: ["5m"] });
      assert.deepEqual(
        batch.items.map(({ result }: Calls) => [result.case, result.value.id]),
        [
          ["stats", "1:BTC"],
          ["error", "nothing"],
        ],
      );
      assert.equal(batch.items[1].result.value.error.code, "unknown_token");

      const overview = await client.getOverview({ window: "5m", limit: 2 });
      assert.deepEqual([overview.items.length, overview.items[0].id, overview.nextCursor], [2, WETH, "2"]);
      const screened = await client.screen({ windows: ["5m"], limit: 2 });
      assert.deepEqual(
        [screened.items.length, screened.items[0].id, screened.items[0].windows["5m"].volumeUsd, screened.nextCursor],
        [2, WETH, "350.5", "2"],
      );
      const { items: candles, interval } = await client.getCandles({ id: WETH, interval: "1m", limit: 10 });
      assert.deepEqual([interval, candles.length, candles[0].close], ["1m", 1, "1.5"]);
      const { items: swaps } = await client.listSwaps({ id: WETH, limit: 2 });
      assert.deepEqual([swaps.length, swaps[0].amountUsd], [2, "100"]);
    });

    test("problems are errors with the code of the problem, and details", async (t) => {
      const client = clientOf(await openGrpcDoor(t), protocol);
      const unknown = await errorOf(client.getStats({ id: "nothing" }));
      assert.deepEqual([unknown.code, reasonOf(unknown)], [Code.NotFound, "unknown_token"]);
      const ambiguous = await errorOf(client.getStats({ id: "usdc" }));
      assert.deepEqual([ambiguous.code, reasonOf(ambiguous)], [Code.FailedPrecondition, "ambiguous_token"]);
      const [details] = ambiguous.findDetails(messageDesc("LookUpError")) as Calls[];
      assert.deepEqual(
        details.candidates.map(({ id }: Calls) => id),
        ["10:usdc", "56:usdc-bsc"],
      );
      const invalid = await errorOf(client.getCandles({ id: WETH, limit: 100_000, interval: "7m" }));
      assert.deepEqual([invalid.code, reasonOf(invalid)], [Code.InvalidArgument, "invalid_parameters"]);
      const [violations] = invalid.findDetails(standardMessage("google.rpc.BadRequest")) as Calls[];
      assert.deepEqual(violations.fieldViolations.map(({ field }: Calls) => field).sort(), ["interval", "limit"]);
    });

    test("a deadline ends a call that waits, and a failure of the service tells nothing of itself", async (t) => {
      const door = await openGrpcDoor(t);
      const client = clientOf(door, protocol);
      door.bus.failure = new Error("secret");
      const failed = await errorOf(client.getStats({ id: WETH }));
      assert.deepEqual([failed.code, reasonOf(failed)], [Code.Internal, "internal"]);
      assert.ok(!failed.message.includes("secret"));
      door.bus.gate = new Promise(() => {});
      const late = await errorOf(client.getStats({ id: WETH }, { timeoutMs: 50 }));
      assert.equal(late.code, Code.DeadlineExceeded);
    });

    test("a request that is too large is refused", async (t) => {
      const client = clientOf(await openGrpcDoor(t), protocol);
      const ids = Array.from({ length: 1_500 }, (_, i) => `${i}${"x".repeat(200)}`);
      assert.equal((await errorOf(client.batchGetStats({ ids }))).code, Code.ResourceExhausted);
    });

    test("the gate is asked once for a call, and once more for many items; its refusal is the error", async (t) => {
      const asked: unknown[] = [];
      let isClosed = false;
      const gate: Gate = {
        ...OPEN_GATE,
        admit: (identity, operation, cost) => {
          asked.push([operation, cost]);
          const problem = isClosed ? new ProblemError("rate_limited", "Enough.") : undefined;
          return Promise.resolve({ ...OPEN_GATE.admit(identity, operation, cost), problem, limits: undefined });
        },
      };
      const door = await openGrpcDoor(t, { gate });
      const client = clientOf(door, protocol);
      await client.batchGetStats({ ids: Array.from({ length: 25 }, (_, i) => String(i)) });
      assert.deepEqual(asked.splice(0), [
        ["tokensStats", 1],
        ["tokensStats", 2],
      ]);
      isClosed = true;
      const before = door.bus.asked;
      const refused = await errorOf(client.getStats({ id: WETH }));
      // At the HTTP address the HTTP door refuses, before the protocol of the call is known.
      assert.ok([Code.ResourceExhausted, Code.Unavailable].includes(refused.code), refused.message);
      assert.deepEqual(asked, [["tokenStats", 1]]);
      assert.equal(door.bus.asked, before);
    });
  });
}

test("Ingest is not at the HTTP address", async (t) => {
  const door = await openGrpcDoor(t);
  const response = await fetch(`${door.http}/swapstats.v1.StatsService/Ingest`, { method: "POST" });
  assert.equal(response.status, 404);
});

test("calls count for the client that a trusted proxy names", async (t) => {
  const gate = { ...OPEN_GATE, addressOf: addressReader(["127.0.0.0/8"]) };
  const door = await openGrpcDoor(t, { gate, limits: { callsPerClientMax: 1 } });
  const client = clientOf(door);
  const as = (address: string) => ({ headers: { "x-forwarded-for": address } });
  const { promise, resolve } = Promise.withResolvers<void>();
  door.bus.gate = promise;
  const first = client.getStats({ id: WETH }, as("2001:db8:1:2::1"));
  while (door.bus.asked === 0) await new Promise(setImmediate);
  const forged = client.getStats({ id: WETH }, as("198.51.100.9, 2001:db8:1:2:ffff::7"));
  assert.equal((await errorOf(forged)).code, Code.ResourceExhausted);
  const other = client.getStats({ id: WETH }, as("2001:db8:1:3::1"));
  resolve();
  await Promise.all([first, other]);
});

test("calls beyond the limit are refused, and a connection beyond the limit is closed", async (t) => {
  const door = await openGrpcDoor(t, { limits: { callsPerClientMax: 1, sessionsMax: 1 } });
  const client = clientOf(door);
  const { promise, resolve } = Promise.withResolvers<void>();
  door.bus.gate = promise;
  const first = client.getStats({ id: WETH });
  while (door.bus.asked === 0) await new Promise(setImmediate);
  assert.equal((await errorOf(client.getStats({ id: WETH }))).code, Code.ResourceExhausted);
  await assert.rejects(clientOf(door).getStats({ id: WETH }));
  resolve();
  await first;
  await client.getStats({ id: WETH });
});

test("health is not at the HTTP address", async (t) => {
  const door = await openGrpcDoor(t);
  const health = createClient(standardService("grpc.health.v1.Health"), createGrpcTransport({ baseUrl: door.http }));
  await assert.rejects((health as Calls).check({}));
});

describe("health", () => {
  const of = (base: string): Calls =>
    createClient(standardService("grpc.health.v1.Health"), createGrpcTransport({ baseUrl: base }));
  const SERVING = 1;
  const NOT_SERVING = 2;

  test("Check tells the health of the service and of each of its parts", async (t) => {
    const door = await openGrpcDoor(t);
    const client = of(door.grpc);
    assert.equal((await client.check({})).status, SERVING);
    assert.equal((await client.check({ service: "swapstats.v1.StatsService" })).status, SERVING);
    assert.equal((await errorOf(client.check({ service: "other" }))).code, Code.NotFound);
    door.door.startDraining();
    assert.equal((await client.check({})).status, NOT_SERVING);
    const refused = await errorOf(clientOf(door).getStats({ id: WETH }));
    assert.deepEqual([refused.code, reasonOf(refused)], [Code.Unavailable, "shutting_down"]);
  });

  test("Watch tells of a shutdown", async (t) => {
    const door = await openGrpcDoor(t);
    const told: number[] = [];
    const watching = (async () => {
      for await (const { status } of of(door.grpc).watch({})) {
        told.push(status);
        if (status === SERVING) door.door.startDraining();
      }
    })();
    assert.equal((await errorOf(watching)).code, Code.Unavailable);
    assert.deepEqual(told, [SERVING, NOT_SERVING]);
  });
});
