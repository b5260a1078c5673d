/**
 * NATS between the instances: `<prefix>.all` for all, `<prefix>.to.<address>` for one. Core NATS, which keeps nothing; what is lost
 * is noticed and requested again by the layers above. The client library's own reconnecting is off, and the loop is here: the state of the circuit is then
 * ours to say, a first connection that fails is no different from a later one, and refused credentials are tried again like
 * anything else, because an operator may mend them at the server.
 */
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  jwtAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import type { TlsFiles } from "../config/build/kafka.ts";
import { CREDENTIALS_HEAD, type NatsConfig } from "../config/build/nats.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { backoffMs } from "../shared/retry.ts";
import { WakeableTimer } from "../shared/wakeable-timer.ts";
import type { ClusterTransport, LinkState, TransportListener } from "./transport.ts";

export type NatsTransportOptions = {
  readonly settings: NatsConfig;
  /** Shown by the server's monitoring. */
  readonly name: string;
  /** Instances that are to hear each other have the same; letters, digits, `-` and `_`. */
  readonly cluster: string;
};

const CONNECT_TIMEOUT_MS = 5_000;
/** A connection over which nothing comes back is given up after two of these. */
const PING_INTERVAL_MS = 2_000;
const PINGS_OUT_MAX = 2;
const RECONNECT = { firstMs: 200, longestMs: 3_000 };
const CLOSE_LIMIT_MS = 1_000;
const TAKEN = Symbol("the subscriptions are taken");
const FRAME_BYTES_MAX = 512 * 1024;
const FRAME_BYTES_MIN = 4 * 1024;
/** Bytes that the server has not confirmed; what is to be sent beyond it is dropped. */
export const UNCONFIRMED_BYTES_MAX = 64 * 2 ** 20;
const CONFIRM_BYTES = 1024 * 1024;

export class NatsTransport implements ClusterTransport {
  readonly #options: NatsTransportOptions;
  readonly #retry = new WakeableTimer();
  #connection: NatsConnection | undefined;
  #listener: TransportListener | undefined;
  #state: LinkState = "disconnected";
  #problem: string | undefined = "Not connected to NATS yet; the tokens of other instances are away.";
  #frameBytesMax = FRAME_BYTES_MAX;
  #isClosing = false;
  #running: Promise<void> | undefined;
  /** Attempts since the last connection. */
  #failures = 0;
  #unconfirmedBytes = 0;
  #unflushedBytes = 0;

  constructor(options: NatsTransportOptions) {
    this.#options = options;
  }

  get messageBytesMax(): number {
    return this.#frameBytesMax;
  }

  get state(): LinkState {
    return this.#state;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  start(address: string, listener: TransportListener): void {
    this.#listener = listener;
    this.#running = this.#run(address);
  }

  announce(bytes: Uint8Array): void {
    this.#publish(`${this.#prefix}.all`, bytes);
  }

  send(address: string, bytes: Uint8Array): void {
    this.#publish(`${this.#prefix}.to.${address}`, bytes);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#listener = undefined;
    const connection = this.#connection;
    if (connection !== undefined) {
      await within(connection.flush(), CLOSE_LIMIT_MS);
      await within(connection.close(), CLOSE_LIMIT_MS);
    }
    this.#retry.wake();
    await this.#running;
  }

  get #prefix(): string {
    return `swapstats.${this.#options.cluster}`;
  }

  async #run(address: string): Promise<void> {
    while (!this.#isClosing) {
      this.#become("connecting");
      this.#failures += 1;
      try {
        this.#lost(await this.#untilEnded(address));
      } catch (error) {
        this.#lost(error);
      }
      if (!this.#isClosing) await this.#retry.pause(backoffMs(RECONNECT, this.#failures));
    }
  }

  /** Connects, and resolves when the connection has ended, with the reason if there is one. */
  async #untilEnded(address: string): Promise<unknown> {
    const connection = await connect(connectionOptions(this.#options));
    if (this.#isClosing) return within(connection.close(), CLOSE_LIMIT_MS);
    const ended = connection.closed();
    this.#connection = connection;
    this.#frameBytesMax = Math.min(FRAME_BYTES_MAX, connection.info?.max_payload ?? FRAME_BYTES_MAX);
    if (this.#frameBytesMax < FRAME_BYTES_MIN) {
      await within(connection.close(), CLOSE_LIMIT_MS);
      throw new Error(`max_payload of the server is ${this.#frameBytesMax}; set it to ${FRAME_BYTES_MIN} or more`);
    }
    this.#unconfirmedBytes = 0;
    this.#unflushedBytes = 0;
    const refused = Promise.withResolvers<Error>();
    for (const subject of [`${this.#prefix}.all`, `${this.#prefix}.to.${address}`]) {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) this.#listener?.onMessage(message.data);
          else refused.resolve(error);
        },
      });
    }
    try {
      // The server has taken the subscriptions when it answers this, or has refused them. The client leaves this promise open for ever
      // when the connection ends meanwhile.
      const isTaken = connection.flush().then(() => TAKEN);
      const first = await Promise.race([isTaken, ended, refused.promise]);
      if (first !== TAKEN) return first;
      this.#problem = undefined;
      this.#failures = 0;
      this.#become("connected");
      return await Promise.race([ended, refused.promise]);
    } finally {
      await within(connection.close(), CLOSE_LIMIT_MS);
    }
  }

  #lost(reason: unknown): void {
    this.#connection = undefined;
    if (this.#isClosing) return;
    const text = reason instanceof Error ? reason.message : "the connection ended";
    this.#problem = `Not connected to NATS (${text}); the tokens of other instances are served as stale until it is back.`;
    this.#become("disconnected");
  }

  #become(state: LinkState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#listener?.onState(state);
  }

  #publish(subject: string, bytes: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined || this.#state !== "connected" || connection.isClosed()) return;
    if (this.#unconfirmedBytes + bytes.length > UNCONFIRMED_BYTES_MAX) return;
    connection.publish(subject, bytes);
    this.#unconfirmedBytes += bytes.length;
    this.#unflushedBytes += bytes.length;
    if (this.#unflushedBytes >= CONFIRM_BYTES) this.#confirm(connection);
  }

  /** Asks the server to say that it has all that was sent so far. */
  #confirm(connection: NatsConnection): void {
    const bytes = this.#unflushedBytes;
    this.#unflushedBytes = 0;
    connection.flush().then(
      () => {
        if (connection === this.#connection) this.#unconfirmedBytes -= bytes;
      },
      () => {},
    );
  }
}

function connectionOptions({ settings, name }: NatsTransportOptions): ConnectionOptions {
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

async function within(work: Promise<unknown>, limitMs: number): Promise<void> {
  const overdue = Promise.withResolvers<void>();
  const timer = setTimeout(overdue.resolve, limitMs);
  await Promise.race([work.catch(() => {}), overdue.promise]);
  clearTimeout(timer);
}
