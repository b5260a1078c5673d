import { after, before, describe } from "node:test";
import { EvmRpcOrigin, type EvmRpcSettings } from "../../../../src/sources/feeders/evm-rpc/evm-rpc.ts";
import { addressOf, hashOf, TestChain } from "../../../support/test-chain.ts";
import { TestNode } from "../../../support/test-node.ts";
import { originContract } from "../origin-contract.ts";
import { CHAIN_ID, CONTRACTS, POOL_SETTINGS, POOLS } from "./pools-of-tests.ts";

const SWAPS_PER_BLOCK = 500;

describe("a chain", () => {
  let node: TestNode;
  before(async () => {
    node = new TestNode({ chain: new TestChain(1_750_000_000), chainId: CHAIN_ID, contracts: CONTRACTS });
    await node.start();
  });
  after(() => node.close());

  for (const { protocol, finality } of [
    { protocol: "http", finality: 64 },
    { protocol: "ws", finality: 0 },
  ]) {
    originContract(`evm_rpc over ${protocol} with finality ${finality}`, async () => {
      node.chain = new TestChain(1_750_000_000);
      let made = 0;
      return {
        open: (endsAtEnd) => new EvmRpcOrigin(settingsOf(node, protocol, finality), endsAtEnd),
        append: async (count) => {
          const ids: string[] = [];
          for (let left = count; left > 0; left -= SWAPS_PER_BLOCK) {
            ids.push(...extend(node.chain, Math.min(left, SWAPS_PER_BLOCK), () => made++));
          }
          // A position cannot list so many swaps, so they wait until their blocks are final.
          if (count > 2 * SWAPS_PER_BLOCK) for (let i = 0; i <= finality; i++) node.chain.extend([]);
          node.announce();
          return ids;
        },
        idOf: ({ bytes, start, end }) => {
          const { tx_hash, log_index, removed } = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString());
          return `${tx_hash} ${log_index}${removed === true ? " removed" : ""}`;
        },
      };
    });
  }
});

/** Adds a block with so many swaps, and returns their ids. */
function extend(chain: TestChain, count: number, nextId: () => number): string[] {
  const [pool] = POOLS;
  const swap = { pool: pool!, amount0: 5n * 10n ** 6n, amount1: -(10n ** 18n), sqrtPrice: 2n ** 100n };
  const parties = { from: addressOf("trader"), sender: addressOf("router"), recipient: addressOf("trader") };
  const transactions = Array.from({ length: count }, () => ({
    hash: hashOf("tx", nextId()),
    ...parties,
    swaps: [swap],
  }));
  return chain.extend(transactions).logs.map(({ txHash, logIndex }) => `${txHash} ${logIndex}`);
}

function settingsOf(node: TestNode, protocol: string, finality: number): EvmRpcSettings {
  return {
    ...{ type: "evm_rpc", name: "chain", url: protocol === "ws" ? node.socketUrl : node.url, chainId: CHAIN_ID },
    ...{ pools: POOL_SETTINGS, startBlock: "0", finality, who: "sender" },
    ...{ rangeMax: 2000, batchMax: 100, pollMs: 5, timeoutMs: 60_000 },
  };
}
