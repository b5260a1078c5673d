/** Tokens of one partition that other partitions also have, and the walk that finds candidates. See bus/placement-check.ts. */

import { NAMED_MAX, WALK_TOKENS_MAX } from "../../bus/placement-check.ts";
import type { SplitMark } from "../../bus/requests.ts";
import { TOKEN_PARTS } from "../../engine/partition-engine.ts";
import type { TokenRef } from "../../engine/types.ts";
import { parseTokenId } from "../../shared/token-id.ts";
import { partitionOfTokenId } from "../../shared/token-partition.ts";
import type { Piecewise } from "../thread-share.ts";

const LOOKS_PER_PIECE = 100;

type WalkedEngine = {
  tokensOfPart(part: number): TokenRef[];
  info(token: TokenRef): { readonly id: string };
  findById(chainId: number, token: string): TokenRef | undefined;
  isRetired(token: TokenRef, asOfMs: number): boolean;
};

export class SplitTokens {
  readonly #partition: number;
  readonly #engine: WalkedEngine;
  readonly #asOfMs: () => number;
  /** Tokens that other partitions also have, and the partition that serves each. */
  readonly #split = new Map<TokenRef, number>();
  #partitions = 0;
  /** Remaining tokens of the current part of the walk, the last first, and the next part. Tokens stay known. */
  #walk: TokenRef[] = [];
  #part = 0;

  constructor(partition: number, engine: WalkedEngine, asOfMs: () => number) {
    this.#partition = partition;
    this.#engine = engine;
    this.#asOfMs = asOfMs;
  }

  get size(): number {
    return this.#split.size;
  }

  /** Partitions of the stream at the last walk; 0 before. */
  get partitions(): number {
    return this.#partitions;
  }

  has(token: TokenRef): boolean {
    return this.#split.has(token);
  }

  /** Returns whether another partition serves this token. It is then in no ranking of this partition. */
  isElsewhere(token: TokenRef): boolean {
    const home = this.#split.get(token);
    return home !== undefined && home !== this.#partition;
  }

  /** Finds the next tokens that are marked, or that belong elsewhere among so many partitions. Calls go through all tokens in turn. */
  *misplaced(partitions: number): Piecewise<string[]> {
    this.#partitions = partitions;
    const ids: string[] = [];
    const asOfMs = this.#asOfMs();
    for (let looked = 0; looked < WALK_TOKENS_MAX && ids.length < NAMED_MAX; looked++) {
      const token = this.#nextOfWalk();
      if (token === undefined) break;
      if (looked % LOOKS_PER_PIECE === LOOKS_PER_PIECE - 1) yield;
      if (this.#engine.isRetired(token, asOfMs)) {
        this.#split.delete(token);
        continue;
      }
      const { id } = this.#engine.info(token);
      if (this.#split.has(token) || partitionOfTokenId(id, partitions) !== this.#partition) ids.push(id);
    }
    return ids;
  }

  /** Returns the next token of the walk; undefined at its end, after which it starts again. */
  #nextOfWalk(): TokenRef | undefined {
    for (;;) {
      const token = this.#walk.pop();
      if (token !== undefined) return token;
      if (this.#part === TOKEN_PARTS) {
        this.#part = 0;
        return undefined;
      }
      this.#walk = this.#engine.tokensOfPart(this.#part);
      this.#part += 1;
    }
  }

  /** Returns the token of an id. A retired token has nothing in any window, so it does not count. */
  find(id: string): TokenRef | undefined {
    const parsed = parseTokenId(id);
    const token = parsed === undefined ? undefined : this.#engine.findById(parsed.chainId, parsed.token);
    return token === undefined || this.#engine.isRetired(token, this.#asOfMs()) ? undefined : token;
  }

  /** Returns whether this changes anything. */
  mark({ id, home }: SplitMark): boolean {
    const token = this.find(id);
    if (token === undefined || this.#split.get(token) === home) return false;
    this.#split.set(token, home);
    return true;
  }

  /** Returns whether this changes anything. */
  unmark(id: string): boolean {
    const token = this.find(id);
    return token !== undefined && this.#split.delete(token);
  }

  /** A sentence for the status; undefined without split tokens. */
  get problem(): string | undefined {
    const [first] = this.#split.keys();
    if (first === undefined) return undefined;
    const { id } = this.#engine.info(first);
    return (
      `${this.#split.size} tokens of partition ${this.#partition} are in other partitions too, such as ${id}: the producer must key ` +
      "its records by the token. Their figures are those of one partition alone, and say so."
    );
  }
}
