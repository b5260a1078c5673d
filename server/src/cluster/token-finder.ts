/**
 * Questions about tokens, wherever these are. The owner is guessed from the id, asked, and only where it knows nothing all others
 * are asked too, in one round: a producer may have keyed the records by something else, and a name says nothing about the place.
 */

import { mergeLookups, resolve } from "../bus/name-lookup.ts";
import type { AsOfWish, NameLookup } from "../bus/worker-protocol.ts";
import type { Ambiguous, Chosen, Preference } from "../ports/stats-bus.ts";
import { type ChainAddresses, formatTokenId, parseTokenId } from "../shared/token-id.ts";
import { compareHomes, partitionOfTokenId } from "../shared/token-partition.ts";
import { BoundedMap, KNOWN_NAMES_MAX, type Revision, ShownRevisions } from "./last-known.ts";
import type { ClusterNode } from "./node.ts";
import type { Source } from "./peers.ts";
import type { Cover } from "./protocol.ts";

/** What a thread answers about one text. */
export type Part<F> = { readonly lookup: NameLookup | undefined | null; readonly found: F | undefined };
export type PartsAnswer<F> = {
  readonly asOf: number;
  readonly covers: readonly Cover[];
  readonly items: readonly Part<F>[];
};
export type AskParts<F> = (source: Source, texts: readonly string[], at: AsOfWish) => Promise<PartsAnswer<F>>;

export type Finding<F> =
  /** `isSure` false: somebody who may know more under this name is away. */
  | {
      readonly kind: "found";
      readonly id: string;
      readonly found: F;
      readonly asOf: number;
      readonly isSure: boolean;
      readonly chosen: Chosen | undefined;
    }
  | { readonly kind: "unknown" }
  | Ambiguous
  /** Nobody who is here knows it, and not everybody is here; `id` where it is known from before. */
  | { readonly kind: "away"; readonly id: string | undefined };

/** Rounds until the as-ofs of all threads lie in one step; the last one pins it. */
const ROUNDS_MAX = 3;

type Gathered<F> = { parts: Part<F>[]; covered: Set<number> };

export class TokenFinder {
  readonly #node: ClusterNode;
  readonly #finestStepMs: number;
  readonly #nowMs: () => number;
  readonly #chains: ChainAddresses;
  readonly #shown = new ShownRevisions();
  /** Where tokens are whose id does not say so. */
  readonly #homes = new BoundedMap<number>(KNOWN_NAMES_MAX);
  /** What names stood for when all were asked. */
  readonly #names = new BoundedMap<NameLookup>(KNOWN_NAMES_MAX);

  constructor(node: ClusterNode, finestStepMs: number, nowMs: () => number, chains: ChainAddresses) {
    this.#node = node;
    this.#finestStepMs = finestStepMs;
    this.#nowMs = nowMs;
    this.#chains = chains;
  }

  /** One finding a text, in their order; never rejects. */
  async find<F extends Revision>(
    texts: readonly string[],
    prefer: Preference,
    ask: AskParts<F>,
  ): Promise<Finding<F>[]> {
    const { peers } = this.#node;
    const version = peers.version;
    const findings = await this.#findOnce(texts, prefer, ask);
    const isMissing = findings.some((finding) => finding.kind === "away");
    // The owners were changing while they were asked; those of now may know.
    return isMissing && peers.version !== version ? this.#findOnce(texts, prefer, ask) : findings;
  }

  /** The partition of a token that was found before, else where its id belongs. */
  partitionOf(id: string): number {
    return this.#homes.get(id) ?? partitionOfTokenId(id, this.#node.peers.partitions);
  }

