/** What a call over HTTP can be given besides its parameters. */
export type CallOptions = {
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole call with its retries, in milliseconds [30,000]. */
  readonly timeoutMs?: number | undefined;
};
