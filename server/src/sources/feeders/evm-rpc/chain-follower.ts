/**
 * Follows a chain: says what has to be handed over behind a position. Blocks up to `head - finality` are read in ranges and never looked at
 * again. Newer ones are read one by one, by their hash, and stay listed in the position until they are final (position.ts).
 *
 * Replaced blocks are noticed by the hash of the last listed block, as soon as the node's head is not behind it. A node that lags, or that
 * another one contradicts, is asked again later.
 */
import { POSITION_BYTES_MAX } from "../origin.ts";
import type { ChainReader } from "./chain-reader.ts";
import type { BlockHeader, ChainLog } from "./chain-values.ts";
import type { Pool } from "./pools.ts";
import {
  type ChainPosition,
  dropped,
  type ListedBlock,
  lastPrices,
  listedFrom,
  type NewBlock,
  type Prices,
  withBlock,
  withoutFinal,
  writePosition,
} from "./position.ts";
import { findPrice } from "./price-search.ts";
import { type Step, stepsOf } from "./steps.ts";
import { type BlockSwaps, eventsOf, removalsOf, type SwapEventsOptions } from "./swap-events.ts";

/** Blocks that are read one by one in one step. */
const LIVE_BLOCKS_MAX = 32;
/** The members that say what happens to the lists need little room. */
const LISTED_CHARS_MAX = POSITION_BYTES_MAX - 1024;

/** `before`: this many blocks before the head. */
export type ChainStart = { readonly block: number } | { readonly before: number };

type FollowerOptions = SwapEventsOptions & {
  readonly start: ChainStart;
  /** Blocks after which a block is never dropped. */
  readonly finality: number;
};

export class ChainFollower {
  readonly #reader: ChainReader;
  readonly #options: FollowerOptions;
  readonly #addresses: readonly string[];
  /** Pools that price others. */
  readonly #pricing: readonly Pool[];
  /** Blocks that are so far behind the head are not listed. The last final one is, so that the deepest fork is found. */
  readonly #unlisted: number;
  #unpriced = 0;
  #isTooDeep = false;
  /** Head at which no further block fitted into the position. */
  #fullAt: number | undefined;
  /** Why there is nothing new although the chain goes on. */
  #waits: string | undefined;

  constructor(reader: ChainReader, options: FollowerOptions) {
    this.#reader = reader;
    this.#options = options;
    this.#unlisted = options.finality === 0 ? 0 : options.finality + 1;
    const pools = [...options.pools.values()];
    this.#addresses = pools.map(({ address }) => address);
    this.#pricing = [...new Set(pools.flatMap(({ through }) => through ?? []))];
  }

