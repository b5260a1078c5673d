/**
 * Stand-ins for the owners of tokens and for the log: small, deterministic, in memory. They let tests of the HTTP door
 * reach every response, also those that the real parts give only under faults. Tests of the whole program use the real parts.
 */

import type { IngestPort, IngestResult } from "../../../src/ports/intake.ts";
import type {
  Ambiguous,
  BodyResponse,
  ChannelOpened,
  DeadLetter,
  DeadLettersResponse,
  KeptForms,
  MarketRequest,
  MarketResponse,
  OverviewRequest,
  OverviewResponse,
  ScreenerRequest,
  ScreenerResponse,
  SearchRequest,
  SearchResponse,
  Selection,
  StatsBus,
  StatusResponse,
  TokenRequest,
  TokenResponse,
} from "../../../src/ports/stats-bus.ts";

type StandInToken = { id: string; symbol: string | undefined; rev: number; trades: number };

export const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

const FIGURES = {
  open_time: 1_700_000_000_000,
  close_time: 1_700_000_300_000,
  complete: true,
  trades: 3,
  buys: 2,
  sells: 1,
  volume_usd: "350.5",
  buy_volume_usd: "200.5",
  sell_volume_usd: "150",
  net_volume_usd: "50.5",
  volume_token: "3.5",
  buy_volume_token: "2",
  sell_volume_token: "1.5",
  open: "100",
  high: "100.25",
  low: "99.5",
  close: "100.25",
  price_change: "0.25",
  price_change_pct: "0.25",
  vwap: "100.142857142857",
  traders: 2,
  buyers: 2,
  sellers: 1,
  first_trade_time: 1_700_000_000_001,
  last_trade_time: 1_700_000_200_000,
};
const EDGES = ["open_time", "close_time", "complete"];

export class StandInBus implements StatsBus {
  asOf = 1_700_000_299_123;
  epoch = "1700000000000";
  /** True: `cachedTokenStats` has figures. */
  cached = false;
  /** The forms that doors keep with the statistics. */
  kept: KeptForms | undefined;
  /** If set, every request waits for it first. */
  gate: Promise<void> | undefined;
  /** If set, every request fails with it. */
  failure: Error | undefined;
  asked = 0;
  /** True: the owner is away, and every response is stale. */
  stale = false;
  tokens: StandInToken[] = [
    { id: WETH, symbol: "WETH", rev: 41, trades: 3 },
    { id: "1:BTC", symbol: "BTC", rev: 7, trades: 2 },
    { id: "10:usdc", symbol: "USDC", rev: 8, trades: 1 },
    { id: "56:usdc-bsc", symbol: "usdc", rev: 9, trades: 1 },
    { id: "900:räksmörgås/ü", symbol: '"quoted" \\ ,"windows":{', rev: 1, trades: 1 },
  ];
  candleCloses = true;
  letters: DeadLetter[] = [];
  statusResponse: StatusResponse = {
    partitions: [
      {
        partition: 0,
        owner: "host-a",
        epoch: "1700000000000",
        next_offset: 12,
        end_offset: 12,
        lag: 0,
        lag_ms: 0,
        seen_since: 1_699_999_000_000,
        watermark: { "1": 1_700_000_000_000 },
        checkpoint: { offset: 10, time: 1_700_000_000_500, bytes: 12_345 },
        state: "running",
        problems: [],
      },
    ],
    counters: {
      accepted: 12,
      applied: 8,
      duplicates: 1,
      late: 0,
      quarantined: 1,
      removed: 1,
      unresolved: 0,
      conflicts: 0,
      replaced: 0,
      removals_unmatched: 0,
      labels_dropped: 0,
      dead_letters: { bad_side: 1 },
    },
    tokens: 5,
    totals: [],
  };

  cachedTokenStats(token: string, selection: Selection): TokenResponse | undefined {
    return this.cached ? this.#stats(token, selection) : undefined;
  }

