/** The settings that live data needs of the configuration, and every limit of it that is not configurable. */
import type { ChainAddresses } from "../../shared/token-id.ts";

/** The part of the program's configuration that this folder reads; has its shape. */
export type LiveConfig = {
  /** How the addresses of chains are written; undefined: hexadecimal as given. */
  readonly app?: { readonly chains: ChainAddresses };
  readonly api: {
    readonly ws: {
      readonly coalesceMs: number;
      readonly maxSubscriptions: number;
      readonly maxRows: number;
      readonly maxRowsTotal: number;
      readonly resumeWindowMs: number;
      readonly resumeBytes: number;
    };
  };
  readonly windows: {
    readonly clock: "live" | "event";
    /** In the order of the configuration. */
    readonly list: readonly { readonly name: string; readonly lengthMs: number; readonly stepMs: number }[];
  };
};

export type LiveLimits = {
  /** Patches are kept at least this long for clients that are behind, even if none can resume. */
  readonly behindMs: number;
  /** Bytes of patches and messages that all feeds together keep in addition to their data. */
  readonly cachedBytesMax: number;
  /** Feeds without clients are kept only while there are fewer feeds than this. */
  readonly feedsKeptBelow: number;
  /** Time between two checksums of a channel. */
  readonly checksumMs: number;
  /** Time for checksums at once, and the part of the thread's time for them after that. Beyond it channels leave theirs out. */
  readonly checksumBurstMs: number;
  readonly checksumShare: number;
  /** Rows that are being opened at the same time for one client, and for all. */
  readonly clientOpeningRowsMax: number;
  readonly openingRowsMax: number;
  /** Part of `api.ws.max_rows` that one client may open again every second, after it has opened all of them once. */
  readonly reopenedPart: number;
  /** Tokens without a swap that all clients together may wait for. */
  readonly pendingIdsMax: number;
  /** Ids in one request for such tokens, and the time between two requests. */
  readonly pendingIdsAskedMax: number;
  readonly pendingEveryMs: number;
  /** A flush gives the event loop back after about this time, and continues in its next turn. */
  readonly flushSliceMs: number;
  /** Pause after a flush, as a multiple of its duration: the rest of the thread is for others. */
  readonly flushPauseFactor: number;
  /** Age up to which a feed's update is sent as a snapshot to a new subscriber; the owner is asked again for an older one. */
  readonly snapshotAgeMsMax: number;
  /** Time limit for the owner of a token to open a channel. */
  readonly openTimeoutMs: number;
  /** Longest time that a client waits for the revision that it already holds. */
  readonly catchUpMs: number;
  /** Time between two looks at the owner for it. Longer than the bus gives held data again (HELD_AGE_MS_MAX). */
  readonly catchUpLookMs: number;
};

export const LIVE_LIMITS: LiveLimits = {
  behindMs: 10_000,
  cachedBytesMax: 64 * 1024 * 1024,
  feedsKeptBelow: 10_000,
  checksumMs: 10_000,
  checksumBurstMs: 100,
  checksumShare: 0.05,
  clientOpeningRowsMax: 100,
  openingRowsMax: 1_000,
  reopenedPart: 0.1,
  pendingIdsMax: 20_000,
  pendingIdsAskedMax: 2_000,
  pendingEveryMs: 250,
  flushSliceMs: 5,
  flushPauseFactor: 3,
  snapshotAgeMsMax: 1_000,
  openTimeoutMs: 10_000,
  catchUpMs: 5_000,
  catchUpLookMs: 1_100,
};
