/** Public shapes of the engine: configuration in, outcomes and figures out. Times are ms since 1970. */

export type WindowSpec = {
  /** As configured and as served, e.g. `5m`. */
  readonly name: string;
  readonly lengthMs: number;
  readonly stepMs: number;
};

/** Settings of a single chain. Missing ones are those of all chains. */
type ChainLimits = {
  readonly graceMs?: number;
  readonly reorgHorizonMs?: number;
  readonly maxSkewMs?: number;
  readonly priceMinUsdMicro?: number;
  /**
   * Bytes to which the decoder pads the hex of ids. The engine does not use it; it is part of the fingerprint because it
   * changes the state.
   */
  readonly addressBytes?: number;
};

export type EngineConfig = {
  /** Ascending by length, at most 16; steps divide each other. */
  readonly windows: readonly WindowSpec[];
  readonly graceMs: number;
  readonly reorgHorizonMs: number;
  readonly maxSkewMs: number;
  /** A swap of fewer millionths of a dollar has no price, given or not. */
  readonly priceMinUsdMicro: number;
  /** Overrides by chain id. */
  readonly chains: ReadonlyMap<number, ChainLimits>;
  readonly maxTokens: number;
  /** Unique traders are exact up to this many wallets of a token in the longest window. */
  readonly exactTraders: number;
};

/** Outcome of one event. The counters are sums of these. */
export type Outcome =
  | "applied"
  | "duplicate"
  | "late"
  | "quarantined"
  | "removed"
  | "unresolved"
  | "too_many_inclusions"
  | "too_many_tokens"
  | "too_many_chains";

export type Counters = {
  accepted: number;
  applied: number;
  duplicates: number;
  late: number;
  quarantined: number;
  removed: number;
  unresolved: number;
  /** Copies of an inclusion whose content differs from the first copy's. Not part of the sum. */
  conflicts: number;
  /** Announcements that replaced another counting inclusion of their swap that was not removed. Not part of the sum. */
  replaced: number;
  /** Removals that arrived before their inclusion was announced. Not part of the sum. */
  removals_unmatched: number;
  /** Records whose symbol was too long and was dropped. Not part of the sum. */
  labels_dropped: number;
  dead_letters: Record<string, number>;
};

/** Names a token inside one partition's engine; stable while the engine lives and across snapshots. */
export type TokenRef = number;

export type TokenInfo = {
  readonly id: string;
  readonly symbol: string | undefined;
  readonly chainId: number;
  readonly late: number;
  readonly removed: number;
  readonly unresolved: number;
  readonly replaced: number;
  readonly removalsUnmatched: number;
};

export type Candle = {
  open_time: number;
  open?: string;
  high?: string;
  low?: string;
  close?: string;
  volume_usd: string;
  volume_token: string;
  trades: number;
  buys: number;
  sells: number;
  complete: boolean;
};

/** A swap that counts, as served by `GET /api/tokens/{id}/swaps`. */
export type ServedSwap = {
  chain_id: number;
  tx_hash: string;
  log_index: number;
  tx_index?: number;
  event_id: string;
  token: string;
  token_symbol?: string;
  pool?: string;
  who?: string;
  side: "buy" | "sell";
  amount_token: string;
  amount_usd: string;
  price_usd?: string;
  event_time: number;
  block_number?: number;
  block_hash?: string;
  revision?: number;
};
