/**
 * A connection to NATS that is kept: it subscribes to fixed subjects, publishes, and reconnects for ever. Core NATS stores nothing, so a
 * message may be lost; the caller has to notice.
 *
 * The client library's own reconnecting is off. This loop knows the state, a first connection that fails is no different from a later
 * one, and refused credentials are retried like any other failure, because an operator may correct them at the server.
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { NatsConfig } from "../../config/build/nats.ts";
import { backoffMs } from "../../shared/retry.ts";
import { StateMachine, type Steps } from "../../shared/state-machine.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";
import { connectionOptions } from "./connection-options.ts";

const RECONNECT = { firstMs: 200, longestMs: 3_000 };
const CLOSE_LIMIT_MS = 1_000;
const SUBSCRIBED = Symbol("the server has the subscriptions");
/** Bytes that the server has not confirmed; messages beyond it are dropped. */
const UNCONFIRMED_BYTES_MAX = 64 * 2 ** 20;
const CONFIRM_BYTES = 1024 * 1024;

type NatsState = "connected" | "connecting" | "disconnected";

const STEPS: Steps<NatsState> = {
  /** At the start, and after a pause. */
  disconnected: ["connecting"],
  /** The server has the subscriptions, or something failed. */
  connecting: ["connected", "disconnected"],
  /** The connection ended. */
  connected: ["disconnected"],
};

type NatsConnectionOptions = {
  readonly settings: NatsConfig;
  /** Shown by the server's monitoring. */
  readonly name: string;
  readonly subjects: readonly string[];
  /** A server whose largest message is smaller than this is refused. */
  readonly messageBytesMin: number;
  readonly onMessage: (bytes: Uint8Array) => void;
  /** Called at each change. */
  readonly onState: (state: NatsState) => void;
};

export class KeptNatsConnection {
  readonly #options: NatsConnectionOptions;
  readonly #retry = new WakeableTimer();
  #connection: NatsConnection | undefined;
  readonly #machine = new StateMachine<NatsState>("the connection to NATS", STEPS, "disconnected");
  #failure: string | undefined = "not connected yet";
  #messageBytesMax: number | undefined;
  #isClosing = false;
  #running: Promise<void> | undefined;
  /** Attempts since the last connection. */
  #failures = 0;
  #unconfirmedBytes = 0;
  #unflushedBytes = 0;

  constructor(options: NatsConnectionOptions) {
    this.#options = options;
  }

  get state(): NatsState {
    return this.#machine.state;
  }

  /** Why there is no connection; undefined while there is one. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The largest message that the server takes; undefined before the first connection. */
  get messageBytesMax(): number | undefined {
    return this.#messageBytesMax;
  }

  /** Connects in the background, for ever. Called once; never throws. */
  start(): void {
    this.#running = this.#run();
  }

  /** Drops the message while there is no connection, and while too many bytes wait for the server. */
  publish(subject: string, bytes: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined || this.state !== "connected" || connection.isClosed()) return;
    if (this.#unconfirmedBytes + bytes.length > UNCONFIRMED_BYTES_MAX) return;
    connection.publish(subject, bytes);
    this.#unconfirmedBytes += bytes.length;
    this.#unflushedBytes += bytes.length;
    if (this.#unflushedBytes >= CONFIRM_BYTES) this.#confirm(connection);
  }

  /** Sends what was published, within a limit. Nothing is called after this call. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const connection = this.#connection;
    if (connection !== undefined) {
      await within(connection.flush(), CLOSE_LIMIT_MS);
      await within(connection.close(), CLOSE_LIMIT_MS);
    }
    this.#retry.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      this.#become("connecting");
      this.#failures += 1;
      try {
        this.#lost(await this.#untilEnded());
      } catch (error) {
        this.#lost(error);
      }
      if (!this.#isClosing) await this.#retry.pause(backoffMs(RECONNECT, this.#failures));
    }
  }

  /** Connects, and resolves when the connection has ended, with the reason if there is one. */
  async #untilEnded(): Promise<unknown> {
    const { settings, name, messageBytesMin } = this.#options;
    const connection = await connect(connectionOptions(settings, name));
    if (this.#isClosing) return within(connection.close(), CLOSE_LIMIT_MS);
    const ended = connection.closed();
    this.#connection = connection;
    const largest = connection.info?.max_payload;
    this.#messageBytesMax = largest;
    if (largest !== undefined && largest < messageBytesMin) {
      await within(connection.close(), CLOSE_LIMIT_MS);
      throw new Error(`max_payload of the server is ${largest}; set it to ${messageBytesMin} or more`);
    }
    this.#unconfirmedBytes = 0;
    this.#unflushedBytes = 0;
    const refused = this.#subscribe(connection);
    try {
      // The server has taken the subscriptions when it answers this, or has refused them. The client never settles this promise when
      // the connection ends meanwhile.
      const subscribed = connection.flush().then(() => SUBSCRIBED);
      const first = await Promise.race([subscribed, ended, refused]);
      if (first !== SUBSCRIBED) return first;
      this.#failure = undefined;
      this.#failures = 0;
      this.#become("connected");
      return await Promise.race([ended, refused]);
    } finally {
      await within(connection.close(), CLOSE_LIMIT_MS);
    }
  }

  /** Resolves with the error when the server refuses one of the subjects. */
  #subscribe(connection: NatsConnection): Promise<Error> {
    const refused = Promise.withResolvers<Error>();
    for (const subject of this.#options.subjects) {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null) refused.resolve(error);
          else if (!this.#isClosing) this.#options.onMessage(message.data);
        },
      });
    }
    return refused.promise;
  }

  #lost(reason: unknown): void {
    this.#connection = undefined;
    if (this.#isClosing) return;
    this.#failure = reason instanceof Error ? reason.message : "the connection ended";
    this.#become("disconnected");
  }

  #become(state: NatsState): void {
    this.#machine.become(state);
    if (!this.#isClosing) this.#options.onState(state);
  }

  /** Asks the server to confirm that it has everything that was sent so far. */
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

async function within(work: Promise<unknown>, limitMs: number): Promise<void> {
  const overdue = Promise.withResolvers<void>();
  const timer = setTimeout(overdue.resolve, limitMs);
  await Promise.race([work.catch(() => {}), overdue.promise]);
  clearTimeout(timer);
}
