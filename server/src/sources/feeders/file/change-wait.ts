/** Waits for changes in a folder: the system's notices where there are any, and a look at an interval. */
import { type FSWatcher, watch } from "node:fs";
import { WakeableTimer } from "../../../shared/wakeable-timer.ts";

export class ChangeWait {
  readonly #folder: string;
  readonly #pollMs: number;
  readonly #timer = new WakeableTimer();
  #watcher: FSWatcher | undefined;

  constructor(folder: string, pollMs: number) {
    this.#folder = folder;
    this.#pollMs = pollMs;
  }

  /** Resolves after the interval, or earlier when something in the folder has changed since the last call. Rejects when aborted. */
  async next(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#watch();
    const wake = (): void => this.#timer.wake();
    signal.addEventListener("abort", wake);
    await this.#timer.pause(this.#pollMs);
    signal.removeEventListener("abort", wake);
    signal.throwIfAborted();
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** The folder may not exist yet, and some file systems report nothing: then only the interval counts. */
  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => this.#timer.wake());
      this.#watcher.on("error", () => this.close());
    } catch {
      this.#watcher = undefined;
    }
  }
}
