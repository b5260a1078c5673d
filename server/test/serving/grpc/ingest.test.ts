/** The call Ingest: acknowledgements in order when swaps are durable, while further requests come in. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { type Calls, clientOf, openGrpcDoor, type TestDoor } from "./support/door.ts";

const swap = {
  chainId: 1,
  txHash: "0xaa",
  logIndex: 0,
  token: "WETH",
  side: "buy",
  amountToken: "1.5",
  amountUsd: "10",
  eventTime: 1_760_000_000_000n,
};

/** A call whose requests the test sends one by one. */
function openIngest(door: TestDoor) {
  const waiting: object[] = [];
  let wake = (): void => {};
  let isEnded = false;
  async function* requests() {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  const responses: AsyncIterator<Calls> = clientOf(door).ingest(requests())[Symbol.asyncIterator]();
  // The call begins when its first response is asked for.
  let first: Promise<IteratorResult<Calls>> | undefined = responses.next();
  first.catch(() => {});
  return {
    send: (sequence: number, swaps: readonly object[] = [swap]) => {
      waiting.push({ sequence: BigInt(sequence), swaps });
      wake();
    },
    end: () => {
      isEnded = true;
      wake();
    },
    next: async (): Promise<Calls> => {
      const result = await (first ?? responses.next());
      first = undefined;
      return result.done === true ? undefined : result.value;
    },
  };
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    return error;
  }
  return assert.fail("the call did not fail");
}

test("each request is acknowledged with its sequence when its swaps are durable, and further ones are taken meanwhile", async (t: TestContext) => {
  const door = await openGrpcDoor(t);
  const durable = Promise.withResolvers<void>();
  door.ingest.gate = durable.promise;
  const call = openIngest(door);
  call.send(1);
  call.send(5, [swap, { ...swap, logIndex: 1, who: "0x1", priceUsd: "7" }]);
  while (door.ingest.bodies.length < 2) await new Promise(setImmediate);
  const json = { chain_id: 1, tx_hash: "0xaa", token: "WETH", side: "buy", amount_token: "1.5", amount_usd: "10" };
  const [first, second] = door.ingest.bodies.map((body) => JSON.parse(body));
  assert.deepEqual(first, [{ ...json, log_index: 0, event_time: 1_760_000_000_000 }]);
  assert.deepEqual(second[1], {
    ...{ ...json, log_index: 1, event_time: 1_760_000_000_000, who: "0x1", price_usd: "7" },
  });
  durable.resolve();
  assert.deepEqual([(await call.next()).sequence, (await call.next()).sequence], [1n, 5n]);
  call.end();
  assert.equal(await call.next(), undefined);
});

test("no more requests are read than may wait", async (t) => {
  const door = await openGrpcDoor(t, { limits: { ingestPendingMax: 2 } });
  const durable = Promise.withResolvers<void>();
  door.ingest.gate = durable.promise;
  const call = openIngest(door);
  for (let sequence = 1; sequence <= 5; sequence++) call.send(sequence);
  while (door.ingest.bodies.length < 2) await new Promise(setImmediate);
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  assert.equal(door.ingest.bodies.length, 2);
  durable.resolve();
  for (let sequence = 1n; sequence <= 5n; sequence++) assert.equal((await call.next()).sequence, sequence);
});

test("refused swaps are in the acknowledgement, and are counted by code", async (t) => {
  const door = await openGrpcDoor(t);
  door.ingest.result = { accepted: 0, rejected: [{ index: 0, code: "bad_side", message: "side must be buy or sell" }] };
  const call = openIngest(door);
  call.send(0, [{ ...swap, side: "hold" }]);
  const { result } = await call.next();
  assert.deepEqual([result.accepted, result.rejected[0].code, result.rejected[0].index], [0n, "bad_side", 0n]);
  assert.deepEqual(door.rejected, ["bad_side"]);
});

test("a sequence that does not grow, and a request without swaps, end the call after the earlier acknowledgements", async (t) => {
  const door = await openGrpcDoor(t);
  const repeated = openIngest(door);
  repeated.send(3);
  repeated.send(3);
  assert.equal((await repeated.next()).sequence, 3n);
  const error = await errorOf(repeated.next());
  assert.deepEqual([error.code, /3 came after 3/.test(error.message)], [Code.InvalidArgument, true]);
  const empty = openIngest(door);
  empty.send(1, []);
  assert.equal((await errorOf(empty.next())).code, Code.InvalidArgument);
});

test("a log that cannot take swaps ends the call, and the client may send them again", async (t) => {
  const door = await openGrpcDoor(t);
  door.ingest.failure = new SwapstatsError("log_full", "The log is full.", { retryable: true });
  const call = openIngest(door);
  call.send(1);
  assert.equal((await errorOf(call.next())).code, Code.Unavailable);
});

test("a log that does not answer in time ends the call", async (t) => {
  const door = await openGrpcDoor(t, { limits: { ingestTimeoutMs: 20 } });
  door.ingest.gate = new Promise(() => {});
  const call = openIngest(door);
  call.send(1);
  assert.equal((await errorOf(call.next())).code, Code.Unavailable);
});

test("calls beyond the limit are refused, also while the others wait", async (t) => {
  const door = await openGrpcDoor(t, { limits: { ingestCallsMax: 1 } });
  const first = openIngest(door);
  first.send(1);
  await first.next();
  const second = openIngest(door);
  second.send(1);
  assert.equal((await errorOf(second.next())).code, Code.ResourceExhausted);
  first.end();
  assert.equal(await first.next(), undefined);
  const third = openIngest(door);
  third.send(1);
  assert.equal((await third.next()).sequence, 1n);
});