  async tokenStats(tokens: readonly string[], selection: Selection): Promise<TokenResponse[]> {
    await this.#asked();
    return tokens.map((token) => this.#stats(token, selection));
  }

  async overview(request: OverviewRequest): Promise<OverviewResponse> {
    await this.#asked();
    const sign = request.order === "desc" ? -1 : 1;
    const sorted = [...this.tokens].sort((a, b) => sign * (a.trades - b.trades) || (a.id < b.id ? -1 : 1));
    const start = request.cursor === undefined ? 0 : Number(request.cursor);
    const end = start + request.limit;
    const items = sorted.slice(start, end).map(({ id, symbol, rev, trades }) => {
      const stats = { ...FIGURES, trades };
      return symbol === undefined ? { id, rev, stats } : { id, symbol, rev, stats };
    });
    const nextCursor = end < sorted.length ? String(end) : undefined;
    return { asOf: this.asOf, epoch: this.epoch, rev: 99, items: JSON.stringify(items), nextCursor, stale: this.stale };
  }

  async search({ query, limit }: SearchRequest): Promise<SearchResponse> {
    await this.#asked();
    const found = this.tokens.filter(({ symbol }) => symbol?.toLowerCase().includes(query.toLowerCase()));
    const items = found.slice(0, limit).map(({ id, symbol }) => ({ id, symbol: symbol ?? "", chain_id: 1 }));
    return { asOf: this.asOf, items, stale: this.stale };
  }

  async market({ windows }: MarketRequest): Promise<MarketResponse> {
    await this.#asked();
    const sums = {
      trades: 3,
      buys: 2,
      sells: 1,
      volume_usd: "350.5",
      buy_volume_usd: "200.25",
      sell_volume_usd: "150.25",
    };
    const figures = { complete: true, ...sums, net_volume_usd: "50" };
    const scope = { tokens_active: 5, windows: Object.fromEntries(windows.map((name) => [name, figures])) };
    const body = JSON.stringify({ ...scope, chains: { "1": scope } }).slice(1, -1);
    return { asOf: this.asOf, epoch: this.epoch, rev: 99, body, stale: this.stale };
  }

  /** The filter counts for nothing: all tokens match. */
  async screener({ query, cursor }: ScreenerRequest): Promise<ScreenerResponse> {
    await this.#asked();
    const start = cursor === undefined ? 0 : Number(cursor);
    const end = start + query.limit;
    const items = this.tokens.slice(start, end).map(({ id, symbol, rev, trades }) => {
      const windows = Object.fromEntries(query.windows.map((window) => [window, { ...FIGURES, trades }]));
      return symbol === undefined ? { id, rev, windows } : { id, symbol, rev, windows };
    });
    const nextCursor = end < this.tokens.length ? String(end) : undefined;
    return { asOf: this.asOf, epoch: this.epoch, rev: 99, items: JSON.stringify(items), nextCursor, stale: this.stale };
  }

  async tokenBody(request: TokenRequest): Promise<BodyResponse> {
    await this.#asked();
    if (request.kind === "candles") return this.#candles(request);
    if (request.kind === "swaps") return this.#swaps(request);
    throw new Error("not asked here");
  }

  #candles(request: Extract<TokenRequest, { kind: "candles" }>): BodyResponse {
    const at = Math.floor(this.asOf / request.intervalMs) * request.intervalMs;
    const candle = {
      open_time: at,
      open: "1",
      high: "2",
      low: "0.5",
      close: "1.5",
      volume_usd: "10",
      volume_token: "8",
      trades: 2,
      buys: 1,
      sells: 1,
      complete: this.candleCloses,
    };
    return this.#body(request.token, `"available_from":1699999000000,"items":[${JSON.stringify(candle)}]`);
  }

  async areKnown(ids: readonly string[]): Promise<boolean[]> {
    return ids.map(() => false);
  }

