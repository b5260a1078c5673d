/** Executes the calls of the main thread on the history store, in the history thread. */
import type { MessagePort } from "node:worker_threads";
import type { HistoryReader, HistoryStore } from "../ports/history-store.ts";
import type { HistoryHealth } from "../ports/history-stream.ts";
import { toWire } from "../shared/wire-error.ts";
import type { Answer, Call } from "./protocol.ts";

/** Batches of `rows` that are sent before the reader has taken one. */
const BATCHES_AHEAD = 2;

type Running = { readonly abort: AbortController; credit: number; wake: () => void };

export class CallServer {
  readonly #port: MessagePort;
  readonly #store: Promise<HistoryStore>;
  readonly #health: () => HistoryHealth;
  readonly #running = new Map<number, Running>();

  constructor(port: MessagePort, store: Promise<HistoryStore>, health: () => HistoryHealth) {
    this.#port = port;
    this.#store = store;
    this.#health = health;
    port.on("message", (call: Call) => void this.#receive(call));
  }

  /** Aborts what runs. */
  close(): void {
    for (const { abort } of this.#running.values()) abort.abort(new Error("the history is closed"));
    this.#port.close();
  }

  #post(answer: Answer): void {
    this.#port.postMessage(answer);
  }

  async #receive(call: Call): Promise<void> {
    const { id } = call;
    if (call.call === "abort") this.#running.get(id)?.abort.abort(new Error("the reader has ended"));
    else if (call.call === "more") {
      const running = this.#running.get(id);
      if (running === undefined) return;
      running.credit += 1;
      running.wake();
    } else {
      const running: Running = { abort: new AbortController(), credit: BATCHES_AHEAD, wake: () => {} };
      this.#running.set(id, running);
      try {
        if (call.call === "rows") await this.#sendRows(id, call.args as Parameters<HistoryReader["rows"]>, running);
        else this.#post({ id, type: "result", value: await this.#execute(call, running.abort.signal) });
      } catch (error) {
        this.#post({ id, type: "error", error: toWire(error) });
      } finally {
        this.#running.delete(id);
      }
    }
  }

  async #execute(call: Exclude<Call, { call: "rows" | "more" | "abort" }>, signal: AbortSignal): Promise<unknown> {
    if (call.call === "health") return this.#health();
    const store = await this.#store;
    if (call.call === "compact" || call.call === "verify") return store[call.call](signal);
    const execute = store[call.call] as (...args: readonly unknown[]) => Promise<unknown>;
    return execute.apply(store, call.args as unknown[]);
  }

  async #sendRows(id: number, args: Parameters<HistoryReader["rows"]>, running: Running): Promise<void> {
    const [span, token, edges] = args;
    const { signal } = running.abort;
    signal.addEventListener("abort", () => running.wake());
    for await (const rows of (await this.#store).rows(span, token, edges, signal)) {
      while (running.credit === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => Object.assign(running, { wake: resolve }));
      }
      signal.throwIfAborted();
      running.credit -= 1;
      this.#post({ id, type: "batch", rows });
    }
    this.#post({ id, type: "batches_end" });
  }
}
