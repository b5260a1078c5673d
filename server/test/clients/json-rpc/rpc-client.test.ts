import { strict as assert } from "node:assert";
import { after, before, beforeEach, describe, test } from "node:test";
import { RpcClient } from "../../../src/clients/json-rpc/rpc-client.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { TestChain } from "../../support/test-chain.ts";
import { TestNode } from "../../support/test-node.ts";

const PAUSES = { firstMs: 1, longestMs: 1 };
const LIMITS = { timeoutMs: 60_000, responseBytesMax: 1024 * 1024, batchMax: 10 };
const HEAD = { method: "eth_blockNumber", params: [] };
const ID = { method: "eth_chainId", params: [] };

for (const protocol of ["http", "ws"] as const) {
  describe(`calls of a node over ${protocol}`, () => {
    let node: TestNode;
    before(async () => {
      node = new TestNode({ chain: new TestChain(1_750_000_000), chainId: 7 });
      await node.start();
    });
    after(() => node.close());
    beforeEach(() => {
      node.fault = () => undefined;
      node.batchMax = Number.POSITIVE_INFINITY;
      node.calls.length = 0;
    });
    const clientOf = (more: Partial<typeof LIMITS & { url: string }> = {}): RpcClient =>
      new RpcClient({ url: protocol === "ws" ? node.socketUrl : node.url, ...LIMITS, ...more }, PAUSES);
    const signal = (): AbortSignal => AbortSignal.timeout(60_000);

    test("replies come in the order of the calls, whatever the order of the node", async () => {
      const client = clientOf({ batchMax: 3 });
      const calls = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? ID : HEAD));
      const replies = await client.call(calls, signal());
      assert.deepEqual(
        replies.map((reply) => reply.kind === "result" && reply.result),
        calls.map((call) => (call === ID ? "0x7" : "0x0")),
      );
      client.close();
    });

    test("a limit of the rate is waited for, and in the end reported", async () => {
      const client = clientOf();
      let refusals = 7;
      node.fault = () => (refusals-- > 0 ? "rate_error" : undefined);
      assert.equal((await client.call([HEAD], signal()))[0]?.kind, "result");
      assert.equal(client.problem, undefined);
      node.fault = () => "rate_error";
      await isUnavailable(client.call([HEAD], signal()), /limits the rate of requests/);
      assert.match(client.problem ?? "", /limits the rate/);
      client.close();
    });

    test("a method that the node lacks is told apart from a refusal", async () => {
      const client = clientOf();
      const replies = await client.call([{ method: "eth_x", params: [] }, HEAD], signal());
      assert.deepEqual(
        replies.map(({ kind }) => kind),
        ["unknown_method", "result"],
      );
      client.close();
    });

    test("a broken response is a retryable error, and the next call works", async () => {
      const client = clientOf();
      for (const fault of ["disconnect", "not_json"] as const) {
        node.fault = () => fault;
        await isUnavailable(client.call([HEAD], signal()), /127\.0\.0\.1/);
        node.fault = () => undefined;
        assert.equal((await client.call([HEAD], signal()))[0]?.kind, "result", fault);
      }
      client.close();
    });

    test("a node that says nothing is overdue, and an abort ends the wait with its reason", async () => {
      node.fault = () => "silence";
      const impatient = clientOf({ timeoutMs: 100 });
      await isUnavailable(impatient.call([HEAD], signal()), /does not answer within 100 ms/);
      impatient.close();
      const client = clientOf();
      const stop = new AbortController();
      const reason = new Error("stop");
      const waiting = client.call([HEAD], stop.signal);
      setImmediate(() => stop.abort(reason));
      await assert.rejects(waiting, reason);
      client.close();
    });

    test("a response above the limit is an error, and one at the limit is read", async () => {
      const length = JSON.stringify({ jsonrpc: "2.0", id: protocol === "ws" ? 1 : 0, result: "0x7" }).length;
      const exact = clientOf({ responseBytesMax: protocol === "ws" ? 200 : length });
      assert.equal((await exact.call([ID], signal()))[0]?.kind, "result");
      exact.close();
      const small = clientOf({ responseBytesMax: length - 1 });
      await assert.rejects(small.call([ID], signal()), SwapstatsError);
      small.close();
    });

    test("messages name the host of the address, and not its key", async () => {
      const client = clientOf({ url: `${protocol}://127.0.0.1:1/v2/secret-key` });
      await assert.rejects(client.call([HEAD], signal()), (error: Error) => {
        assert.match(error.message, /127\.0\.0\.1:1/);
        assert.doesNotMatch(error.message, /secret-key/);
        return true;
      });
      client.close();
    });
  });
}

test("a batch that the node refuses is halved until the node takes it", async (t) => {
  const node = new TestNode({ chain: new TestChain(1_750_000_000), chainId: 7 });
  await node.start();
  t.after(() => node.close());
  for (const batchMax of [1, 3]) {
    node.batchMax = batchMax;
    const client = new RpcClient({ url: node.url, ...LIMITS, batchMax: 20 }, PAUSES);
    const replies = await client.call(
      Array.from({ length: 20 }, () => HEAD),
      AbortSignal.timeout(60_000),
    );
    assert.equal(replies.length, 20);
    assert.ok(replies.every(({ kind }) => kind === "result"));
  }
});

test("a node that announces blocks ends the wait for the next one", async (t) => {
  const node = new TestNode({ chain: new TestChain(1_750_000_000), chainId: 7 });
  await node.start();
  t.after(() => node.close());
  const client = new RpcClient({ url: node.socketUrl, ...LIMITS }, PAUSES);
  const signal = AbortSignal.timeout(60_000);
  await client.call([HEAD], signal);
  const waiting = client.newBlock(600_000, signal);
  node.announce();
  await waiting;
  client.close();
});

async function isUnavailable(call: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof SwapstatsError && error.code === "unavailable" && error.retryable, String(error));
    assert.match(error.message, message);
    return true;
  });
}