  /** Present problem in a plain sentence. */
  get problem(): string | undefined {
    if (this.#waits !== undefined) return this.#waits;
    if (this.#isTooDeep) {
      return "The chain has dropped more blocks than `finality` allows for. The swaps of the older ones stay counted; raise `finality`.";
    }
    if (this.#unpriced === 0) return undefined;
    return `${this.#unpriced} swaps were left out, because the pool that prices them had no swap before them.`;
  }

  /**
   * Returns the next steps: none when the node cannot tell them yet, undefined at the end of the chain. Rejects as the reader does.
   */
  async advance(position: ChainPosition | undefined, signal: AbortSignal): Promise<readonly Step[] | undefined> {
    const steps = await this.#advance(position, signal);
    if (steps === undefined || steps.length > 0) this.#waits = undefined;
    return steps;
  }

  async #advance(position: ChainPosition | undefined, signal: AbortSignal): Promise<readonly Step[] | undefined> {
    if (position === undefined) return this.#begin(signal);
    if (position.dropFrom !== undefined) return this.#drop(position, position.dropFrom);
    const open = listedFrom(position, position.next);
    if (open.length > 0) return this.#repeat(position, open, signal);
    return this.#follow(position, signal);
  }

  async #begin(signal: AbortSignal): Promise<readonly Step[]> {
    const { start, chainId } = this.#options;
    const { head } = await this.#reader.head(0, signal);
    const first = "block" in start ? start.block : Math.max(0, head + 1 - start.before);
    const lists = { prices: {}, tokens: [], blocks: [] };
    // Prices are searched in final blocks. The blocks from there to the first one can be dropped like any other.
    const next = Math.max(0, Math.min(first, head - this.#unlisted));
    const position = { chainId, start: first, next, revision: 0, ...lists, dropFrom: undefined, part: 0 };
    return [{ records: [], position, behind: Math.max(0, head + 1 - first) }];
  }

  async #follow(given: ChainPosition, signal: AbortSignal): Promise<readonly Step[] | undefined> {
    const last = given.next - 1;
    const { head, block } = await this.#reader.head(Math.max(0, last), signal);
    if (head < last && given.blocks.length > 0) {
      return this.#wait(`The node is at block ${head}, behind block ${last}, which was read already.`);
    }
    const listed = given.blocks.at(-1);
    if (listed !== undefined && block === undefined) return this.#wait(`The node does not know block ${last} yet.`);
    if (listed !== undefined && block?.hash !== listed.hash) return this.#findFork(given, signal);
    if (head <= last) return undefined;
    if (head === this.#fullAt) return [];
    const prices = await this.#missingPrices(given, signal);
    if (prices !== undefined) return [{ records: [], position: { ...given, prices }, behind: head - last }];
    const position = withoutFinal(given, head - this.#unlisted);
    if (position.next <= head - this.#unlisted) return this.#readRange(position, head, signal);
    return this.#readBlocks(position, head, signal);
  }

  async #readRange(position: ChainPosition, head: number, signal: AbortSignal): Promise<readonly Step[]> {
    const { next, revision, prices } = position;
    const last = head - this.#unlisted;
    const { to, logs } = await this.#reader.logsOfRange(next, last, this.#addresses, signal);
    const swaps = eventsOf(this.#options, logs, revision, prices, await this.#senders(logs, signal), position.start);
    this.#unpriced += swaps.unpriced;
    const after = { ...position, next: to + 1, prices: { ...prices, ...swaps.prices }, part: 0 };
    return stepsOf(swaps.records, position, after, head - to);
  }

  async #readBlocks(position: ChainPosition, head: number, signal: AbortSignal): Promise<readonly Step[]> {
    const { next } = position;
    const count = Math.min(head + 1 - next, LIVE_BLOCKS_MAX);
    const numbers = Array.from({ length: count }, (_, index) => next + index);
    const headers = linked(await this.#reader.headers(numbers, signal), position.blocks.at(-1)?.hash);
    if (headers.length === 0) return this.#wait(`The node does not know a successor of block ${next - 1} yet.`);
    const blocks = await this.#swapsOf(headers, position, signal);
    let listed = position;
    const taken: BlockSwaps[] = [];
    for (const { block, swaps } of blocks) {
      const longer = withBlock(listed, block);
      if (JSON.stringify(writePosition(longer)).length > LISTED_CHARS_MAX) break;
      listed = longer;
      taken.push(swaps);
    }
    if (taken.length === 0) {
      this.#fullAt = head;
      return this.#wait(
        "The blocks that are not final hold more swaps than a position can list, so newer blocks wait. Lower `finality`, or name fewer pools.",
      );
    }
    this.#unpriced += taken.reduce((sum, { unpriced }) => sum + unpriced, 0);
    const end = next + taken.length;
    const after = { ...listed, next: end };
    const steps = stepsOf(
      taken.flatMap(({ records }) => records),
      listed,
      after,
      head + 1 - end,
    );
    // Without swaps there is nothing to take back, so no list has to be kept before.
    if (taken.every((swaps) => swaps.listed.length === 0)) return steps;
    return [{ records: [], position: listed, behind: head + 1 - next }, ...steps];
  }

  /**
   * Hands over blocks that were listed before a restart, perhaps again. If the chain or the pools have changed since, they are taken back
   * and read anew.
   */
  async #repeat(given: ChainPosition, open: readonly ListedBlock[], signal: AbortSignal): Promise<readonly Step[]> {
    const numbers = open.map(({ number }) => number);
    const headers = await this.#reader.headers(numbers, signal);
    if (headers.includes(undefined)) return this.#wait(`The node does not know block ${numbers.at(-1)} yet.`);
    if (headers.some((header, index) => header?.hash !== open[index]?.hash)) return [markDropped(given, given.next)];
    const { revision } = open[0] as ListedBlock;
    const before: ChainPosition = { ...given, blocks: given.blocks.slice(0, -open.length), revision };
    const blocks = await this.#swapsOf(headers as BlockHeader[], before, signal);
    const listed = blocks.reduce((position, { block }) => withBlock(position, block), before);
    if (JSON.stringify(listed.blocks) !== JSON.stringify(given.blocks)) return [markDropped(given, given.next)];
    const after = { ...given, next: given.next + open.length, part: 0 };
    return stepsOf(
      blocks.flatMap(({ swaps }) => swaps.records),
      { ...given, part: 0 },
      after,
      undefined,
    );
  }

  /** Reads the swaps of blocks, each with the prices that the ones before it leave. */
  async #swapsOf(
    headers: readonly BlockHeader[],
    position: ChainPosition,
    signal: AbortSignal,
  ): Promise<{ readonly block: NewBlock; readonly swaps: BlockSwaps }[]> {
    const { revision } = position;
    const hashes = headers.map(({ hash }) => hash);
    const logs = await this.#reader.logsOfBlocks(hashes, this.#addresses, signal);
    const senders = await this.#senders(logs.flat(), signal);
    let prices = lastPrices(position);
    return headers.map(({ number, hash, timeMs }, index) => {
      const own = (logs[index] as ChainLog[]).map((log) => ({ ...log, timeMs }));
      const swaps = eventsOf(this.#options, own, revision, prices, senders, position.start);
      prices = { ...prices, ...swaps.prices };
      return { block: { number, hash, timeMs, revision, prices: swaps.prices, swaps: swaps.listed }, swaps };
    });
  }

  /** Finds the last listed block that the chain still has. */
  async #findFork(position: ChainPosition, signal: AbortSignal): Promise<readonly Step[]> {
    const { blocks } = position;
    const headers = await this.#reader.headers(
      blocks.map(({ number }) => number),
      signal,
    );
    if (headers.includes(undefined)) return this.#wait("The node does not know all blocks of its chain yet.");
    const kept = blocks.findLast((block, index) => block.hash === headers[index]?.hash);
    const first = blocks[0] as (typeof blocks)[number];
    if (kept === undefined) this.#isTooDeep = true;
    if (kept === blocks.at(-1)) return [];
    return [markDropped(position, kept === undefined ? first.number : kept.number + 1)];
  }

