/** The port by which POST /api/swaps and feeders hand swaps over to the log. Implemented by `LogClient` (sources/embedded/log-client.ts). */
export type IngestResult = {
  accepted: number;
  rejected: { index: number; code: string; message: string }[];
  /** Number of accepted swaps behind the watermark, as far as it is known when they arrive. Absent: none. */
  late?: number;
  /** Number of accepted swaps that are too far ahead of the clock. Absent: none. */
  quarantined?: number;
};
export type IngestPort = {
  /**
   * Takes a request body (one JSON object, an array, or NDJSON), validates each event and makes the accepted ones durable.
   * Resolves when they are on disk. Rejects with SwapstatsError: `bad_request` (the body as a whole cannot be read; 400),
   * `too_large` (more events than api.http.max_batch, none was accepted; 413), `log_full`, `storage_failed` or `unavailable` (503).
   * The body's buffer is transferred: the caller must not use it again.
   */
  ingest(body: Uint8Array): Promise<IngestResult>;
};

/** The port, or the reason why there is none: a sentence for senders, which are refused before their swaps are read. */
export type Intake = { readonly port: IngestPort } | { readonly port: undefined; readonly reason: string };