  async #findOnce<F extends Revision>(
    texts: readonly string[],
    prefer: Preference,
    ask: AskParts<F>,
  ): Promise<Finding<F>[]> {
    const gathered = texts.map((): Gathered<F> => ({ parts: [], covered: new Set() }));
    const asOf = await this.#atOneAsOf(texts, async (at) => {
      for (const one of gathered) {
        one.parts.length = 0;
        one.covered.clear();
      }
      const guesses = texts.map((text) => this.#guess(text));
      const asOfs = await this.#askSources(texts, guesses, ask, at, gathered);
      const rest = texts.map((_, index): readonly Source[] => {
        if (gathered[index]?.parts.some((part) => part.lookup?.tier === "id")) return [];
        return this.#node.peers.sources.filter((source) => !guesses[index]?.includes(source));
      });
      return [...asOfs, ...(await this.#askSources(texts, rest, ask, at, gathered))];
    });
    return texts.map((text, index) => this.#finding(text, prefer, gathered[index] as Gathered<F>, asOf));
  }

  /** The epoch in which this process answers for the token with this id; undefined: not, or the text is no id. */
  ownEpochOf(text: string): string | undefined {
    const [owner] = this.#guess(text);
    const id = this.#idOf(text);
    if (owner === undefined || owner.address !== undefined || id === undefined) return undefined;
    return owner.parts.get(this.partitionOf(id));
  }

  #guess(text: string): readonly Source[] {
    const parsed = parseTokenId(text, this.#chains);
    if (parsed === undefined || this.#node.peers.partitions === 0) return [];
    const owner = this.#node.peers.ownerOf(this.partitionOf(formatTokenId(parsed.chainId, parsed.token)));
    return owner === undefined ? [] : [owner];
  }

  #idOf(text: string): string | undefined {
    const parsed = parseTokenId(text, this.#chains);
    return parsed === undefined ? undefined : formatTokenId(parsed.chainId, parsed.token);
  }

  /** Asks each source once for all its texts. One that does not answer has said nothing. */
  async #askSources<F extends Revision>(
    texts: readonly string[],
    sourcesOf: readonly (readonly Source[])[],
    ask: AskParts<F>,
    at: AsOfWish,
    gathered: readonly Gathered<F>[],
  ): Promise<number[]> {
    const bySource = new Map<Source, number[]>();
    for (const [index, sources] of sourcesOf.entries()) {
      for (const source of sources) {
        const indexes = bySource.get(source);
        if (indexes === undefined) bySource.set(source, [index]);
        else indexes.push(index);
      }
    }
    const asked = [...bySource].map(async ([source, indexes]) => {
      const asked = indexes.map((index) => texts[index] as string);
      const answer = await ask(source, asked, at).catch(() => undefined);
      if (answer === undefined) return [];
      for (const [i, index] of indexes.entries()) this.#gather(answer, i, gathered[index] as Gathered<F>);
      return [answer.asOf];
    });
    return (await Promise.all(asked)).flat();
  }

  #gather<F extends Revision>(answer: PartsAnswer<F>, i: number, into: Gathered<F>): void {
    const { peers } = this.#node;
    for (const [partition, epoch] of answer.covers) if (peers.isCurrent(partition, epoch)) into.covered.add(partition);
    const part = answer.items[i];
    if (part === undefined) return;
    // A former owner knows the token as it was; that is no answer.
    if (part.found !== undefined && !peers.isCurrent(part.found.partition, part.found.epoch)) return;
    into.parts.push(part);
  }

  #finding<F extends Revision>(
    text: string,
    prefer: Preference,
    { parts, covered }: Gathered<F>,
    asOf: number,
  ): Finding<F> {
    const { partitions } = this.#node.peers;
    const isSure = partitions > 0 && covered.size >= partitions;
    const lookup = mergeLookups(parts.map((part) => part.lookup ?? undefined));
    if (lookup?.tier === "id")
      return this.#found({ id: lookup.ids[0] as string, chosen: undefined }, parts, asOf, true);
    const known = isSure ? undefined : this.#names.get(text);
    const merged = mergeLookups([lookup, known]);
    if (merged === undefined) return isSure ? { kind: "unknown" } : { kind: "away", id: this.#idOf(text) };
    if (isSure && lookup !== undefined) this.#names.put(text, lookup, 1);
    const one = resolve(merged, prefer);
    return "kind" in one ? one : this.#found(one, parts, asOf, isSure);
  }

  #found<F extends Revision>(
    { id, chosen }: { readonly id: string; readonly chosen: Chosen | undefined },
    parts: readonly Part<F>[],
    asOf: number,
    isSure: boolean,
  ): Finding<F> {
    // Several only where a token's swaps lie in several partitions, against the rule.
    const hits = parts.flatMap((part) => (part.found !== undefined && part.lookup?.ids[0] === id ? [part.found] : []));
    const { partitions } = this.#node.peers;
    const found = hits.sort((a, b) => compareHomes(id, partitions, a.partition, b.partition))[0];
    if (found === undefined || !this.#shown.show(id, found)) return { kind: "away", id };
    this.#node.peers.raiseFloor(found.partition, found.epoch);
    if (found.partition !== partitionOfTokenId(id, partitions)) this.#homes.put(id, found.partition, 1);
    // Partitions may have been added since, and its swaps go where they belong.
    else this.#homes.delete(id);
    return { kind: "found", id, found, asOf, isSure, chosen };
  }

  async #atOneAsOf(texts: readonly string[], ask: (at: AsOfWish) => Promise<number[]>): Promise<number> {
    if (texts.length === 1) return Math.max(0, ...(await ask(undefined)));
    return atOneAsOf(this.#nowMs(), this.#finestStepMs, ask);
  }
}

/** Calls `ask` until all as-ofs that it returns lie in one step; returns the latest, which then holds for all. */
export async function atOneAsOf(
  nowMs: number,
  stepMs: number,
  ask: (at: AsOfWish) => Promise<readonly number[]>,
): Promise<number> {
  const stepOf = (asOfMs: number) => Math.floor(asOfMs / stepMs);
  let wish = nowMs;
  for (let round = 1; ; round++) {
    const asOfs = await ask({ asOf: wish, forced: round === ROUNDS_MAX });
    const latest = Math.max(...asOfs, wish);
    if (stepOf(latest) === stepOf(Math.min(...asOfs, latest)) || round === ROUNDS_MAX) return latest;
    wish = latest;
  }
}
