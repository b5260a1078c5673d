/**
 * The bus over several instances. What this process owns is answered by its own bus; for the rest the owners are asked. While
 * one is away its last known answers are given, marked as stale, or `unavailable` where nothing is known; never an older answer
 * after a newer one. A token is unknown only when every partition has answered.
 */

import { MergeQueue } from "../bus/merge-queue.ts";
import type { PlacementSource } from "../bus/placement-check.ts";
import { knownAnywhere, NO_FIGURES, newestDeadLetters } from "../bus/thread-bus.ts";
import type { BodyPart, RequestOf } from "../bus/worker-protocol.ts";
import type {
  BodyAnswer,
  CandlesRequest,
  DeadLettersAnswer,
  OverviewAnswer,
  OverviewRequest,
  Preference,
  Selection,
  StatsBus,
  StatusAnswer,
  StatusScope,
  TokenAnswer,
  Topic,
  TopicOpened,
  TopicUpdate,
} from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import type { LocalPart, OwnedPartition } from "./contract.ts";
import { BoundedMap, KNOWN_CHARS_MAX } from "./last-known.ts";
import { ClusterNode, type ClusterNodeOptions } from "./node.ts";
import { ClusterOverview } from "./overview.ts";
import { OverviewFeed, type OverviewTopic } from "./overview-feed.ts";
import type { PeerTokenAnswer } from "./protocol.ts";
import { clusterStatus, type KnownStatus } from "./status.ts";
import { TokenFeed } from "./token-feed.ts";
import { type AskParts, type Finding, TokenFinder } from "./token-finder.ts";
import type { LinkState } from "./transport.ts";

export type ClusterBusOptions = ClusterNodeOptions & {
  readonly finestStepMs: number;
  /** How the addresses of chains are written; undefined: hex as it comes. */
  readonly chains?: ChainAddresses;
  /** What becomes of names of several tokens where a request does not say; undefined: they are refused. */
  readonly prefer?: Preference;
};

type StatsAnswer = Extract<TokenAnswer, { kind: "stats" }>;
type FoundBody = Extract<BodyAnswer, { kind: "body" }>;
type Figures = NonNullable<PeerTokenAnswer["found"]>;
type Body = NonNullable<BodyPart["found"]>;

export class ClusterBus implements StatsBus {
  readonly #node: ClusterNode;
  readonly #local: LocalPart;
  readonly #finder: TokenFinder;
  readonly #overview: ClusterOverview;
  readonly #prefer: Preference;
  readonly #knownStats = new BoundedMap<StatsAnswer>(KNOWN_CHARS_MAX);
  readonly #knownBodies = new BoundedMap<FoundBody>(KNOWN_CHARS_MAX / 2);
  readonly #knownStatus: KnownStatus = new Map();
  readonly #tokenFeeds = new Map<string, TokenFeed>();
  readonly #overviewFeeds = new Map<string, OverviewFeed>();
  readonly #merges = new MergeQueue();
  /** Questions about one token that were asked in this turn of the event loop. */
  readonly #asked = new Map<string, Promise<TokenAnswer[]>>();

  constructor(options: ClusterBusOptions) {
    this.#local = options.local;
    this.#prefer = options.prefer ?? "refuse";
    this.#node = new ClusterNode(options);
    const nowMs = (): number => options.clock.now();
    this.#finder = new TokenFinder(this.#node, options.finestStepMs, nowMs, options.chains ?? NO_CHAIN_ADDRESSES);
    this.#overview = new ClusterOverview(this.#node, options.finestStepMs, nowMs);
    this.#node.onChange(() => {
      for (const feed of [...this.#tokenFeeds.values()]) feed.follow();
      for (const feed of [...this.#overviewFeeds.values()]) feed.follow();
    });
  }

  /** State of the circuit to the other instances. */
  get linkState(): LinkState {
    return this.#node.linkState;
  }

  /** Instances that are heard of, without this one. */
  get peerCount(): number {
    return this.#node.peers.addresses().length;
  }

  /** Ways to ask all threads, here and elsewhere, where they have tokens. */
  placementSources(): PlacementSource[] {
    return this.#node.peers.sources.map((source) => async (request) => {
      if (request.kind === "misplaced") throw new SwapstatsError("bad_request", "this is asked of own threads alone");
      const { answer } = await this.#node.ask(source, request as RequestOf<"placements">);
      return answer as never;
    });
  }

