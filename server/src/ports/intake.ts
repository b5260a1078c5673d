/** The port by which POST /api/swaps and feeders hand swaps over to the log. Implemented by `LogClient` (sources/embedded/log-client.ts). */
export type IngestResult = {
  accepted: number;
  rejected: { index: number; code: string; message: string }[];
  /** Number of accepted swaps behind the watermark, as far as it is known when they arrive. Absent: none. */
  late?: number;
  /** Number of accepted swaps that are too far ahead of the clock. Absent: none. */
  quarantined?: number;
  /** With a mapping: number of records of the body, and of swaps that the mapping's `when` left out. Absent: no mapping. */
  records?: number;
  skipped?: number;
};
export type IngestPort = {
  /**
   * Takes a request body (one JSON object, an array, or NDJSON), validates each event and makes the accepted ones durable. With a
   * mapping of this name, the body holds records in the mapping's format, and `index` in `rejected` is that of the record.
   * Resolves when they are on disk. Rejects with SwapstatsError: `bad_request` (the body as a whole cannot be read; 400),
   * `too_large` (more events than api.http.max_batch, none was accepted; 413), `not_found` (no such mapping), `log_full`, `storage_failed`
   * or `unavailable` (503; also while the registry with the records' schema is away).
   * The body's buffer is transferred: the caller must not use it again.
   */
  ingest(body: Uint8Array, mapping?: string): Promise<IngestResult>;
};

/** The port, or the reason why there is none: a sentence for senders, which are refused before their swaps are read. */
export type Intake =
  /** `mappings`: the names of all mappings of bodies. */
  | { readonly port: IngestPort; readonly mappings: readonly string[] }
  | { readonly port: undefined; readonly reason: string };
