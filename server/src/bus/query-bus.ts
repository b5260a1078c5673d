/**
 * The bus over the workers in `BusWorkers`. It sends a request about an id to its owner, and requests about names and rankings to all workers, and
 * merges their responses. bus-workers.ts explains the differences between threads of a process and instances.
 */
import type { PartitionMetrics } from "../observability/partition-metrics.ts";
import type { OwnedPart, OwnedQuery } from "../ports/owned-history.ts";
import type {
  BodyResponse,
  Candidate,
  ChannelOpened,
  ChannelSpec,
  ChannelUpdate,
  DeadLetter,
  DeadLettersResponse,
  MarketRequest,
  MarketResponse,
  OverviewRequest,
  OverviewResponse,
  Preference,
  ScreenerRequest,
  ScreenerResponse,
  SearchRequest,
  SearchResponse,
  Selection,
  StatsBus,
  StatusResponse,
  StatusScope,
  TokenRequest,
  TokenResponse,
} from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import { type BusWorkers, haveAllOwners } from "./bus-workers.ts";
import { isOwned } from "./channels.ts";
import { historyText, partsOfText } from "./history-text.ts";
import { LastKnown } from "./last-known.ts";
import { MergeQueue } from "./merge-queue.ts";
import { compareCandidates } from "./name-lookup.ts";
import { RankingFeed } from "./ranking-feed.ts";
import { RankingGather } from "./ranking-gather.ts";
import type { RequestOf } from "./requests.ts";
import { ResponseCache } from "./response-cache.ts";
import type { FoundBody, FoundStats, SearchRow } from "./responses.ts";
import type { MergedChannel } from "./row-mergers.ts";
import { ScreenerGather } from "./screener-gather.ts";
import type { SharedClock } from "./shared-clock.ts";
import { mergeStatus } from "./status-merge.ts";
import { type OwnedChannel, TokenFeed } from "./token-feed.ts";
import { type AskParts, type Finding, TokenGather } from "./token-gather.ts";

export type QueryBusOptions = {
  readonly workers: BusWorkers;
  /** Version boards by partition. */
  readonly boards: ReadonlyMap<number, VersionBoard>;
  readonly clock: SharedClock;
  readonly finestStepMs: number;
  /** How the addresses of chains are written; undefined: hex as it comes. */
  readonly chains?: ChainAddresses;
  /** Default for requests about names of several tokens. Undefined: they are refused. */
  readonly prefer?: Preference;
  /** Extends the status of this process to that of all instances. Undefined if owners are never away. */
  readonly statusOfAll?: (own: StatusResponse) => Promise<StatusResponse>;
};

type StatsResponse = Extract<TokenResponse, { kind: "stats" }>;

/** Finds which tokens are known. */
const NO_FIGURES: Selection = { windows: [], fields: [] };

export class QueryBus implements StatsBus {
  readonly #workers: BusWorkers;
  readonly #prefer: Preference;
  readonly #cache: ResponseCache;
  readonly #known = new LastKnown();
  readonly #gather: TokenGather;
  readonly #rankings: RankingGather;
  readonly #screener: ScreenerGather;
  readonly #merges = new MergeQueue();
  readonly #tokenFeeds = new Map<string, TokenFeed>();
  readonly #rankingFeeds = new Map<string, RankingFeed>();
  readonly #statusOfAll: QueryBusOptions["statusOfAll"];
  /** Requests about one token in this turn of the event loop, by selection. */
  readonly #asked = new Map<Selection, Map<string, Promise<TokenResponse[]>>>();

