/**
 * Makes the client's options from ours, and turns its errors into errors of the service: what is wrong, where, and what
 * to do.
 */
import {
  Admin,
  type BaseOptions,
  type Broker,
  type MultipleErrors,
  protocolErrorsCodesById,
  type SASLOptions,
} from "@platformatic/kafka";
import { SwapstatsError } from "../../shared/errors.ts";
import type { KafkaConnection } from "./connection.ts";

/**
 * For every client of the library. The client retries nothing by itself: our own retries have a backoff and are
 * reported.
 */
export function clientOptions(connection: KafkaConnection): BaseOptions {
  const { brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = connection;
  return {
    clientId,
    bootstrapBrokers: brokers.map(brokerOf),
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: requestTimeoutMs,
    retries: 0,
    metadataMaxAge: 0,
    ...(tls === undefined ? {} : { tls: { ...tls } }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } satisfies SASLOptions }),
  };
}

/** From `host:port`; an IPv6 address is in brackets. */
export function brokerOf(address: string): Broker {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

export function newAdmin(connection: KafkaConnection): Admin {
  return new Admin(clientOptions(connection));
}

/** Returns Kafka's name of an error number. */
export function kafkaErrorName(code: number): string {
  return (protocolErrorsCodesById as Readonly<Record<number, string>>)[code] ?? `error ${code}`;
}

/** Whether an error, or one inside it, has this name. */
export function isKafkaError(error: unknown, name: string): boolean {
  return hasWithin(error, "apiId", name);
}

/**
 * Whether the error, one of those that it contains, or one that caused it has this value. The client's own search skips
 * causes.
 */
function hasWithin(error: unknown, property: string, value: string): boolean {
  if (!(error instanceof Error)) return false;
  if ((error as unknown as Record<string, unknown>)[property] === value) return true;
  const inner = (error as MultipleErrors).errors as readonly unknown[] | undefined;
  return (inner ?? []).some((each) => hasWithin(each, property, value)) || hasWithin(error.cause, property, value);
}

const REFUSALS = [
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
];

/** `what` is what was tried, such as `reading topic raw-swaps`. */
export function kafkaError(cause: unknown, what: string, { brokers, sasl }: KafkaConnection): SwapstatsError {
  if (cause instanceof SwapstatsError) return cause;
  const at = `Kafka at ${brokers.join(", ")}: ${what}`;
  const detail = detailOf(cause);
  if (isAuthenticationError(cause)) {
    const advice = sasl === undefined ? "it asks for SASL: set ingest.sasl" : "check ingest.sasl.* against its users";
    return new SwapstatsError("bad_config", `${at} failed: the credentials were refused (${detail}); ${advice}`, {
      cause,
    });
  }
  const refusal = REFUSALS.find((name) => isKafkaError(cause, name));
  if (refusal !== undefined) {
    const message = `${at} failed: ${refusal}; grant this user the permission`;
    return new SwapstatsError("bad_config", message, { cause });
  }
  if (isUnknownTopic(cause)) {
    const message = `${at} failed: there is no such topic; \`swapstats topic ensure\` creates it`;
    return new SwapstatsError("not_found", message, { cause, retryable: true });
  }
  // One of these is ILLEGAL_SASL_STATE: a broker may answer it to requests that were sent before a slow or refused
  // authentication ended.
  const settings = sasl === undefined ? "ingest.tls.*" : "ingest.tls.* and ingest.sasl.*";
  const message = `${at} failed: ${detail}; check that the brokers run and can be reached, and ${settings}`;
  return new SwapstatsError("unavailable", message, { cause, retryable: true });
}

function isUnknownTopic(error: unknown): boolean {
  if (isKafkaError(error, "UNKNOWN_TOPIC_OR_PARTITION") || isKafkaError(error, "UNKNOWN_TOPIC_ID")) return true;
  // When the client asks for metadata it replaces this error by one of its own, which has no number.
  return error instanceof Error && error.message.startsWith("Unknown topic ");
}

function isAuthenticationError(error: unknown): boolean {
  if (hasWithin(error, "code", "PLT_KFK_AUTHENTICATION")) return true;
  // ILLEGAL_SASL_STATE: with OAUTHBEARER the client takes a refusal for success, and its next request is refused.
  return ["SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM", "ILLEGAL_SASL_STATE"].some((name) =>
    isKafkaError(error, name),
  );
}

/** Returns the innermost messages, which say more than the client's "failed 1 times". */
function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = (error as MultipleErrors).errors as readonly Error[] | undefined;
  if (inner !== undefined && inner.length > 0) return [...new Set(inner.map(detailOf))].join("; ");
  if (error.cause instanceof Error) return detailOf(error.cause);
  const id = (error as { apiId?: unknown }).apiId;
  return typeof id === "string" ? `${id} (${error.message})` : error.message;
}
