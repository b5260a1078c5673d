/** Makes the options of the NATS client from the configuration: addresses, authentication, certificates, timeouts. */
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import type { TlsFiles } from "../../config/build/kafka.ts";
import { CREDENTIALS_HEAD, type NatsConfig } from "../../config/build/nats.ts";
import { SwapstatsError } from "../../shared/errors.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** Interval of pings. A connection is closed after two pings without a response. */
const PING_INTERVAL_MS = 2_000;
const PINGS_OUT_MAX = 2;

/** `name` is shown by the server's monitoring. Throws `bad_config` where a JWT has no seed. The client does not reconnect by itself. */
export function connectionOptions(settings: NatsConfig, name: string): ConnectionOptions {
  const { url, user, password, tls } = settings;
  const login = user === undefined ? {} : { user, ...(password === undefined ? {} : { pass: password }) };
  const authenticator = authenticatorOf(settings);
  return {
    servers: url.split(",").map((one) => one.trim().replace(/^[a-z]+:\/\//, "")),
    name,
    reconnect: false,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    noEcho: true,
    noAsyncTraces: true,
    ...login,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  };
}

function tlsOptions({ caPath, certPath, keyPath }: TlsFiles): NonNullable<ConnectionOptions["tls"]> {
  return {
    ...(caPath === undefined ? {} : { caFile: caPath }),
    ...(certPath === undefined ? {} : { certFile: certPath }),
    ...(keyPath === undefined ? {} : { keyFile: keyPath }),
  };
}

function authenticatorOf({ nkey, jwt }: NatsConfig): Authenticator | undefined {
  const encoder = new TextEncoder();
  const seed = nkey === undefined ? undefined : encoder.encode(nkey.trim());
  if (jwt === undefined) return seed === undefined ? undefined : nkeyAuthenticator(seed);
  if (jwt.includes(CREDENTIALS_HEAD)) return credsAuthenticator(encoder.encode(jwt));
  if (seed === undefined) {
    throw new SwapstatsError(
      "bad_config",
      "pubsub.nats.jwt needs the user's seed in pubsub.nats.nkey, or a credentials file",
    );
  }
  return jwtAuthenticator(jwt.trim(), seed);
}
