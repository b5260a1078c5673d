/**
 * The bus of one process: partitions live in worker threads (hosts), each behind a port. A question about an id goes to
 * the host that owns its partition; one about a name or a ranking goes to all, and the answers are merged.
 *
 * Answers of several hosts are of one as-of: figures change with time only at multiples of the finest step, so answers
 * made within one step are equal to answers made at its latest as-of. Where a host had moved on to a later step, all are asked again.
 */
import type { PartitionMetrics } from "../observability/metrics.ts";
import type {
  BodyAnswer,
  CandlesRequest,
  DeadLetter,
  DeadLettersAnswer,
  OverviewAnswer,
  OverviewRequest,
  Preference,
  Selection,
  StatsBus,
  StatusAnswer,
  TokenAnswer,
  Topic,
  TopicOpened,
  TopicUpdate,
} from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { type ChainAddresses, formatTokenId, NO_CHAIN_ADDRESSES, parseTokenId } from "../shared/token-id.ts";
import { compareHomes, partitionOfTokenId } from "../shared/token-partition.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import { AnswerCache } from "./answer-cache.ts";
import { MergeQueue } from "./merge-queue.ts";
import { MergedOverviewTopic } from "./merged-overview-topic.ts";
import { mergeLookups, resolve } from "./name-lookup.ts";
import { decodeCursor, encodeCursor, mergeRanked } from "./rank-order.ts";
import type { SharedClock } from "./shared-clock.ts";
import { mergeStatus } from "./status-merge.ts";
import type { WorkerClient } from "./worker-client.ts";
import type { AsOfWish, BodyPart, FeedUpdate, NameLookup, TokenPart, WorkerResponses } from "./worker-protocol.ts";

export type ThreadBusOptions = {
  readonly hosts: readonly WorkerClient[];
  /** How many partitions the stream has now; they may become more. */
  readonly partitionCount: () => number;
  readonly boards: ReadonlyMap<number, VersionBoard>;
  readonly clock: SharedClock;
  readonly finestStepMs: number;
  /** How the addresses of chains are written; undefined: hex as it comes. */
  readonly chains?: ChainAddresses;
  /** What becomes of names of several tokens where a request does not say; undefined: they are refused. */
  readonly prefer?: Preference;
};

/** For finding out which tokens are known. */
export const NO_FIGURES: Selection = { windows: [], fields: [] };

/** Rounds in which hosts are asked until their answers are of one step; the last one pins the as-of. */
const ROUNDS_MAX = 3;

export class ThreadBus implements StatsBus {
  readonly #hosts: readonly WorkerClient[];
  readonly #partitionCount: () => number;
  readonly #clock: SharedClock;
  readonly #finestStepMs: number;
  readonly #prefer: Preference;
  readonly #chains: ChainAddresses;
  readonly #cache: AnswerCache;
  readonly #merges = new MergeQueue();
  /** Questions about one token that were asked in this turn of the event loop. */
  readonly #asked = new Map<Selection, Map<string, Promise<TokenAnswer[]>>>();

  constructor(options: ThreadBusOptions) {
    this.#hosts = options.hosts;
    this.#partitionCount = options.partitionCount;
    this.#clock = options.clock;
    this.#finestStepMs = options.finestStepMs;
    this.#prefer = options.prefer ?? "refuse";
    this.#chains = options.chains ?? NO_CHAIN_ADDRESSES;
    this.#cache = new AnswerCache(options.clock, options.boards);
  }

  cachedTokenStats(token: string, selection: Selection): TokenAnswer | undefined {
    return this.#cache.get(token, selection);
  }

