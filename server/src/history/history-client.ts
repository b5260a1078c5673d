/** The history as the main thread uses it: the calls of a history store, which the history thread executes. Commands that have no thread open the store. */
import type { MessagePort } from "node:worker_threads";
import type {
  HistoryGap,
  HistoryReader,
  HistoryStore,
  SequenceRange,
  SettledRow,
  Span,
  StreamKey,
} from "../ports/history-store.ts";
import type { HistoryHealth } from "../ports/history-stream.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { fromWire } from "../shared/wire-error.ts";
import type { Answer, Call, StoreCall } from "./protocol.ts";

type Reader = { readonly [K in StoreCall]: HistoryStore[K] };
type Waiting = PromiseWithResolvers<unknown>;
/** A read in batches: those that have come, and the reader that waits for one. */
type Stream = {
  readonly batches: (readonly SettledRow[])[];
  isOver: boolean;
  error: Error | undefined;
  wake: () => void;
};

export class HistoryClient implements Omit<HistoryStore, "close" | "repairAlone"> {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #streams = new Map<number, Stream>();
  #lastId = 0;
  #failure: SwapstatsError | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", (answer: Answer) => this.#receive(answer));
  }

  sums(...args: Parameters<HistoryReader["sums"]>): ReturnType<HistoryReader["sums"]> {
    return this.#call("sums", args);
  }

  traders(...args: Parameters<HistoryReader["traders"]>): ReturnType<HistoryReader["traders"]> {
    return this.#call("traders", args);
  }

  symbol(...args: Parameters<HistoryReader["symbol"]>): ReturnType<HistoryReader["symbol"]> {
    return this.#call("symbol", args);
  }

  candles(...args: Parameters<HistoryReader["candles"]>): ReturnType<HistoryReader["candles"]> {
    return this.#call("candles", args);
  }

  swaps(...args: Parameters<HistoryReader["swaps"]>): ReturnType<HistoryReader["swaps"]> {
    return this.#call("swaps", args);
  }

  tokens(...args: Parameters<HistoryReader["tokens"]>): ReturnType<HistoryReader["tokens"]> {
    return this.#call("tokens", args);
  }

  find(name: string): ReturnType<HistoryReader["find"]> {
    return this.#call("find", [name]);
  }

  status(): ReturnType<HistoryReader["status"]> {
    return this.#call("status", []);
  }

  migrate(): ReturnType<HistoryStore["migrate"]> {
    return this.#call("migrate", []);
  }

  beginStream(stream: StreamKey, span: Span): Promise<void> {
    return this.#call("beginStream", [stream, span]);
  }

  append(...args: Parameters<HistoryStore["append"]>): Promise<void> {
    return this.#call("append", args);
  }

  noteGap(gap: HistoryGap): Promise<void> {
    return this.#call("noteGap", [gap]);
  }

  missingSequences(stream: StreamKey, range: SequenceRange): Promise<SequenceRange[]> {
    return this.#call("missingSequences", [stream, range]);
  }

  closeGaps(stream: StreamKey, span: Span): Promise<void> {
    return this.#call("closeGaps", [stream, span]);
  }

  compact(signal: AbortSignal): Promise<readonly string[]> {
    return this.#abortable("compact", signal);
  }

  verify(signal: AbortSignal): Promise<readonly string[]> {
    return this.#abortable("verify", signal);
  }

  /** State of the thread that writes. */
  health(): Promise<HistoryHealth> {
    return this.#send<HistoryHealth>("health", []).promise;
  }

  async *rows(
    ...[span, token, edges, signal]: Parameters<HistoryReader["rows"]>
  ): AsyncGenerator<readonly SettledRow[]> {
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    const id = ++this.#lastId;
    const stream: Stream = { batches: [], isOver: false, error: undefined, wake: () => {} };
    this.#streams.set(id, stream);
    const wake = (): void => stream.wake();
    signal.addEventListener("abort", wake);
    this.#post({ id, call: "rows", args: [span, token, edges] });
    try {
      for (;;) {
        signal.throwIfAborted();
        const batch = stream.batches.shift();
        if (batch !== undefined) {
          yield batch;
          this.#post({ id, call: "more" });
        } else if (stream.error !== undefined) throw stream.error;
        else if (stream.isOver) return;
        else await new Promise<void>((resolve) => Object.assign(stream, { wake: resolve }));
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#streams.delete(id);
      if (!stream.isOver) this.#post({ id, call: "abort" });
    }
  }

  /** Rejects all calls, now and later: the thread has ended. */
  fail(error: SwapstatsError): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
    for (const stream of this.#streams.values()) {
      stream.error = this.#failure;
      stream.isOver = true;
      stream.wake();
    }
  }

  close(): void {
    this.fail(new SwapstatsError("unavailable", "the history is closed", { retryable: true }));
    this.#port.close();
  }

  async #abortable(call: "compact" | "verify", signal: AbortSignal): Promise<readonly string[]> {
    const { id, promise } = this.#send<readonly string[]>(call, []);
    const abort = (): void => this.#post({ id, call: "abort" });
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  #call<K extends StoreCall>(call: K, args: readonly unknown[]): ReturnType<Reader[K]> {
    return this.#send(call, args).promise as ReturnType<Reader[K]>;
  }

  #send<T>(
    call: StoreCall | "health",
    args: readonly unknown[],
  ): { readonly id: number; readonly promise: Promise<T> } {
    const id = ++this.#lastId;
    if (this.#failure !== undefined) return { id, promise: Promise.reject(this.#failure) };
    const waiting: Waiting = Promise.withResolvers();
    this.#waiting.set(id, waiting);
    this.#post({ id, call, args } as Call);
    return { id, promise: waiting.promise as Promise<T> };
  }

  #post(call: Call): void {
    this.#port.postMessage(call);
  }

  #receive(answer: Answer): void {
    const { id } = answer;
    if (answer.type === "batch" || answer.type === "batches_end") {
      this.#receiveBatch(id, answer.type === "batch" ? answer.rows : undefined);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined && answer.type === "error") {
      stream.error = fromWire(answer.error);
      stream.isOver = true;
      stream.wake();
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (answer.type === "error") waiting?.reject(fromWire(answer.error));
    else waiting?.resolve(answer.value);
  }

  #receiveBatch(id: number, rows: readonly SettledRow[] | undefined): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (rows === undefined) stream.isOver = true;
    else stream.batches.push(rows);
    stream.wake();
  }
}
