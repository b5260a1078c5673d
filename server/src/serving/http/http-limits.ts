/** Every limit of the HTTP listener that is not configured, in one place. */

export type HttpLimits = {
  /** Open connections, WebSockets included; more are closed at once. */
  readonly connectionsMax: number;
  /** Request line and header fields together; beyond it 431. */
  readonly headerBytesMax: number;
  /** Header fields; beyond it 431. Some versions of Node ignore the rest instead. */
  readonly headerFieldsMax: number;
  /** Path and query; beyond it 414. */
  readonly uriCharsMax: number;
  /** Timeout from the start of a connection, or the end of the previous request, to the end of a header; then 408. */
  readonly headersTimeoutMs: number;
  /** Timeout for the end of the request's body; then 408. */
  readonly requestTimeoutMs: number;
  /** An open connection without a request. */
  readonly keepAliveTimeoutMs: number;
  /** A connection without traffic in either direction, such as one that does not read its response. */
  readonly idleSocketTimeoutMs: number;
  /** Interval at which the timeouts above are checked. */
  readonly timeoutCheckMs: number;
  /** Body of an operation other than `POST /api/swaps`. */
  readonly queryBodyBytesMax: number;
  /** Depth of nested objects and arrays in such a body. */
  readonly jsonDepthMax: number;
  /** Bodies that are held at the same time, in sum and per client; beyond it 503. */
  readonly bodyBytesInFlightMax: number;
  readonly bodyBytesPerClientMax: number;
  /** Bytes that a body must bring within each window; slower ones end with 408. */
  readonly uploadWindowMs: number;
  readonly uploadWindowBytesMin: number;
  /** Compressed bodies that are expanded at the same time. */
  readonly expandingMax: number;
  /** Bytes of responses longer than `COUNTED_RESPONSE_BYTES_MIN` that are not yet sent, in sum and per client; beyond it 503. */
  readonly responseBytesInFlightMax: number;
  readonly responseBytesPerClientMax: number;
  /** Requests in progress at the same time, in sum and per client; beyond it 503. Probes always get a response. */
  readonly requestsMax: number;
  readonly requestsPerClientMax: number;
  /** Requests of one connection that wait for earlier responses; beyond it the connection ends after these. */
  readonly pipelinedMax: number;
  /** Bytes of a refused request that are discarded, and for how long, so that its client reads the response. */
  readonly lingerBytesMax: number;
  readonly lingerMs: number;
  /** Bytes of its response that a client must read within each window; slower ones are cut. */
  readonly readWindowMs: number;
  readonly readWindowBytesMin: number;
  /** Timeout from a complete body of swaps to its commit on disk; then 503, and the swaps may still be accepted. */
  readonly ingestTimeoutMs: number;
  /** Time within which the state must respond for `/readyz`. */
  readonly readyTimeoutMs: number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  headerBytesMax: 16 * KIB,
  headerFieldsMax: 100,
  uriCharsMax: 8 * KIB,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  idleSocketTimeoutMs: 90_000,
  timeoutCheckMs: 1_000,
  queryBodyBytesMax: 256 * KIB,
  jsonDepthMax: 32,
  bodyBytesInFlightMax: 256 * MIB,
  bodyBytesPerClientMax: 128 * MIB,
  uploadWindowMs: 5_000,
  uploadWindowBytesMin: 5 * KIB,
  expandingMax: 2,
  responseBytesInFlightMax: 256 * MIB,
  responseBytesPerClientMax: 128 * MIB,
  requestsMax: 8_000,
  requestsPerClientMax: 4_000,
  pipelinedMax: 128,
  lingerBytesMax: 256 * MIB,
  lingerMs: 5_000,
  readWindowMs: 10_000,
  readWindowBytesMin: 10 * KIB,
  ingestTimeoutMs: 30_000,
  readyTimeoutMs: 2_000,
};
