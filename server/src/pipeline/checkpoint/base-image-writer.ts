/** Writes base images of one partition, one at a time, while deltas are written next to them. */
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import { type BaseRows, type Snapshot, writeBase } from "./checkpoint-base.ts";
import type { BaseImage } from "./manifest.ts";

type BaseImageHooks = {
  /** Called with the ms for which the stream waited. */
  readonly paused: (ms: number) => void;
  /** The image is stored in these parts. */
  readonly written: (image: BaseImage, parts: readonly string[]) => void;
  /** The image was dropped; parts of it may be stored. */
  readonly failed: (error: unknown, parts: readonly string[]) => void;
};

/** `namePrefix` is never used again. `rows` is undefined where no history is kept. */
type BaseBegin = { readonly offset: number; readonly namePrefix: string; readonly rows: BaseRows | undefined };

export class BaseImageWriter {
  readonly #store: CheckpointStore;
  readonly #partition: number;
  readonly #hooks: BaseImageHooks;
  #running: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;
  #begunMs = Number.NEGATIVE_INFINITY;
  #tookMs = 0;

  constructor(store: CheckpointStore, partition: number, hooks: BaseImageHooks) {
    this.#store = store;
    this.#partition = partition;
    this.#hooks = hooks;
  }

  /** Begin of the newest image, by the caller's clock. */
  get begunMs(): number {
    return this.#begunMs;
  }

  /** Duration of the newest stored image. */
  get tookMs(): number {
    return this.#tookMs;
  }

  /** Resolves when no image is being written. */
  async done(): Promise<void> {
    await this.#running?.done;
  }

  /** Aborts the image that is being written. */
  abort(reason: unknown): void {
    this.#running?.controller.abort(reason);
  }

  /** Begins an image of the present state, which holds all records below the offset. No other image may be in progress. */
  begin(beginSnapshot: () => Snapshot, at: BaseBegin, nowMs: number): void {
    const { offset, namePrefix, rows } = at;
    const startedMs = performance.now();
    const snapshot = beginSnapshot();
    this.#hooks.paused(performance.now() - startedMs);
    this.#begunMs = nowMs;
    const controller = new AbortController();
    const parts: string[] = [];
    const done = writeBase({
      store: this.#store,
      partition: this.#partition,
      namePrefix,
      snapshot,
      offset,
      takenAtMs: nowMs,
      rows,
      signal: controller.signal,
      onPause: this.#hooks.paused,
      onPart: (name) => parts.push(name),
    }).then(
      (image) => {
        this.#running = undefined;
        this.#tookMs = performance.now() - startedMs;
        this.#hooks.written(image, parts);
      },
      (error) => {
        this.#running = undefined;
        this.#hooks.failed(error, parts);
      },
    );
    this.#running = { controller, done };
  }
}
