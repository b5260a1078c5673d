/**
 * A small chain for tests: blocks with Swap events of Uniswap pools in the shape in which nodes tell them, and reorganisations. The events
 * are encoded here, without the decoder under test.
 */
import { createHash } from "node:crypto";

export type TestPool = { readonly address: string; readonly version: "v2" | "v3" };

/** A swap as it is put into a transaction. Amounts are what the pool gains, in base units. */
export type TestSwap = {
  readonly pool: TestPool;
  readonly amount0: bigint;
  readonly amount1: bigint;
  /** Of v3 alone. */
  readonly sqrtPrice: bigint;
};

export type TestTransaction = {
  readonly hash: string;
  readonly from: string;
  readonly sender: string;
  readonly recipient: string;
  readonly swaps: readonly TestSwap[];
};

type TestLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly logIndex: number;
  readonly txIndex: number;
  readonly txHash: string;
};

export type TestBlock = {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestamp: number;
  readonly transactions: readonly TestTransaction[];
  readonly logs: readonly TestLog[];
};

const V2_TOPIC = "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822";
const V3_TOPIC = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67";
const ROOT = `0x${"00".repeat(32)}`;

export function hashOf(...parts: readonly unknown[]): string {
  return `0x${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}

/** An account or a contract of this name. */
export function addressOf(name: string): string {
  return `0x${hashOf(name).slice(2, 42)}`;
}

export class TestChain {
  /** The present chain, by number. */
  canonical: readonly TestBlock[];
  readonly #byHash = new Map<string, TestBlock>();
  readonly #startTime: number;
  readonly #blockSeconds: number;
  #salt = 0;

  /** `startTime` in seconds. The chain begins with an empty block 0. */
  constructor(startTime: number, blockSeconds = 2) {
    this.#startTime = startTime;
    this.#blockSeconds = blockSeconds;
    this.canonical = [];
    this.extend([]);
  }

  get head(): TestBlock {
    return this.canonical.at(-1)!;
  }

  block(hash: string): TestBlock | undefined {
    return this.#byHash.get(hash);
  }

  extend(transactions: readonly TestTransaction[]): TestBlock {
    const number = this.canonical.length;
    const parentHash = this.canonical.at(-1)?.hash ?? ROOT;
    const hash = hashOf("block", parentHash, number, this.#salt++);
    const timestamp = this.#startTime + number * this.#blockSeconds;
    const block = { number, hash, parentHash, timestamp, transactions, logs: logsOf(transactions) };
    this.#byHash.set(hash, block);
    this.canonical = [...this.canonical, block];
    return block;
  }

  /** Drops the last blocks. Returns them, the oldest first. */
  drop(depth: number): readonly TestBlock[] {
    const kept = this.canonical.length - depth;
    const dropped = this.canonical.slice(kept);
    this.canonical = this.canonical.slice(0, kept);
    return dropped;
  }

  /** Makes a chain that this one was before the present one again. */
  restore(blocks: readonly TestBlock[]): void {
    this.canonical = blocks;
  }
}

function logsOf(transactions: readonly TestTransaction[]): TestLog[] {
  const logs: TestLog[] = [];
  // Other contracts write logs between the swaps.
  let logIndex = 0;
  for (const [txIndex, tx] of transactions.entries()) {
    for (const swap of tx.swaps) {
      logIndex += 1 + (Number.parseInt(tx.hash.slice(2, 4), 16) % 3);
      const place = { logIndex, txIndex, txHash: tx.hash };
      logs.push({ address: swap.pool.address, ...encoded(swap, tx), ...place });
    }
  }
  return logs;
}

function encoded(swap: TestSwap, tx: TestTransaction): { topics: string[]; data: string } {
  const parties = [padded(tx.sender), padded(tx.recipient)];
  const { amount0, amount1 } = swap;
  if (swap.pool.version === "v3") {
    const words = [amount0, amount1, swap.sqrtPrice, 1n, -5n];
    return { topics: [V3_TOPIC, ...parties], data: `0x${words.map(word).join("")}` };
  }
  const words = [
    amount0 > 0n ? amount0 : 0n,
    amount1 > 0n ? amount1 : 0n,
    amount0 < 0n ? -amount0 : 0n,
    amount1 < 0n ? -amount1 : 0n,
  ];
  return { topics: [V2_TOPIC, ...parties], data: `0x${words.map(word).join("")}` };
}

function word(value: bigint): string {
  return (value < 0n ? value + 2n ** 256n : value).toString(16).padStart(64, "0");
}

function padded(address: string): string {
  return `0x${address.slice(2).padStart(64, "0")}`;
}
