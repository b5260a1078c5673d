/** The settings that the door of gRPC needs of the configuration, and every limit of it that is not configurable. */

/** The part of the program's configuration that this folder reads; has its shape. */
export type GrpcConfig = {
  readonly api: { readonly ws: { readonly maxConn: number } };
};

export type GrpcLimits = {
  /** Connections to `api.grpc.addr`; more are closed at once. */
  readonly sessionsMax: number;
  /** Calls at the same time of one connection. */
  readonly callsPerSessionMax: number;
  /** Calls in progress at `api.grpc.addr`, in sum and per client. A stream of `Subscribe` counts until its channels are open. */
  readonly callsMax: number;
  readonly callsPerClientMax: number;
  /** Bytes of a request, also when it is expanded. */
  readonly requestBytesMax: number;
  /** Bytes of one request of `Ingest`. */
  readonly ingestBytesMax: number;
  /** Calls of `Ingest` at the same time. */
  readonly ingestCallsMax: number;
  /** Requests of one call of `Ingest` that wait for their acknowledgement; the next one is not read before. */
  readonly ingestPendingMax: number;
  /** Timeout from a request of `Ingest` to its commit on disk. */
  readonly ingestTimeoutMs: number;
  /** Bytes of a header. */
  readonly headerBytesMax: number;
  /** Time for a call with one response, and for `Subscribe` until its first message; also when the request itself does not come. */
  readonly deadlineMsMax: number;
  /** Bytes of messages that are taken at once for a stream. */
  readonly takenBytesMax: number;
  /** A stream on which nothing was sent for this long gets a heartbeat. */
  readonly heartbeatMs: number;
  /** A stream whose client has taken nothing for this long, while something waits for it, is cut. */
  readonly stalledMs: number;
  /** Interval of the checks of streams. */
  readonly sweepMs: number;
  /** Interval of pings to a client. One that has not answered the ping before is disconnected. */
  readonly pingMs: number;
  /** A connection without calls for this long is closed. */
  readonly idleMs: number;
  /** On shutdown clients are told to reconnect after this, plus up to as much again at random. */
  readonly reconnectAfterMs: number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

export const GRPC_LIMITS: GrpcLimits = {
  sessionsMax: 5_000,
  callsPerSessionMax: 100,
  callsMax: 1_000,
  callsPerClientMax: 500,
  requestBytesMax: 256 * KIB,
  ingestBytesMax: 4 * MIB,
  ingestCallsMax: 32,
  ingestPendingMax: 8,
  ingestTimeoutMs: 30_000,
  headerBytesMax: 16 * KIB,
  deadlineMsMax: 30_000,
  takenBytesMax: 32 * KIB,
  heartbeatMs: 15_000,
  stalledMs: 120_000,
  sweepMs: 1_000,
  pingMs: 30_000,
  idleMs: 300_000,
  reconnectAfterMs: 1_000,
};