  #swaps({ token, limit }: Extract<TokenRequest, { kind: "swaps" }>): BodyResponse {
    const swap = {
      chain_id: 1,
      tx_hash: "0xaa",
      log_index: 3,
      event_id: "1:0xaa:3",
      token: "BTC",
      side: "buy",
      amount_token: "1",
      amount_usd: "100",
      event_time: 1_700_000_200_000,
    };
    const items = Array.from({ length: Math.min(2, limit) }, () => JSON.stringify(swap));
    return this.#body(token, `"items":[${items.join(",")}]`);
  }

  async ownedHistory() {
    return [];
  }

  async deadLetters(limit: number): Promise<DeadLettersResponse> {
    await this.#asked();
    return { items: this.letters.slice(0, limit), stale: this.stale };
  }

  async status(_scope?: string): Promise<StatusResponse> {
    await this.#asked();
    return this.statusResponse;
  }

  async subscribe(): Promise<ChannelOpened> {
    return { kind: "unknown" };
  }

  async #asked(): Promise<void> {
    this.asked += 1;
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
  }

  #find(text: string): StandInToken[] {
    const byId = this.tokens.filter(({ id }) => id === text.toLowerCase() || id === text);
    if (byId.length > 0) return byId;
    return this.tokens.filter(({ symbol }) => symbol?.toLowerCase() === text.toLowerCase());
  }

  #stats(text: string, selection: Selection): TokenResponse {
    const [token, ...others] = this.#find(text);
    if (token === undefined) return { kind: "unknown" };
    if (others.length > 0) return ambiguous([token, ...others]);
    const keep = new Set([...EDGES, ...selection.fields]);
    const all = { ...FIGURES, trades: token.trades };
    const figures = Object.entries(all).filter(([name]) => selection.fields.length === 0 || keep.has(name));
    const window = Object.fromEntries(figures);
    const symbol = token.symbol === undefined ? {} : { symbol: token.symbol };
    const windows = Object.fromEntries(selection.windows.map((name) => [name, window]));
    const body = JSON.stringify({
      id: token.id,
      ...symbol,
      late: 0,
      removed: 1,
      unresolved: 0,
      replaced: 0,
      removals_unmatched: 0,
      windows,
    }).slice(1, -1);
    const { asOf, epoch, stale } = this;
    const watermark = asOf - 120_000;
    return {
      kind: "stats",
      id: token.id,
      epoch,
      rev: token.rev,
      asOf,
      watermark,
      lagMs: 0,
      stale,
      body,
      kept: this.kept,
    };
  }

  #body(text: string, body: string): BodyResponse {
    const [token, ...others] = this.#find(text);
    if (token === undefined) return { kind: "unknown" };
    if (others.length > 0) return ambiguous([token, ...others]);
    return { kind: "body", id: token.id, epoch: this.epoch, rev: token.rev, body, stale: this.stale };
  }
}

/** Keeps the bodies, and succeeds or fails as set. It transfers the buffer, as the real port does. */
export class StandInIngest implements IngestPort {
  bodies: string[] = [];
  mappings: (string | undefined)[] = [];
  result: IngestResult = { accepted: 1, rejected: [] };
  failure: Error | undefined;
  gate: Promise<void> | undefined;

  async ingest(body: Uint8Array, mapping?: string): Promise<IngestResult> {
    this.mappings.push(mapping);
    const taken = structuredClone(body, { transfer: [body.buffer as ArrayBuffer] });
    this.bodies.push(new TextDecoder().decode(taken));
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return this.result;
  }
}

function ambiguous(tokens: readonly StandInToken[]): Ambiguous {
  const candidates = tokens.map(({ id }) => ({
    id,
    chain_id: Number(id.split(":", 1)[0]),
    volume_usd: "1",
    window: "24h",
  }));
  return { kind: "ambiguous", candidates, more: 0, isRanked: true };
}