  /** Topics that others have open here, and that are open at others. */
  get topicCounts(): { readonly served: number; readonly remote: number } {
    return { served: this.#node.server.topics, remote: this.#node.remoteFeeds.size };
  }

  start(): void {
    this.#node.start();
  }

  /** What this process answers for from now on, and how many partitions the topic has. Told to all at once. */
  setOwned(owned: readonly OwnedPartition[], partitions: number): void {
    this.#node.setOwned(owned, partitions);
  }

  close(): Promise<void> {
    return this.#node.close();
  }

  cachedTokenStats(token: string, selection: Selection): TokenAnswer | undefined {
    return this.#node.peers.isSuperseded ? undefined : this.#local.bus.cachedTokenStats(token, selection);
  }

  async tokenStats(
    tokens: readonly string[],
    selection: Selection,
    prefer: Preference = this.#prefer,
  ): Promise<TokenAnswer[]> {
    const tag = `${selection.windows.join(",")}|${selection.fields.join(",")}`;
    if (tokens.length !== 1) return this.#askTokens(tokens, selection, prefer, tag);
    const key = `${tag}|${prefer}|${tokens[0]}`;
    let answer = this.#asked.get(key);
    if (answer === undefined) {
      if (this.#asked.size === 0) setImmediate(() => this.#asked.clear());
      answer = this.#askTokens(tokens, selection, prefer, tag);
      this.#asked.set(key, answer);
    }
    return answer;
  }

  overview(request: OverviewRequest): Promise<OverviewAnswer> {
    return this.#overview.overview(request);
  }

  async candles(request: CandlesRequest): Promise<BodyAnswer> {
    const { token, intervalMs, fromMs, toMs, limit, prefer = this.#prefer } = request;
    const what = `candles|${intervalMs}|${fromMs ?? ""}|${toMs ?? ""}|${limit}`;
    if (this.#node.peers.isAlone) return this.#keepBody(what, await this.#local.bus.candles(request));
    return this.#body(token, what, prefer, async (source, [text = ""]) => {
      const choose = prefer === "largest";
      const asked = { kind: "candles", intervalMs, fromMs, toMs, limit, choose, token: text } as const;
      const { answer, covers } = await this.#node.ask(source, asked);
      return { asOf: 0, covers, items: [answer] };
    });
  }

  async newestSwaps(token: string, limit: number, prefer: Preference = this.#prefer): Promise<BodyAnswer> {
    const what = `swaps|${limit}`;
    if (this.#node.peers.isAlone) return this.#keepBody(what, await this.#local.bus.newestSwaps(token, limit, prefer));
    return this.#body(token, what, prefer, async (source, [text = ""]) => {
      const { answer, covers } = await this.#node.ask(source, {
        ...{ kind: "swaps", token: text, limit, choose: prefer === "largest" },
      });
      return { asOf: 0, covers, items: [answer] };
    });
  }

  async deadLetters(limit: number): Promise<DeadLettersAnswer> {
    const { sources, partitions } = this.#node.peers;
    const covered = new Set<number>();
    const asked = sources.map(async (source) => {
      const { answer, covers } = await this.#node.ask(source, { kind: "dead_letters", limit });
      for (const [partition] of covers) covered.add(partition);
      return answer;
    });
    const settled = await Promise.allSettled(asked);
    const lists = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    return { items: newestDeadLetters(lists, limit), stale: covered.size < partitions };
  }

  async status(scope: StatusScope): Promise<StatusAnswer> {
    const own = await this.#local.bus.status("own");
    if (scope === "own") return own;
    return clusterStatus(this.#node, own, this.#knownStatus);
  }

  areKnown(ids: readonly string[]): Promise<boolean[]> {
    const question = { kind: "tokens", tokens: ids, selection: NO_FIGURES, at: undefined } as const;
    const asked = this.#node.peers.sources.map(async (source) => (await this.#node.ask(source, question)).answer);
    return knownAnywhere(ids, asked);
  }

  async subscribe(topic: Topic, onUpdate: (update: TopicUpdate) => void): Promise<TopicOpened> {
    if (topic.kind === "overview") return this.#subscribeOverview(topic, onUpdate);
    const prefer = topic.prefer ?? this.#prefer;
    const [finding] = await this.#finder.find([topic.token], prefer, this.#asker(NO_FIGURES, prefer));
    if (finding === undefined || finding.kind === "unknown") return { kind: "unknown" };
    if (finding.kind === "ambiguous") return finding;
    const id = finding.id;
    const partition = finding.kind === "found" ? finding.found.partition : undefined;
    const key = id === undefined ? "" : JSON.stringify([id, topic.windows, topic.fields]);
    let feed = this.#tokenFeeds.get(key);
    if (feed === undefined) {
      // Nothing could be shown; the client is better told so than left without data.
      if (id === undefined || partition === undefined) throw ownerAway(topic.token);
      feed = new TokenFeed(this.#node, { ...topic, token: id }, partition, () => this.#tokenFeeds.delete(key));
      this.#tokenFeeds.set(key, feed);
    }
    const chosen = finding.kind === "found" ? finding.chosen : undefined;
    return { kind: "opened", channel: `token:${id}`, close: feed.join(onUpdate), chosen };
  }

  #subscribeOverview(topic: OverviewTopic, onUpdate: (update: TopicUpdate) => void): TopicOpened {
    const { window, sort, limit, windows, fields } = topic;
    const key = JSON.stringify([window, sort, limit, windows, fields]);
    let feed = this.#overviewFeeds.get(key);
    // Nothing could be shown; the client is better told so than left without data.
    if (feed?.hasData !== true && !this.#node.peers.hasAllOwners) throw partitionAway();
    if (feed === undefined) {
      feed = new OverviewFeed(this.#node, topic, this.#merges, () => this.#overviewFeeds.delete(key));
      this.#overviewFeeds.set(key, feed);
    }
    return { kind: "opened", channel: `overview:${window}:${sort}`, close: feed.join(onUpdate) };
  }

  async #askTokens(
    tokens: readonly string[],
    selection: Selection,
    prefer: Preference,
    tag: string,
  ): Promise<TokenAnswer[]> {
    if (this.#node.peers.isAlone) {
      const answers = await this.#local.bus.tokenStats(tokens, selection, prefer);
      for (const answer of answers) if (answer.kind === "stats") this.#keepStats(tag, answer);
      return answers;
    }
    const own = await this.#askOwn(tokens, selection);
    if (own !== undefined) {
      for (const answer of own) this.#keepStats(tag, answer);
      return own;
    }
    const findings = await this.#finder.find(tokens, prefer, this.#asker(selection, prefer));
    return findings.map((finding) => this.#tokenAnswer(finding, tag, tokens.length === 1));
  }

  /**
   * Where all ids are of partitions that are answered for here this process's own bus is asked, which keeps answers for the hot path.
   * Undefined: somebody else may know more, or the partition was given away meanwhile.
   */
  async #askOwn(tokens: readonly string[], selection: Selection): Promise<StatsAnswer[] | undefined> {
    const epochs = tokens.map((token) => this.#finder.ownEpochOf(token));
    if (epochs.includes(undefined)) return undefined;
    const answers = await this.#local.bus.tokenStats(tokens, selection).catch(() => []);
    const stats = answers.flatMap((answer, i) => {
      const isOwn = answer.kind === "stats" && answer.epoch === epochs[i];
      return isOwn && this.#finder.ownEpochOf(answer.id) === answer.epoch ? [answer] : [];
    });
    return stats.length === tokens.length ? stats : undefined;
  }

  #asker(selection: Selection, prefer: Preference): AskParts<Figures> {
    const choose = prefer === "largest";
    return async (source, texts, at) => {
      const { answer, covers } = await this.#node.ask(source, {
        ...{ kind: "tokens", tokens: texts, selection, at, choose },
      });
      return { ...answer, covers };
    };
  }

  /** `isSingle`: the answer speaks of the instant of its own owner. */
  #tokenAnswer(finding: Finding<Figures>, tag: string, isSingle: boolean): TokenAnswer {
    if (finding.kind === "unknown" || finding.kind === "ambiguous") return finding;
    if (finding.kind === "away") {
      const known = finding.id === undefined ? undefined : this.#knownStats.get(`${tag}|${finding.id}`);
      return known === undefined ? { kind: "unavailable" } : { ...known, stale: true };
    }
    const { id, found, asOf, isSure, chosen } = finding;
    const { epoch, rev, watermark, lagMs, body } = found;
    const answer: StatsAnswer = {
      ...{ kind: "stats", id, epoch, rev, watermark, lagMs, body },
      asOf: isSingle ? found.asOf : asOf,
      stale: !isSure,
      chosen,
    };
    this.#keepStats(tag, answer);
    return answer;
  }

  #keepStats(tag: string, answer: StatsAnswer): void {
    const key = `${tag}|${answer.id}`;
    this.#knownStats.put(key, answer, key.length + answer.body.length);
  }

  async #body(token: string, what: string, prefer: Preference, ask: AskParts<Body>): Promise<BodyAnswer> {
    const [finding] = await this.#finder.find([token], prefer, ask);
    if (finding === undefined || finding.kind === "unknown") return { kind: "unknown" };
    if (finding.kind === "ambiguous") return finding;
    if (finding.kind === "away") {
      const known = this.#knownBodies.get(`${what}|${finding.id}`);
      return known === undefined ? { kind: "unavailable" } : { ...known, stale: true };
    }
    const { epoch, rev, body } = finding.found;
    return this.#keepBody(what, {
      kind: "body",
      id: finding.id,
      epoch,
      rev,
      body,
      stale: !finding.isSure,
      chosen: finding.chosen,
    });
  }

  #keepBody(what: string, answer: BodyAnswer): BodyAnswer {
    if (answer.kind !== "body") return answer;
    const key = `${what}|${answer.id}`;
    this.#knownBodies.put(key, answer, key.length + answer.body.length);
    return answer;
  }
}

function partitionAway(): SwapstatsError {
  const message = "Some partition has no owner yet, and nothing is known of its tokens here. Subscribe again.";
  return new SwapstatsError("unavailable", message, { retryable: true });
}

function ownerAway(token: string): SwapstatsError {
  const message = `The instance that owns ${JSON.stringify(token)} is away, and nothing is known of it here yet. Subscribe again.`;
  return new SwapstatsError("unavailable", message, { retryable: true });
}