  #drop(position: ChainPosition, from: number): readonly Step[] {
    const { chainId } = this.#options;
    const blocks = listedFrom(position, from).toReversed();
    const removals = blocks.flatMap((block) => removalsOf(chainId, block, position.tokens));
    return stepsOf(removals, position, dropped(position, from), undefined);
  }

  /** Undefined: every pool that prices others has its price, or is known to have none. */
  async #missingPrices(position: ChainPosition, signal: AbortSignal): Promise<Prices | undefined> {
    const missing = this.#pricing.filter(({ address }) => !Object.hasOwn(position.prices, address));
    if (missing.length === 0) return undefined;
    const last = (position.blocks[0]?.number ?? position.next) - 1;
    const prices = { ...position.prices };
    for (const pool of missing) prices[pool.address] = (await findPrice(this.#reader, pool, last, signal)) ?? "";
    return prices;
  }

  async #senders(logs: readonly ChainLog[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (this.#options.who !== "from") return new Map();
    return this.#reader.senders(
      logs.map(({ txHash }) => txHash),
      signal,
    );
  }

  #wait(why: string): readonly Step[] {
    this.#waits = why;
    return [];
  }
}

/** Says that the chain has dropped the blocks from a number on. What is read after that has a higher revision. */
function markDropped(position: ChainPosition, from: number): Step {
  const marked = { ...position, dropFrom: from, revision: position.revision + 1, part: 0 };
  return { records: [], position: marked, behind: undefined };
}

/** Returns the blocks up to the first that is unknown or does not continue the one before. */
function linked(headers: readonly (BlockHeader | undefined)[], parentHash: string | undefined): BlockHeader[] {
  const chain: BlockHeader[] = [];
  let parent = parentHash;
  for (const header of headers) {
    if (header === undefined || (parent !== undefined && header.parentHash !== parent)) break;
    chain.push(header);
    parent = header.hash;
  }
  return chain;
}
