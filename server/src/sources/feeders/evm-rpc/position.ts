/**
 * The position of a chain: the next block to hand over, and a list of the blocks that the chain may still drop, with their swaps.
 *
 * Everything that was handed over can be taken back after a crash, because the position says so before it happens:
 *
 *   1. New blocks are listed (their number is `next` or higher), and the position is kept.
 *   2. Their swaps are handed over, and `next` goes beyond them.
 *   3. When the chain has dropped blocks, `dropFrom` names the first of them, and the position is kept.
 *   4. The removals of all swaps listed from there on are handed over, and the blocks leave the list.
 *
 * After a crash between 1 and 2 the same swaps are handed over again, or taken back if the blocks are gone. The removal of a swap that was
 * never handed over does no harm. Blocks that are read after a removal have a higher revision, so that a block that comes back counts again.
 */
import { SwapstatsError } from "../../../shared/errors.ts";
import type { Position } from "../origin.ts";

/** A swap that was or will be handed over: hash of the transaction, index of the log, and index of the token in `tokens`. */
export type ListedSwap = readonly [txHash: string, logIndex: number, token: number];

export type ListedBlock = {
  readonly number: number;
  readonly hash: string;
  readonly timeMs: number;
  readonly revision: number;
  /** Prices after the block, of the pools that priced in it. */
  readonly prices: Prices;
  readonly swaps: readonly ListedSwap[];
};

/** Text of a price (prices.ts) by the address of its pool; empty: there is none. */
export type Prices = Readonly<Record<string, string>>;

export type ChainPosition = {
  readonly chainId: number;
  /** First block whose swaps are handed over. */
  readonly start: number;
  /** First block that was not handed over. */
  readonly next: number;
  /** Number of removals so far. */
  readonly revision: number;
  /** Prices before the first listed block, or before `next`. */
  readonly prices: Prices;
  /** Tokens of listed swaps. */
  readonly tokens: readonly string[];
  /** Consecutive blocks. */
  readonly blocks: readonly ListedBlock[];
  /** First block of those that the chain has dropped. Undefined: none is to be removed. */
  readonly dropFrom: number | undefined;
  /** Batches that were handed over since `next` or `dropFrom` moved; they come again after a restart. */
  readonly part: number;
};

const FORM = 1;

/** Hashes are kept without `0x`. Blocks and swaps are arrays, for the size. */
export function writePosition(position: ChainPosition): Position {
  const { chainId, start, next, revision, prices, tokens, blocks, dropFrom, part } = position;
  return {
    ...{ form: FORM, chain_id: chainId, start, next, revision, prices, tokens },
    ...(dropFrom === undefined ? {} : { drop_from: dropFrom }),
    ...(part === 0 ? {} : { part }),
    blocks: blocks.map((block) => [
      ...[block.number, bare(block.hash), block.timeMs, block.revision, block.prices],
      block.swaps.map(([txHash, logIndex, token]) => [bare(txHash), logIndex, token]),
    ]),
  };
}

type Written = {
  readonly form: number;
  readonly chain_id: number;
  readonly start: number;
  readonly next: number;
  readonly revision: number;
  readonly prices: Prices;
  readonly tokens: readonly string[];
  readonly drop_from?: number;
  readonly part?: number;
  readonly blocks: readonly (readonly [number, string, number, number, Prices, readonly ListedSwap[]])[];
};

/** Throws `bad_config` for a position of a later version. */
export function readPosition(position: Position): ChainPosition {
  const written = position as unknown as Written;
  if (written.form !== FORM) {
    throw new SwapstatsError(
      "bad_config",
      "the position was written by a later version of swapstats; use that version",
    );
  }
  const { chain_id: chainId, start, next, revision, prices, tokens, blocks, drop_from: dropFrom, part = 0 } = written;
  return {
    ...{ chainId, start, next, revision, prices, tokens, dropFrom, part },
    blocks: blocks.map(([number, hash, timeMs, blockRevision, blockPrices, swaps]) => ({
      ...{ number, hash: `0x${hash}`, timeMs, revision: blockRevision, prices: blockPrices },
      swaps: swaps.map(([txHash, logIndex, token]) => [`0x${txHash}`, logIndex, token] as const),
    })),
  };
}

/** Returns the prices after the last listed block. */
export function lastPrices({ prices, blocks }: ChainPosition): Prices {
  return Object.assign({}, prices, ...blocks.map((block) => block.prices));
}

/** A block whose swaps name their token by address. */
export type NewBlock = Omit<ListedBlock, "swaps"> & {
  readonly swaps: readonly (readonly [txHash: string, logIndex: number, token: string])[];
};

/** Lists one more block. */
export function withBlock(position: ChainPosition, block: NewBlock): ChainPosition {
  const tokens = [...position.tokens];
  const swaps = block.swaps.map(([txHash, logIndex, token]): ListedSwap => {
    const known = tokens.indexOf(token);
    return [txHash, logIndex, known === -1 ? tokens.push(token) - 1 : known];
  });
  return { ...position, tokens, blocks: [...position.blocks, { ...block, swaps }], part: 0 };
}

/** Returns the listed blocks from a number on. */
export function listedFrom({ blocks }: ChainPosition, from: number): readonly ListedBlock[] {
  return blocks.filter(({ number }) => number >= from);
}

/** Takes the blocks from a number on out of the list; they are read again. Without a block left, prices are looked for again, too. */
export function dropped(position: ChainPosition, from: number): ChainPosition {
  const kept = position.blocks.filter(({ number }) => number < from);
  const next = Math.min(position.next, from);
  return withTokensOf({
    ...position,
    ...{ blocks: kept, next, prices: kept.length === 0 ? {} : position.prices, dropFrom: undefined, part: 0 },
  });
}

/** Releases the blocks up to a number: they are final. */
export function withoutFinal(position: ChainPosition, finalBlock: number): ChainPosition {
  const gone = position.blocks.filter(({ number }) => number <= finalBlock);
  if (gone.length === 0) return position;
  const prices = Object.assign({}, position.prices, ...gone.map((block) => block.prices));
  return withTokensOf({ ...position, prices, blocks: position.blocks.slice(gone.length) });
}

/** Lists the tokens of the blocks alone. */
function withTokensOf(position: ChainPosition): ChainPosition {
  const used = [...new Set(position.blocks.flatMap(({ swaps }) => swaps.map(([, , token]) => token)))];
  const places = new Map(used.map((token, place) => [token, place]));
  return {
    ...position,
    tokens: used.map((token) => position.tokens[token] as string),
    blocks: position.blocks.map((block) => ({
      ...block,
      swaps: block.swaps.map(([txHash, logIndex, token]) => [txHash, logIndex, places.get(token) as number]),
    })),
  };
}

function bare(hash: string): string {
  return hash.slice(2);
}
