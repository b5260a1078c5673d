/** Connections to one PostgreSQL that are kept for the next piece of work, up to a number of them. */
import type { ConnectionOptions } from "node:tls";
import { SwapstatsError } from "../../shared/errors.ts";
import { PostgresConnection, type PostgresSettings, readTlsFiles } from "./connection.ts";

/** Codes by which the server says that it ends the connection. */
const ENDED = ["57P01", "57P02", "57P03"];

/** Whether the connection broke: the server did not answer with a code of its own, and no limit of time passed. */
function wasCut(error: unknown): boolean {
  if (error instanceof SwapstatsError) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return ENDED.includes(code);
  return !String(message).includes("timeout");
}

export class PostgresPool {
  readonly #settings: PostgresSettings;
  readonly #tls: ConnectionOptions | undefined;
  readonly #connectionsMax: number;
  readonly #idle: PostgresConnection[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #inUse = 0;

  /** Connects to nothing yet. Throws `bad_config` when a file of the TLS settings cannot be read. `where` begins that message. */
  constructor(settings: PostgresSettings, connectionsMax: number, where: string) {
    this.#settings = settings;
    this.#tls = settings.tls === undefined ? undefined : readTlsFiles(settings.tls, where);
    this.#connectionsMax = connectionsMax;
  }

  /**
   * Runs `work` on a connection that nothing else uses meanwhile. Rejects with the error of `work` or of the connecting, or with
   * `unavailable` once the pool is closed. A kept connection may have been cut while it was idle: `work` then runs once more on a new one,
   * so it must be repeatable.
   */
  async use<T>(work: (connection: PostgresConnection, signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.#closing.signal;
    while (this.#inUse >= this.#connectionsMax && !signal.aborted) await this.#turn();
    signal.throwIfAborted();
    this.#inUse++;
    try {
      const kept = this.#takeIdle();
      if (kept === undefined) return await this.#run(await this.#open(signal), work, signal);
      try {
        return await this.#run(kept, work, signal);
      } catch (error) {
        if (!wasCut(error)) throw error;
        return await this.#run(await this.#open(signal), work, signal);
      }
    } finally {
      this.#inUse--;
      this.#waiting.shift()?.();
    }
  }

  /** Ends the work that runs; it rejects with `unavailable`. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(new SwapstatsError("unavailable", "The connections to PostgreSQL were closed."));
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #takeIdle(): PostgresConnection | undefined {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      if (!kept.isLost) return kept;
      void kept.close();
    }
    return undefined;
  }

  #open(signal: AbortSignal): Promise<PostgresConnection> {
    return PostgresConnection.open(this.#settings, this.#tls, { onWake: () => {} }, signal);
  }

  async #run<T>(
    connection: PostgresConnection,
    work: (connection: PostgresConnection, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    let result: T;
    try {
      result = await work(connection, signal);
    } catch (error) {
      // The state of its transaction is not known.
      await connection.close();
      throw error;
    }
    if (signal.aborted || connection.isLost) await connection.close();
    else this.#idle.push(connection);
    return result;
  }
}