  constructor({ workers, boards, clock, finestStepMs, chains, prefer, statusOfAll }: QueryBusOptions) {
    this.#workers = workers;
    this.#prefer = prefer ?? "refuse";
    this.#cache = new ResponseCache(clock, boards);
    this.#statusOfAll = statusOfAll;
    const nowMs = (): number => clock.now();
    this.#gather = new TokenGather({
      ...{ workers, known: this.#known, finestStepMs, nowMs, chains: chains ?? NO_CHAIN_ADDRESSES },
    });
    this.#rankings = new RankingGather(workers, finestStepMs, nowMs);
    this.#screener = new ScreenerGather(workers, finestStepMs, nowMs);
    workers.onChange(() => {
      for (const feed of [...this.#tokenFeeds.values()]) feed.follow();
      for (const feed of [...this.#rankingFeeds.values()]) feed.follow();
    });
  }

  cachedTokenStats(token: string, selection: Selection): TokenResponse | undefined {
    return this.#workers.isCachingSafe ? this.#cache.get(token, selection) : undefined;
  }

  async tokenStats(
    tokens: readonly string[],
    selection: Selection,
    prefer: Preference = this.#prefer,
  ): Promise<TokenResponse[]> {
    if (tokens.length !== 1) return this.#askTokens(tokens, selection, prefer);
    // Equal requests of one turn of the event loop share a response, because many clients request a hot token at once.
    const token = tokens[0] as string;
    let asked = this.#asked.get(selection);
    if (asked === undefined) {
      if (this.#asked.size === 0) setImmediate(() => this.#asked.clear());
      asked = new Map();
      this.#asked.set(selection, asked);
    }
    const key = prefer === this.#prefer ? token : `${token}\n${prefer}`;
    let response = asked.get(key);
    if (response === undefined) {
      response = this.#askTokens(tokens, selection, prefer);
      asked.set(key, response);
    }
    const responses = await response;
    // Another request may show a later revision in the same turn. A request after that does not get this response.
    asked.delete(key);
    return responses;
  }

  overview(request: OverviewRequest): Promise<OverviewResponse> {
    return this.#rankings.overview(request);
  }

  async search(request: SearchRequest): Promise<SearchResponse> {
    const { all, partitions, mayBeAway } = this.#workers;
    const covered = new Set<number>();
    const parts = await Promise.all(
      all.map(async (worker) => {
        const asking = worker.ask({ kind: "search", ...request });
        const covering = await (mayBeAway ? asking.catch(() => undefined) : asking);
        for (const [partition] of covering?.covers ?? []) covered.add(partition);
        return covering === undefined ? [] : [covering.response];
      }),
    );
    const found = parts.flat();
    const asOf = found.reduce((newest, part) => Math.max(newest, part.asOf), 0);
    const rows = found.flatMap((part) => part.rows);
    return { asOf, items: mergeFound(rows, request.limit), stale: mayBeAway && covered.size < partitions };
  }

  market(request: MarketRequest): Promise<MarketResponse> {
    return this.#rankings.market(request);
  }

  screener(request: ScreenerRequest): Promise<ScreenerResponse> {
    return this.#screener.page(request);
  }

  async tokenBody({ prefer = this.#prefer, ...request }: TokenRequest): Promise<BodyResponse> {
    const choose = prefer === "largest";
    const ask: AskParts<FoundBody> = async (worker, [token = ""]) => {
      const { response, covers } = await worker.ask({ ...request, token, choose });
      return { asOf: 0, covers, items: [response] };
    };
    const [finding] = await this.#gather.find([request.token], prefer, ask);
    if (finding === undefined || finding.kind === "unknown") return { kind: "unknown" };
    if (finding.kind === "ambiguous") return finding;
    const keyOf = (id: string): string => JSON.stringify({ ...request, token: id });
    if (finding.kind === "away") {
      const known = finding.id === undefined ? undefined : this.#known.bodies.get(keyOf(finding.id));
      return known === undefined ? { kind: "unavailable" } : { ...known, stale: true };
    }
    const { id, chosen, isSure } = finding;
    const { epoch, rev, body } = finding.found;
    const response = { kind: "body", id, epoch, rev, body, stale: !isSure, chosen } as const;
    if (this.#workers.mayBeAway) this.#known.bodies.set(keyOf(id), response);
    return response;
  }

  async ownedHistory(query: OwnedQuery): Promise<readonly OwnedPart[]> {
    const { all, partitions, mayBeAway } = this.#workers;
    const request = { kind: "history", query: historyText(query), size: 1 + query.tokens.length } as const;
    const answers = await Promise.all(
      all.map(async (worker) => partsOfText((await worker.ask(request)).response.body)),
    );
    const parts = answers.flat();
    if (!mayBeAway) return parts;
    const current = parts.filter(({ partition, owner }) => this.#workers.isCurrent(partition, owner));
    const covered = new Set(current.map(({ partition }) => partition));
    if (partitions === 0 || covered.size < partitions) throw partitionAway();
    return current;
  }

  async deadLetters(limit: number): Promise<DeadLettersResponse> {
    const { all, partitions, mayBeAway } = this.#workers;
    const covered = new Set<number>();
    const lists = await Promise.all(
      all.map(async (worker) => {
        const asking = worker.ask({ kind: "dead_letters", limit });
        const covering = await (mayBeAway ? asking.catch(() => undefined) : asking);
        for (const [partition] of covering?.covers ?? []) covered.add(partition);
        return covering?.response ?? [];
      }),
    );
    // Workers of one data folder share a store. Each writes its own letters before it responds, and also returns those of others.
    return { items: newestDeadLetters(lists, limit), stale: mayBeAway && covered.size < partitions };
  }

  async status(scope: StatusScope): Promise<StatusResponse> {
    const responses = await Promise.all(this.#workers.own.map((worker) => worker.ask({ kind: "status" })));
    const own = mergeStatus(responses.map(({ response }) => response));
    return scope === "own" || this.#statusOfAll === undefined ? own : this.#statusOfAll(own);
  }

  /** Returns the metrics of all partitions of this process. */
  async metrics(): Promise<PartitionMetrics[]> {
    const responses = await Promise.all(this.#workers.own.map((worker) => worker.ask({ kind: "metrics" })));
    return responses.flatMap(({ response }) => response);
  }

  async areKnown(ids: readonly string[]): Promise<boolean[]> {
    const request = { kind: "tokens", tokens: ids, selection: NO_FIGURES, at: undefined } as const;
    const settled = await Promise.allSettled(this.#workers.all.map((worker) => worker.ask(request)));
    const responses = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value.response] : []));
    return ids.map((_, i) => responses.some(({ items }) => items[i]?.lookup?.tier === "id"));
  }

  async subscribe(spec: ChannelSpec, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened> {
    return isOwned(spec) ? this.#subscribeOwned(spec, onUpdate) : this.#subscribeMerged(spec, onUpdate);
  }

  async #subscribeOwned(spec: OwnedChannel, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened> {
    const prefer = spec.prefer ?? this.#prefer;
    const [finding] = await this.#gather.find([spec.token], prefer, asker(NO_FIGURES, prefer));
    if (finding === undefined || finding.kind === "unknown") return { kind: "unknown" };
    if (finding.kind === "ambiguous") return finding;
    const { id } = finding;
    const wanted = { ...spec, token: id ?? spec.token, prefer: undefined };
    const key = JSON.stringify(wanted);
    let feed = id === undefined ? undefined : this.#tokenFeeds.get(key);
    if (feed === undefined) {
      // The feed has no data to show. An error is better for the client than silence.
      if (finding.kind === "away") throw ownerAway(spec.token);
      const { partition } = finding.found;
      feed = new TokenFeed(this.#workers, wanted, partition, () => this.#tokenFeeds.delete(key));
      this.#tokenFeeds.set(key, feed);
    }
    const chosen = finding.kind === "found" ? finding.chosen : undefined;
    const close = await this.#joined(feed, onUpdate);
    return { kind: "opened", spec: wanted, close, chosen };
  }

  async #subscribeMerged(spec: MergedChannel, onUpdate: (update: ChannelUpdate) => void): Promise<ChannelOpened> {
    const key = JSON.stringify(spec);
    let feed = this.#rankingFeeds.get(key);
    const { mayBeAway } = this.#workers;
    // The feed has no data to show. An error is better for the client than silence.
    if (mayBeAway && feed?.hasData !== true && !haveAllOwners(this.#workers)) throw partitionAway();
    if (feed === undefined) {
      feed = new RankingFeed(this.#workers, spec, this.#merges, () => this.#rankingFeeds.delete(key));
      this.#rankingFeeds.set(key, feed);
    }
    const close = await this.#joined(feed, onUpdate);
    return { kind: "opened", spec, close };
  }

  /** Joins a feed. If owners are never away, it waits until the feed is open, and rejects when an owner cannot open it. */
  async #joined(feed: TokenFeed | RankingFeed, onUpdate: (update: ChannelUpdate) => void): Promise<() => void> {
    const leave = feed.join(onUpdate);
    if (this.#workers.mayBeAway) return leave;
    try {
      await feed.opened;
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #askTokens(tokens: readonly string[], selection: Selection, prefer: Preference): Promise<TokenResponse[]> {
    const findings = await this.#gather.find(tokens, prefer, asker(selection, prefer));
    return findings.map((finding, i) => this.#tokenResponse(tokens[i] as string, selection, finding));
  }

  #tokenResponse(text: string, selection: Selection, finding: Finding<FoundStats>): TokenResponse {
    if (finding.kind === "unknown" || finding.kind === "ambiguous") return finding;
    const { id } = finding;
    const key = this.#workers.mayBeAway ? `${selection.windows}|${selection.fields}|${id}` : "";
    if (finding.kind === "away") {
      const known = this.#known.stats.get(key);
      return known === undefined ? { kind: "unavailable" } : { ...known, stale: true };
    }
    const { found, asOf, isSure, chosen } = finding;
    const { partition, epoch, rev, watermark, lagMs, body, ticket } = found;
    const response: StatsResponse = {
      kind: "stats",
      ...{ id: finding.id, epoch, rev, asOf, watermark, lagMs, body, chosen },
      stale: !isSure,
      kept: ticket === undefined ? undefined : { gzipEnd: undefined },
    };
    if (ticket !== undefined) this.#cache.put(text, selection, response, partition, ticket);
    if (this.#workers.mayBeAway) this.#known.stats.set(key, response);
    return response;
  }
}

function asker(selection: Selection, prefer: Preference): AskParts<FoundStats> {
  const choose = prefer === "largest";
  return async (worker, tokens, at) => {
    const request: RequestOf<"tokens"> = { kind: "tokens", tokens, selection, at, choose };
    const { response, covers } = await worker.ask(request);
    return { asOf: response.asOf, items: response.items, covers };
  };
}

/** Returns the letters without repetition, newest first. */
function newestDeadLetters(lists: readonly (readonly DeadLetter[])[], limit: number): DeadLetter[] {
  const byPlace = new Map(lists.flat().map((letter) => [`${letter.partition}:${letter.offset}`, letter]));
  return [...byPlace.values()]
    .sort((a, b) => b.arrival - a.arrival || b.offset - a.offset || b.partition - a.partition)
    .slice(0, limit);
}

/** Returns the best rows, each token once. */
function mergeFound(rows: readonly SearchRow[], limit: number): Candidate[] {
  const sorted = [...rows].sort((a, b) => a.tier - b.tier || compareCandidates(a.candidate, b.candidate));
  const byId = new Map<string, Candidate>();
  for (const { candidate } of sorted) if (!byId.has(candidate.id)) byId.set(candidate.id, candidate);
  return [...byId.values()].slice(0, limit);
}

function partitionAway(): SwapstatsError {
  const message = "Some partition has no owner yet, and nothing is known of its tokens here. Subscribe again.";
  return new SwapstatsError("unavailable", message, { retryable: true });
}

function ownerAway(token: string): SwapstatsError {
  const message = `The instance that owns ${JSON.stringify(token)} is away, and nothing is known of it here yet. Subscribe again.`;
  return new SwapstatsError("unavailable", message, { retryable: true });
}
