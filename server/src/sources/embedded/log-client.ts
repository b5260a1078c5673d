/**
 * The main thread's side of the log thread: POST bodies and feeders reach the log through it. It bounds what waits for
 * the disk; beyond the bounds senders are told to retry.
 */
import { type MessagePort, Worker } from "node:worker_threads";
import type { IngestPort, IngestResult } from "../../ports/intake.ts";
import type { OffsetRange } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import { fromWire } from "../../shared/wire-error.ts";
import type { LogReply, LogRequest, LogResponse, LogThreadOptions } from "./log-protocol.ts";

/** Bodies that wait to be committed; four of the largest, or some seconds of a slow disk. */
export const WAITING_BYTES_MAX = 64 * 1024 * 1024;
export const WAITING_BODIES_MAX = 4096;

type Waiting = {
  readonly bytes: number;
  readonly resolve: (result: IngestResult) => void;
  readonly reject: (error: SwapstatsError) => void;
};

type Ready = Extract<LogResponse, { kind: "ready" }>;

export class LogClient implements IngestPort {
  readonly #worker: Worker;
  readonly #onFatal: (error: Error) => void;
  readonly #ready = Promise.withResolvers<Ready>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, Waiting>();
  #waitingBytes = 0;
  #nextId = 0;
  #state: "open" | "closing" | "failed" = "open";
  #opened: Ready | undefined;

  private constructor(options: LogThreadOptions, onFatal: (error: Error) => void) {
    this.#onFatal = onFatal;
    this.#worker = new Worker(new URL("./log-thread.ts", import.meta.url), { name: "log", workerData: options });
    this.#worker.on("message", (response: LogResponse) => this.#receive(response));
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", () => this.#fail(new Error("the log thread ended")));
  }

  /**
   * Starts the log thread and resolves when the log is open. Rejects with `bad_config` (another number of partitions),
   * `log_damaged`, `log_full` or `storage_failed`. `onFatal` is called when the thread fails later: the process must end.
   */
  static async start(options: LogThreadOptions, onFatal: (error: Error) => void): Promise<LogClient> {
    const client = new LogClient(options, onFatal);
    client.#opened = await client.#ready.promise;
    return client;
  }

  /** Time at which the log was created. */
  get createdMs(): number {
    return this.#readyState().createdMs;
  }

  /** Problems found when the log was opened, in plain sentences. */
  get problems(): readonly string[] {
    return this.#readyState().problems;
  }

  /** Range of each partition when the log was opened. */
  get ranges(): readonly OffsetRange[] {
    return this.#readyState().ranges;
  }

  /** Bytes of the bodies that wait for their commit. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Connects the owner of a partition with the log thread: `LogOwnerRequest` in, `LogNotice` out, the first one at
   * once.
   */
  connect(partition: number, port: MessagePort, board: VersionBoardHandle): void {
    this.#worker.postMessage({ kind: "connect", partition, port, board } satisfies LogRequest, [port]);
  }

  /** See IngestPort. Posts the body to the log thread (log-thread.ts), where `LogService.ingest` takes it. */
  ingest(body: Uint8Array, mapping?: string): Promise<IngestResult> {
    if (this.#state !== "open") {
      return Promise.reject(new SwapstatsError("unavailable", "The service is stopping.", { retryable: true }));
    }
    const bytes = body.byteLength;
    // An empty queue accepts a body of any size.
    const isOver = this.#waitingBytes + bytes > WAITING_BYTES_MAX || this.#waiting.size >= WAITING_BODIES_MAX;
    if (isOver && this.#waiting.size > 0) {
      const message = `${this.#waiting.size} bodies (${this.#waitingBytes} bytes) wait for the disk already. Send the body again in a second.`;
      return Promise.reject(new SwapstatsError("unavailable", message, { retryable: true }));
    }
    const id = this.#nextId++;
    const owned = transferable(body);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#worker.postMessage({ kind: "ingest", id, body: owned, mapping } satisfies LogRequest, [owned.buffer]);
    });
  }

  /** Accepts no more bodies, waits until every body has its response, and ends the thread. Never rejects. */
  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#worker.postMessage({ kind: "close" } satisfies LogRequest);
    }
    await this.#closed.promise;
  }

  #readyState(): Ready {
    if (this.#opened === undefined) throw new SwapstatsError("internal", "the log is not open yet");
    return this.#opened;
  }

  #receive(response: LogResponse): void {
    switch (response.kind) {
      case "ready":
        this.#ready.resolve(response);
        return;
      case "failed":
        this.#state = "failed";
        this.#ready.reject(fromWire(response.error));
        return;
      case "replies":
        for (const reply of response.replies) this.#settle(reply);
        return;
      case "closed":
        this.#closed.resolve();
    }
  }

  #settle(reply: LogReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    this.#waitingBytes -= waiting.bytes;
    if ("result" in reply) waiting.resolve(reply.result);
    else waiting.reject(fromWire(reply.error));
  }

  /** The thread has ended: on request, by a refusal to start, or by an error. */
  #fail(cause: unknown): void {
    this.#closed.resolve();
    const wasOpen = this.#state === "open";
    this.#state = "failed";
    const text = cause instanceof Error ? cause.message : String(cause);
    const error = new SwapstatsError("unavailable", `The log thread failed: ${text}`, { cause, retryable: true });
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#ready.reject(error);
    if (wasOpen && this.#opened !== undefined) this.#onFatal(error);
  }
}

/** Returns the body in a buffer of its own. A small body is part of a shared pool and has to be copied. */
function transferable(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = body;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) {
    return new Uint8Array(buffer);
  }
  return new Uint8Array(body);
}
