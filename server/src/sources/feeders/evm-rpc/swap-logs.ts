/**
 * Decodes the Swap events of Uniswap v2 pairs and v3 pools, and of their exact copies, from the words of a log.
 *
 * The two events have fixed words only, so a decoder is a few lines. viem would add 40 MB of packages for them.
 */

import type { PoolSettings } from "../../../config/keys/feeders/pools.ts";

export type PoolVersion = PoolSettings["version"];

/** Keccak-256 of `Swap(address,uint256,uint256,uint256,uint256,address)` and `Swap(address,address,int256,int256,uint160,uint128,int24)`. */
export const SWAP_TOPICS: Readonly<Record<PoolVersion, string>> = {
  v2: "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822",
  v3: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
};

/** Amounts are in base units. */
export type PoolSwap = {
  /** What the pool gained of token 0; negative: what it paid. */
  readonly amount0: bigint;
  readonly amount1: bigint;
  /** Square root of the price after the swap, times 2^96. Undefined for v2. */
  readonly sqrtPrice: bigint | undefined;
  /** Contract that called the pool. */
  readonly sender: string;
  /** Address that received the output. */
  readonly recipient: string;
};

type LogWords = { readonly topics: readonly string[]; readonly data: string };

const TOPICS = 3;
const WORD_DIGITS = 64;
const ADDRESS_DIGITS = 40;
const WORDS: Readonly<Record<PoolVersion, number>> = { v2: 4, v3: 5 };
const HEX = /^0x[0-9a-f]*$/i;

/** Returns undefined for a log that is no Swap event of this version. */
export function decodeSwap(version: PoolVersion, { topics, data }: LogWords): PoolSwap | undefined {
  const [topic, senderWord, recipientWord] = topics;
  if (topics.length !== TOPICS || topic?.toLowerCase() !== SWAP_TOPICS[version]) return undefined;
  if (!HEX.test(data) || data.length !== 2 + WORDS[version] * WORD_DIGITS) return undefined;
  const sender = addressOf(senderWord);
  const recipient = addressOf(recipientWord);
  if (sender === undefined || recipient === undefined) return undefined;
  const parties = { sender, recipient };
  if (version === "v3") {
    return { amount0: signed(word(data, 0)), amount1: signed(word(data, 1)), sqrtPrice: word(data, 2), ...parties };
  }
  // In and out of both tokens: a flash swap pays in the token that it takes.
  const amount0 = word(data, 0) - word(data, 2);
  const amount1 = word(data, 1) - word(data, 3);
  return { amount0, amount1, sqrtPrice: undefined, ...parties };
}

function word(data: string, index: number): bigint {
  const start = 2 + index * WORD_DIGITS;
  return BigInt(`0x${data.slice(start, start + WORD_DIGITS)}`);
}

/** Two's complement of 256 bits. */
function signed(value: bigint): bigint {
  return BigInt.asIntN(256, value);
}

function addressOf(topic: string | undefined): string | undefined {
  if (topic === undefined || !HEX.test(topic) || topic.length !== 2 + WORD_DIGITS) return undefined;
  return `0x${topic.slice(-ADDRESS_DIGITS).toLowerCase()}`;
}
