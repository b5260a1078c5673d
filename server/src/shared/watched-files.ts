/**
 * A small file that a person edits while the service runs: keys, revoked identities, certificates. It is looked at every second, by its size,
 * its times and its number. A system's watch (inotify) was rejected, because it misses files that are replaced through links, as secrets of
 * Kubernetes are, and files on network file systems.
 */
import { type BigIntStats, statSync } from "node:fs";

/** How often files are looked at. */
const FILE_CHECK_MS = 1_000;

type WatchedFilesOptions = {
  readonly paths: readonly string[];
  /** Reads the files and takes their content into use. Called when one has changed. When it throws, the former content stays in use. */
  readonly read: () => void;
  /** Called with each failure, once for each state of the files. */
  readonly onProblem: (error: Error) => void;
};

export class WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #timer: NodeJS.Timeout;
  #seen: string;

  /** Calls `read` at once. Throws what it throws. */
  constructor(options: WatchedFilesOptions) {
    this.#options = options;
    // The state is taken before the content, so that a change in between is found by the next look.
    this.#seen = this.#state();
    options.read();
    this.#timer = setInterval(() => this.check(), FILE_CHECK_MS);
    this.#timer.unref();
  }

  /** Reads the files if one has changed since the last look. */
  check(): void {
    const state = this.#state();
    if (state === this.#seen) return;
    this.#seen = state;
    try {
      this.#options.read();
    } catch (error) {
      this.#options.onProblem(error as Error);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #state(): string {
    return this.#options.paths.map((path) => stateOf(statSync(path, { bigint: true, throwIfNoEntry: false }))).join();
  }
}

const stateOf = (stats: BigIntStats | undefined): string =>
  stats === undefined ? "absent" : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
