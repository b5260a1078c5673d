/** Reads a file origin as a feeder does: one batch after the other, each kept before the next. */
import assert from "node:assert/strict";
import { openOrigin } from "../../../../src/sources/feeders/file/file-origin.ts";
import type { Origin, OriginContext, Position, TableForm } from "../../../../src/sources/feeders/origin.ts";

const WAIT_LIMIT_MS = 60_000;
const POLL_MS = 10;

export type ReadingOptions = {
  readonly path: string;
  readonly from?: "start" | "end";
  readonly table?: TableForm;
  readonly endsAtEnd?: boolean;
  readonly pollMs?: number;
};

export function openFile({ path, from = "start", table, endsAtEnd = true, pollMs = POLL_MS }: ReadingOptions): Origin {
  const context: OriginContext = { mapper: undefined, table, endsAtEnd };
  return openOrigin({ type: "file", name: "trades", mapping: undefined, path, from, pollMs }, context);
}

export class FileReading {
  readonly #options: ReadingOptions;
  #origin: Origin;
  kept: Position | undefined;
  readonly rows: (number | undefined)[] = [];
  readonly problems: string[] = [];

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.#origin = openFile(options);
  }

  get problem(): string | undefined {
    return this.#origin.problem;
  }

  /** Reads until the end, or until there are so many texts. */
  async texts(count = Number.POSITIVE_INFINITY): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < count) {
      const batch = await this.#origin.read(this.kept, AbortSignal.timeout(WAIT_LIMIT_MS));
      const { problem } = this.#origin;
      if (problem !== undefined && problem !== this.problems.at(-1)) this.problems.push(problem);
      if (batch === undefined) break;
      for (const { bytes, start, end, row } of batch.records) {
        texts.push(Buffer.from(bytes.subarray(start, end)).toString());
        this.rows.push(row);
      }
      this.kept = JSON.parse(JSON.stringify(batch.position));
    }
    return texts;
  }

  /** Reads one batch, with or without records, and keeps it. */
  async step(): Promise<void> {
    const batch = await this.#origin.read(this.kept, AbortSignal.timeout(WAIT_LIMIT_MS));
    assert.ok(batch !== undefined);
    this.kept = JSON.parse(JSON.stringify(batch.position));
  }

  /** As after a kill. `given` changes the options from now on. */
  async restart(given: Partial<ReadingOptions> = {}): Promise<void> {
    await this.#origin.close();
    this.#origin = openFile({ ...this.#options, ...given });
  }

  async close(): Promise<void> {
    await this.#origin.close();
  }
}
