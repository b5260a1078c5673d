/**
 * A small owner of tokens that stands for a worker of the service. Its tokens have a number that only grows.
 * When a partition moves, its state goes along and revisions begin again under the next epoch, as after a restore.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { isOwned } from "../../../src/bus/channels.ts";
import type { WorkerPort } from "../../../src/bus/local-workers.ts";
import { mergeRanked, orderByValue } from "../../../src/bus/rank-order.ts";
import type { RequestKind, RequestOf, WorkerRequest, WorkerResponses } from "../../../src/bus/requests.ts";
import { epochOfParts, type FeedUpdate, type NameLookup, type TokenPart } from "../../../src/bus/responses.ts";
import { addCounters, emptyCounters } from "../../../src/bus/status-merge.ts";
import type { OwnedPartition } from "../../../src/cluster/contract.ts";
import type { ChannelSpec, StatusResponse } from "../../../src/ports/stats-bus.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";

type ModelToken = { readonly id: string; readonly symbol: string; rev: number; value: number };
export type ModelPartition = { readonly epoch: string; revision: number; readonly tokens: Map<string, ModelToken> };

type OpenFeed = {
  readonly spec: ChannelSpec;
  readonly onUpdate: (update: FeedUpdate) => void;
  sentRev: number | undefined;
  sent: JsonObject;
};

export class ModelWorker implements WorkerPort {
  readonly partitions = new Map<number, ModelPartition>();
  readonly #feeds = new Set<OpenFeed>();
  requests = 0;

  get openFeeds(): number {
    return this.#feeds.size;
  }

  ask<K extends RequestKind>(request: RequestOf<K>): Promise<WorkerResponses[K]> {
    this.requests += 1;
    try {
      return Promise.resolve(this.#answer(request as WorkerRequest) as WorkerResponses[K]);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async open(spec: ChannelSpec, onUpdate: (update: FeedUpdate) => void): Promise<() => void> {
    if (spec.kind === "token" && this.#find(spec.token) === undefined) {
      throw new SwapstatsError("not_found", `there is no token ${spec.token}`);
    }
    const open: OpenFeed = { spec, onUpdate, sentRev: undefined, sent: {} };
    this.#feeds.add(open);
    setImmediate(() => this.#send(open));
    return () => {
      this.#feeds.delete(open);
    };
  }

  /** Sends what has changed. */
  tick(): void {
    for (const open of this.#feeds) this.#send(open);
  }

  /** A swap of the token. */
  change(partition: number, id: string): void {
    const home = this.partitions.get(partition);
    const token = home?.tokens.get(id);
    if (home === undefined || token === undefined) return;
    home.revision += 1;
    token.rev += 1;
    token.value += 1;
  }

  #answer(request: WorkerRequest): WorkerResponses[RequestKind] {
    const asOf = "at" in request ? (request.at?.asOf ?? Date.now()) : Date.now();
    switch (request.kind) {
      case "tokens":
        return { asOf, items: request.tokens.map((text) => this.#tokenResponse(text, asOf)) };
      case "overview": {
        const rows = this.#ranked(request.request.limit).map(({ token, partition }) => ({
          key: { value: String(token.value), id: token.id },
          partition,
          json: `{"id":"${token.id}","value":${token.value}}`,
        }));
        return { asOf, parts: this.#parts(), rows, more: false };
      }
      case "candles":
      case "swaps": {
        const found = this.#find(request.token);
        if (found === undefined) return { lookup: undefined, found: undefined };
        const { partition, epoch, token } = found;
        const lookup: NameLookup = { tier: "id", ids: [token.id] };
        return { lookup, found: { partition, epoch, rev: token.rev, body: `"items":[${token.value}]` } };
      }
      case "dead_letters":
        return [...this.partitions.keys()].map((partition) => ({
          ...{ code: "bad_side", message: "", partition, offset: 1, arrival: partition, raw: "" },
        }));
      case "status":
        return this.status();
      default:
        throw new SwapstatsError("internal", `not asked here: ${request.kind}`);
    }
  }

  status(): StatusResponse {
    const partitions = [...this.partitions].map(([partition, { epoch }]) => ({
      ...{ partition, owner: "model", epoch, next_offset: 1, end_offset: 1, lag: 0, lag_ms: 0 },
      ...{ watermark: {}, state: "running" as const, problems: [] },
    }));
    const totals = partitions.map(({ partition, epoch }) => {
      const tokens = this.partitions.get(partition)?.tokens.size ?? 0;
      return { partition, epoch, tokens, counters: { ...emptyCounters(), accepted: 10, applied: 10 } };
    });
    const counters = emptyCounters();
    for (const one of totals) addCounters(counters, one.counters);
    return { partitions, counters, tokens: totals.reduce((sum, one) => sum + one.tokens, 0), totals };
  }

  #parts() {
    return [...this.partitions].map(([partition, { epoch, revision }]) => ({ partition, epoch, rev: revision }));
  }

  #ranked(limit: number) {
    const lists = [...this.partitions].map(([partition, { tokens }]) =>
      [...tokens.values()].map((token) => ({ key: { value: String(token.value), id: token.id }, token, partition })),
    );
    return mergeRanked([lists.flat(), []], orderByValue("desc"), limit);
  }

  #find(id: string) {
    for (const [partition, { epoch, tokens }] of this.partitions) {
      const token = tokens.get(id);
      if (token !== undefined) return { partition, epoch, token };
    }
    return undefined;
  }

  #lookUp(text: string): NameLookup | undefined {
    if (this.#find(text) !== undefined) return { tier: "id", ids: [text] };
    const named = [...this.partitions.values()].flatMap(({ tokens }) => [...tokens.values()]);
    const ids = named.filter(({ symbol }) => symbol === text).map(({ id }) => id);
    return ids.length === 0 ? undefined : { tier: "symbol", ids };
  }

  #tokenResponse(text: string, asOf: number): TokenPart {
    const lookup = this.#lookUp(text);
    const [id = "", ...others] = lookup?.ids ?? [];
    const found = others.length > 0 ? undefined : this.#find(id);
    if (found === undefined) return { lookup, found: undefined };
    const { partition, epoch, token } = found;
    const place = { slot: 0, generation: 0n, chainIndex: 0, graceMs: 0, validUntil: 0 };
    const ticket = { token: 1, ...place };
    const body = `"id":"${token.id}","value":${token.value}`;
    return { lookup, found: { partition, epoch, rev: token.rev, asOf, watermark: asOf, lagMs: 0, body, ticket } };
  }

  #send(open: OpenFeed): void {
    if (!this.#feeds.has(open)) return;
    const made = isOwned(open.spec)
      ? this.#tokenData(open.spec.token)
      : this.#overviewData(open.spec.kind === "overview" ? open.spec.limit : 0);
    if (made === undefined || made.rev === open.sentRev) return;
    const { epoch, rev, data, rows, parts } = made;
    const patch = open.sentRev === undefined ? undefined : JSON.stringify(diffMergePatch(open.sent, data));
    const prevRev = open.sentRev;
    open.sentRev = rev;
    open.sent = data;
    const standing = { epoch, rev, prevRev, asOf: Date.now(), watermark: undefined, lagMs: 0, parts };
    open.onUpdate({ ...standing, data: rows === undefined ? JSON.stringify(data) : undefined, rows, patch });
  }

  #tokenData(id: string) {
    const found = this.#find(id);
    if (found === undefined) return undefined;
    const { partition, epoch, token } = found;
    const data: JsonObject = { id, value: token.value };
    return { epoch, rev: token.rev, data, rows: undefined, parts: [{ partition, epoch, rev: token.rev }] };
  }

  #overviewData(limit: number) {
    const ranked = this.#ranked(limit);
    const rows = ranked.map(({ key, partition, token }) => ({ key, partition, json: `{"value":${token.value}}` }));
    const byId = Object.fromEntries(ranked.map(({ token }) => [token.id, { value: token.value }]));
    const data: JsonObject = { order: ranked.map(({ token }) => token.id), rows: byId };
    const parts = this.#parts();
    return { epoch: epochOfParts(parts), rev: parts.reduce((sum, part) => sum + part.rev, 0), data, rows, parts };
  }
}

export function ownedOf(workers: readonly ModelWorker[]): OwnedPartition[] {
  return workers.flatMap((worker, index) =>
    [...worker.partitions].map(([partition, { epoch }]) => ({ partition, epoch, worker: index })),
  );
}