  async tokenStats(
    tokens: readonly string[],
    selection: Selection,
    prefer: Preference = this.#prefer,
  ): Promise<TokenAnswer[]> {
    if (tokens.length !== 1) return this.#askTokens(tokens, selection, prefer);
    // Equal questions of one turn of the event loop share an answer: a hot token is asked for by many at once.
    const token = tokens[0] as string;
    let asked = this.#asked.get(selection);
    if (asked === undefined) {
      if (this.#asked.size === 0) setImmediate(() => this.#asked.clear());
      asked = new Map();
      this.#asked.set(selection, asked);
    }
    const key = prefer === this.#prefer ? token : `${token}\n${prefer}`;
    let answer = asked.get(key);
    if (answer === undefined) {
      answer = this.#askTokens(tokens, selection, prefer);
      asked.set(key, answer);
    }
    return answer;
  }

  async #askTokens(tokens: readonly string[], selection: Selection, prefer: Preference): Promise<TokenAnswer[]> {
    const wanted = { selection, choose: prefer === "largest" };
    const gathered: TokenPart[][] = tokens.map(() => []);
    const asOf = await this.#atOneAsOf(async (at) => {
      for (const answers of gathered) answers.length = 0;
      const unknown = await this.#gatherTokens(tokens, this.#ownersOf(tokens), wanted, at, gathered);
      if (unknown.indexes.length === 0 || this.#hosts.length === 1) return unknown.asOfs;
      const everywhere = unknown.indexes.map((index) => ({ index, hosts: this.#hosts }));
      const rest = await this.#gatherTokens(tokens, everywhere, wanted, at, gathered);
      return [...unknown.asOfs, ...rest.asOfs];
    });
    return gathered.map((answers, index) =>
      this.#tokenAnswer(tokens[index] as string, selection, prefer, answers, asOf),
    );
  }

  async overview(request: OverviewRequest): Promise<OverviewAnswer> {
    const { window, sort, order, limit, cursor, windows, fields } = request;
    const after = cursor === undefined ? undefined : decodeCursor(request, cursor);
    let parts: WorkerResponses["overview"][] = [];
    const asOf = await this.#atOneAsOf(async (at) => {
      const asked = { kind: "overview", request: { window, sort, order, limit, windows, fields }, after, at } as const;
      parts = await Promise.all(this.#hosts.map((host) => host.ask<"overview">(asked)));
      return parts.map((part) => part.asOf);
    });
    const lists = parts.map((part) => part.rows);
    const rows = mergeRanked(lists, order, limit);
    const isMore = parts.some((part) => part.more) || lists.reduce((sum, list) => sum + list.length, 0) > limit;
    const last = rows.at(-1);
    return {
      asOf,
      epoch: parts.map((part) => part.epoch).join("."),
      rev: parts.reduce((sum, part) => sum + part.rev, 0),
      items: `[${rows.map((row) => row.json).join(",")}]`,
      nextCursor: isMore && last !== undefined ? encodeCursor(request, last.key) : undefined,
      stale: false,
    };
  }

  async candles(request: CandlesRequest): Promise<BodyAnswer> {
    const { prefer = this.#prefer, ...rest } = request;
    const asked = { kind: "candles", ...rest, choose: prefer === "largest" } as const;
    return this.#body(request.token, prefer, (host) => host.ask<"candles">(asked));
  }

  async newestSwaps(token: string, limit: number, prefer: Preference = this.#prefer): Promise<BodyAnswer> {
    const asked = { kind: "swaps", token, limit, choose: prefer === "largest" } as const;
    return this.#body(token, prefer, (host) => host.ask<"swaps">(asked));
  }

  async deadLetters(limit: number): Promise<DeadLettersAnswer> {
    const lists = await Promise.all(
      this.#hosts.map((host) => host.ask<"dead_letters">({ kind: "dead_letters", limit })),
    );
    // Hosts of one data folder share a store; each has written its own before it answered, and sees those of others.
    return { items: newestDeadLetters(lists, limit), stale: false };
  }

  async status(): Promise<StatusAnswer> {
    return mergeStatus(await Promise.all(this.#hosts.map((host) => host.ask<"status">({ kind: "status" }))));
  }

  /** What every partition reports for the metrics of the process. */
  async metrics(): Promise<PartitionMetrics[]> {
    const lists = await Promise.all(this.#hosts.map((host) => host.ask<"metrics">({ kind: "metrics" })));
    return lists.flat();
  }

  areKnown(ids: readonly string[]): Promise<boolean[]> {
    const question = { kind: "tokens", tokens: ids, selection: NO_FIGURES, at: undefined } as const;
    return knownAnywhere(
      ids,
      this.#hosts.map((host) => host.ask<"tokens">(question)),
    );
  }

  async subscribe(topic: Topic, onUpdate: (update: TopicUpdate) => void): Promise<TopicOpened> {
    if (topic.kind === "token") return this.#subscribeToken(topic, onUpdate);
    const channel = `overview:${topic.window}:${topic.sort}`;
    const [only] = this.#hosts;
    if (this.#hosts.length === 1 && only !== undefined) {
      return { kind: "opened", channel, close: await only.open(topic, fresh(onUpdate)) };
    }
    const merged = new MergedOverviewTopic(this.#hosts.length, topic.limit, this.#merges, onUpdate);
    const opening = this.#hosts.map((host, index) => host.open(topic, (update) => merged.update(index, update)));
    const opened = await Promise.allSettled(opening);
    const closers = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = opened.find((one) => one.status === "rejected");
    if (failed !== undefined) {
      closeAll(closers);
      throw failed.reason;
    }
    merged.start();
    const close = (): void => {
      merged.close();
      closeAll(closers);
    };
    return { kind: "opened", channel, close };
  }

  async #subscribeToken(
    topic: Extract<Topic, { kind: "token" }>,
    onUpdate: (update: TopicUpdate) => void,
  ): Promise<TopicOpened> {
    const ask = (host: WorkerClient) => host.ask<"lookup">({ kind: "lookup", token: topic.token });
    const owner = this.#ownerOf(topic.token);
    let asked: readonly WorkerClient[] = owner === undefined ? [] : [owner];
    let found = await Promise.all(asked.map(ask));
    if (found[0]?.tier !== "id" && asked.length < this.#hosts.length) {
      asked = this.#hosts;
      found = await Promise.all(asked.map(ask));
    }
    const lookup = mergeLookups(found);
    if (lookup === undefined) return { kind: "unknown" };
    const one = resolve(lookup, topic.prefer ?? this.#prefer);
    if ("kind" in one) return one;
    const { id, chosen } = one;
    const host = asked[found.findIndex((one) => one?.ids.includes(id))] as WorkerClient;
    let last: TopicUpdate | undefined;
    const take = fresh((update) => {
      last = update;
      onUpdate(update);
    });
    // The partition was let go: what is known of the token stands, and listeners are told that it is no longer looked after.
    const onGone = (): void => {
      if (last !== undefined) onUpdate({ ...last, stale: true });
    };
    const close = await host.open({ ...topic, token: id }, take, onGone);
    return { kind: "opened", channel: `token:${id}`, close, chosen };
  }

  /** The host whose partition holds this id, or undefined when the text is no id. */
  #ownerOf(text: string): WorkerClient | undefined {
    if (this.#hosts.length === 1) return this.#hosts[0];
    const id = parseTokenId(text, this.#chains);
    if (id === undefined) return undefined;
    const partition = partitionOfTokenId(formatTokenId(id.chainId, id.token), this.#partitionCount());
    return this.#hosts[workerOfPartition(partition, this.#hosts.length)];
  }

  #ownersOf(tokens: readonly string[]): { index: number; hosts: readonly WorkerClient[] }[] {
    return tokens.map((text, index) => {
      const owner = this.#ownerOf(text);
      return { index, hosts: owner === undefined ? this.#hosts : [owner] };
    });
  }

  /** Asks each host once for all its tokens; says which tokens nobody knew though not all hosts were asked. */
  async #gatherTokens(
    tokens: readonly string[],
    wanted: readonly { readonly index: number; readonly hosts: readonly WorkerClient[] }[],
    what: { readonly selection: Selection; readonly choose: boolean },
    at: AsOfWish,
    gathered: TokenPart[][],
  ): Promise<{ asOfs: number[]; indexes: number[] }> {
    const byHost = new Map<WorkerClient, number[]>();
    for (const { index, hosts } of wanted) {
      for (const host of hosts) {
        const indexes = byHost.get(host);
        if (indexes === undefined) byHost.set(host, [index]);
        else indexes.push(index);
      }
    }
    const asked = [...byHost].map(async ([host, indexes]) => {
      const texts = indexes.map((index) => tokens[index] as string);
      const answer = await host.ask<"tokens">({ kind: "tokens", tokens: texts, ...what, at });
      for (let i = 0; i < indexes.length; i++) {
        gathered[indexes[i] as number]?.push(answer.items[i] as TokenPart);
      }
      return answer.asOf;
    });
    const asOfs = await Promise.all(asked);
    const missed = wanted.filter(
      ({ index, hosts }) =>
        hosts.length < this.#hosts.length && gathered[index]?.every((answer) => answer.lookup?.tier !== "id"),
    );
    for (const { index } of missed) (gathered[index] as TokenPart[]).length = 0;
    return { asOfs, indexes: missed.map(({ index }) => index) };
  }

  #tokenAnswer(
    text: string,
    selection: Selection,
    prefer: Preference,
    answers: readonly TokenPart[],
    asOf: number,
  ): TokenAnswer {
    const lookup = mergeLookups(answers.map((answer) => answer.lookup));
    if (lookup === undefined) return { kind: "unknown" };
    const one = resolve(lookup, prefer);
    if ("kind" in one) return one;
    const { id, chosen } = one;
    // Several only where a token's swaps lie in several partitions, against the rule.
    const [stats] = answers
      .flatMap((answer) => (answer.stats !== undefined && answer.lookup?.ids[0] === id ? [answer.stats] : []))
      .sort((a, b) => compareHomes(id, this.#partitionCount(), a.ticket.partition, b.ticket.partition));
    if (stats === undefined) throw new SwapstatsError("internal", `the owner of ${id} gave no figures`);
    const { epoch, rev, watermark, lagMs, body, ticket } = stats;
    const kept = { gzipEnd: undefined };
    const answer: TokenAnswer = {
      kind: "stats",
      id,
      epoch,
      rev,
      asOf,
      watermark,
      lagMs,
      stale: false,
      body,
      chosen,
      kept,
    };
    this.#cache.put(text, selection, answer, ticket);
    return answer;
  }

  async #body(token: string, prefer: Preference, ask: (host: WorkerClient) => Promise<BodyPart>): Promise<BodyAnswer> {
    const owner = this.#ownerOf(token);
    let answers = owner === undefined ? [] : [await ask(owner)];
    if (this.#hosts.length > 1 && answers[0]?.lookup?.tier !== "id") {
      answers = await Promise.all(this.#hosts.map(ask));
    }
    const lookup = mergeLookups(answers.map((answer) => answer.lookup));
    if (lookup === undefined) return { kind: "unknown" };
    const one = resolve(lookup, prefer);
    if ("kind" in one) return one;
    const { id, chosen } = one;
    const found = answers.find((answer) => answer.found !== undefined && answer.lookup?.ids[0] === id)?.found;
    if (found === undefined) throw new SwapstatsError("internal", `the owner of ${id} gave no answer`);
    const { epoch, rev, body } = found;
    return { kind: "body", id, epoch, rev, body, stale: false, chosen };
  }

  /** Calls `ask` until all as-ofs that it returns lie in one step; returns the latest, which then holds for all. */
  async #atOneAsOf(ask: (at: AsOfWish) => Promise<readonly number[]>): Promise<number> {
    if (this.#hosts.length === 1) return Math.max(...(await ask(undefined)), 0) || this.#clock.now();
    let wish = this.#clock.now();
    for (let round = 1; ; round++) {
      const asOfs = await ask({ asOf: wish, forced: round === ROUNDS_MAX });
      const latest = Math.max(...asOfs, wish);
      const earliest = Math.min(...asOfs, latest);
      if (this.#step(latest) === this.#step(earliest) || round === ROUNDS_MAX) return latest;
      wish = latest;
    }
  }

  #step(asOfMs: number): number {
    return Math.floor(asOfMs / this.#finestStepMs);
  }
}

/** Index of the host that owns a partition, whenever it is owned here. */
export function workerOfPartition(partition: number, hosts: number): number {
  return partition % hosts;
}

/** Owners in this process are never away. */
function fresh(onUpdate: (update: TopicUpdate) => void): (update: FeedUpdate) => void {
  return (update) => onUpdate({ ...update, stale: false });
}

/** Of each id whether one of the answers knows a token by it. */
export async function knownAnywhere(
  ids: readonly string[],
  asked: readonly Promise<{ readonly items: readonly { readonly lookup: NameLookup | undefined | null }[] }>[],
): Promise<boolean[]> {
  const settled = await Promise.allSettled(asked);
  const answers = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  return ids.map((_, i) => answers.some(({ items }) => items[i]?.lookup?.tier === "id"));
}

/** Each letter once, newest first. */
export function newestDeadLetters(lists: readonly (readonly DeadLetter[])[], limit: number): DeadLetter[] {
  const byPlace = new Map(lists.flat().map((letter) => [`${letter.partition}:${letter.offset}`, letter]));
  return [...byPlace.values()]
    .sort((a, b) => b.arrival - a.arrival || b.offset - a.offset || b.partition - a.partition)
    .slice(0, limit);
}

function closeAll(closers: readonly (() => void)[]): void {
  for (const close of closers) close();
}
