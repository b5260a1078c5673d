/** Bodies of the HTTP API, as TypeScript sees them. Times are milliseconds since 1970; amounts and prices decimal strings. */

import type { WindowFigures } from "./figures.ts";
import type { ProblemCode, TokenCandidate } from "./problems.ts";

/** Only where a name stands for several tokens: why the answer is about this one, and how many there are, at least. */
export type ChosenBody = { by: "largest"; of: number };

/** `GET /api/tokens/{id}/stats`. */
export type TokenStatsBody = {
  id: string;
  symbol?: string;
  as_of: number;
  watermark: number;
  epoch: string;
  rev: number;
  lag_ms: number;
  chosen?: ChosenBody;
  /** Only while the owner is away: this is the last known answer, with the as_of of then. */
  stale?: true;
  /** Other partitions have swaps of this token too, because the producer keys by something else: its figures are not whole. */
  split?: true;
  late: number;
  removed: number;
  unresolved: number;
  replaced: number;
  removals_unmatched: number;
  windows: Record<string, WindowFigures>;
};

/** A token of `POST /api/tokens/stats` that has no figures, and why. */
export type TokenErrorItem = {
  id: string;
  error: { code: ProblemCode; message: string; candidates?: TokenCandidate[]; more?: number };
};

/** `POST /api/tokens/stats`. */
export type TokensStatsBody = { as_of: number; items: (TokenStatsBody | TokenErrorItem)[] };

/** `GET /stats?token=`. */
export type ShortStatsBody = {
  token: string;
  as_of: number;
  watermark: number;
  epoch: string;
  rev: number;
  lag_ms: number;
  chosen?: ChosenBody;
  stale?: true;
  windows: Record<string, WindowFigures>;
};

/** `GET /api/overview`. */
export type OverviewBody = {
  as_of: number;
  epoch: string;
  rev: number;
  window: string;
  sort: string;
  order: "asc" | "desc";
  /** Each with `stats` of the window that the ranking goes by, or with `windows=` the figures by window. */
  items: {
    id: string;
    symbol?: string;
    split?: true;
    rev: number;
    stats?: WindowFigures;
    windows?: Record<string, WindowFigures>;
  }[];
  next_cursor?: string;
  stale?: true;
};

export type CandleBody = {
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

/** `GET /api/tokens/{id}/candles`. */
export type CandlesBody = {
  id: string;
  interval: string;
  available_from?: number;
  items: CandleBody[];
  note?: string;
  stale?: true;
  chosen?: ChosenBody;
};

export type SwapBody = {
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

/** `GET /api/tokens/{id}/swaps`. */
export type SwapsBody = { id: string; available_from?: number; items: SwapBody[]; stale?: true; chosen?: ChosenBody };

/** 202 of `POST /api/swaps`. */
export type IngestBody = {
  accepted: number;
  rejected: { index: number; code: string; message: string }[];
  /** Of the accepted, those that came behind the watermark, as far as is known when they come; absent: none. */
  late?: number;
  /** Of the accepted, those too far in the future; absent: none. */
  quarantined?: number;
};

export type DeadLetterBody = {
  code: string;
  message: string;
  partition: number;
  offset: number;
  arrival: number;
  raw: string;
};

/** `GET /api/dead-letters`. */
export type DeadLettersBody = { items: DeadLetterBody[]; stale?: true };

export type PartitionStatusBody = {
  partition: number;
  owner: string;
  epoch: string;
  next_offset: number;
  end_offset: number;
  lag: number;
  lag_ms: number;
  seen_since?: number;
  watermark: Record<string, number>;
  checkpoint?: { offset: number; time: number; bytes: number };
  arrival_clock?: "broker" | "producer" | "reader";
  state: "restoring" | "running" | "draining" | "failed" | "away";
  problems: string[];
};

/** `GET /api/status`. */
export type StatusBody = {
  instance: string;
  version: string;
  uptime_ms: number;
  tokens: number;
  partitions: PartitionStatusBody[];
  counters: {
    accepted: number;
    applied: number;
    duplicates: number;
    late: number;
    quarantined: number;
    removed: number;
    unresolved: number;
    conflicts: number;
    replaced: number;
    removals_unmatched: number;
    labels_dropped: number;
    dead_letters: Record<string, number>;
  };
  /** Where there may be several: all that this one hears of. */
  instances?: { instance: string; version: string; state: "self" | "live" | "refused"; partitions: number[] }[];
  /** What concerns no single partition. */
  problems?: string[];
};

/** `GET /readyz`, 200. */
export type ReadyBody = { status: "ready"; reasons: string[]; problems: string[] };
