/**
 * The expected result: an engine in this process reads the same log from its first record on and is never interrupted. It also counts the
 * copies of every record, so that acknowledged ones can be looked up, and feeds the naive model.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import type { OutcomeWatch } from "../../src/codecs/raw-rows.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { arrivalOf } from "../../src/pipeline/arrivals.ts";
import { BatchApplier } from "../../src/pipeline/batch-applier.ts";
import type { PartitionReader } from "../../src/ports/source.ts";
import { EmbeddedLogReader } from "../../src/sources/embedded/log-reader.ts";
import { LOG_DATABASE_NAME } from "../../src/sources/embedded/log-writer.ts";
import { differences } from "../model/compare-figures.ts";
import { decodeLine } from "../model/model-decoder.ts";
import { NaiveModel } from "../model/naive-model.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import type { ServiceStatus } from "./service-process.ts";

/** Address of the service. */
type Asked = { readonly url: string };

const READ_BYTES = 4 * 1024 * 1024;
const IDS_PER_REQUEST = 500;

/** The part of a reader that a shadow needs. */
export type ReadPartition = Pick<PartitionReader, "range" | "read" | "close">;

/** Counts a record by a digest of its text, because long runs see millions of them. */
export function countCopy(counts: Map<string, number>, text: string): void {
  const key = hash("md5", text, "base64url");
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Opens a partition of the embedded log of a data folder while the service runs. */
export function embeddedLog(dataDir: string, partition = 0): () => ReadPartition {
  return () =>
    new EmbeddedLogReader({
      path: join(dataDir, "log", LOG_DATABASE_NAME),
      partition,
      release: () => {},
      openAt: () => assert.fail("the shadow never writes"),
      onClose: () => {},
    });
}

export class Shadow {
  readonly engine: PartitionEngine;
  readonly model: NaiveModel;
  /** Copies of each record in the log, by `countCopy`. */
  readonly copies = new Map<string, number>();
  readonly #config: EngineConfig;
  readonly #open: () => ReadPartition;
  readonly #applier: BatchApplier;
  /** Returns the texts of the events of a record. */
  readonly #eventsOf: (record: string) => readonly string[];
  #position = 0;
  #events = 0;

  /** `open` opens the log that is followed. `eventsOf` is for a log of records that are mapped. */
  constructor(
    open: () => ReadPartition,
    config: EngineConfig,
    eventsOf: (record: string) => readonly string[] = (record) => [record],
    outcomes?: OutcomeWatch,
  ) {
    this.#config = config;
    this.#open = open;
    this.#eventsOf = eventsOf;
    this.engine = new PartitionEngine(config, TEST_SEED);
    this.model = new NaiveModel({ ...config, maxChains: Number.POSITIVE_INFINITY });
    this.#applier = new BatchApplier(
      this.engine,
      () => {},
      () => {},
      undefined,
      outcomes,
    );
  }

  get position(): number {
    return this.#position;
  }

  /** Reads everything that the log holds now. */
  async follow(): Promise<void> {
    const reader = this.#open();
    try {
      const { startOffset, endOffset } = await reader.range();
      assert.ok(startOffset <= this.#position, "the log still has what the shadow has not read");
      while (this.#position < endOffset) {
        const batch = await reader.read(this.#position, READ_BYTES, new AbortController().signal);
        let start = 0;
        for (let i = 0; i < batch.count; i++) {
          const end = batch.ends[i] as number;
          const record = Buffer.from(batch.payload.buffer, batch.payload.byteOffset + start, end - start).toString();
          start = end;
          for (const text of this.#eventsOf(record)) this.#apply(text, arrivalOf(batch, i));
        }
        this.#position = batch.nextOffset;
      }
    } finally {
      await reader.close();
    }
  }

  #apply(text: string, arrivalMs: number): void {
    const payload = Buffer.from(text);
    const one = { partition: 0, baseOffset: this.#events, nextOffset: ++this.#events, count: 1 };
    const batch = { ...one, payload, ends: Uint32Array.of(payload.length), arrivalsMs: arrivalMs };
    this.#applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    countCopy(this.copies, text);
    const decoded = decodeLine(text);
    if ("code" in decoded) this.model.deadLetter(decoded.code);
    else this.model.apply(decoded.event, arrivalMs);
  }

  /** Asserts that position, counters and every figure of every token of the service equal the uninterrupted run. */
  async compare(service: Asked, status: ServiceStatus): Promise<void> {
    await this.follow();
    assert.deepEqual(
      status.partitions.map(({ next_offset, state, problems }) => ({ next_offset, state, problems })),
      [{ next_offset: this.#position, state: "running", problems: [] }],
    );
    assert.deepEqual(status.counters, this.engine.counters);
    assert.equal(status.counters.accepted, this.#events);
    await this.compareFigures(service);
  }

  /** Asserts that every figure of every token equals the uninterrupted run. Returns the number of tokens. */
  async compareFigures(service: Asked): Promise<number> {
    const served = await this.#served(service);
    for (const { id, answer, token, asOf } of served) {
      const { late, removed, unresolved, replaced, removalsUnmatched, symbol } = this.engine.info(token);
      assert.deepEqual(
        [answer.late, answer.removed, answer.unresolved, answer.replaced, answer.removals_unmatched, answer.symbol],
        [late, removed, unresolved, replaced, removalsUnmatched, symbol],
        id,
      );
      for (const [index, { name }] of this.#config.windows.entries()) {
        assert.deepEqual(answer.windows[name], this.engine.windowStats(token, index, asOf), `${id} ${name}`);
      }
    }
    return served.length;
  }

  /** Does the same with the naive model, which knows no buckets. Slower; for the end. */
  async compareToModel(service: Asked): Promise<number> {
    const served = await this.#served(service);
    assert.deepEqual(served.map(({ id }) => id).sort(), [...this.model.known.keys()].sort());
    for (const { id, answer, asOf } of served) {
      for (const [index, { name }] of this.#config.windows.entries()) {
        const model = this.model.stats(id, index, asOf);
        assert.deepEqual(differences(answer.windows[name] ?? {}, model), [], `${id} ${name}`);
      }
    }
    assert.equal(this.engine.counters.applied, this.model.counters.applied);
    return served.length;
  }

  async #served(service: Asked) {
    const tokens = [...this.engine.tokens()];
    const found: { id: string; token: number; asOf: number; answer: TokenResponse }[] = [];
    for (let at = 0; at < tokens.length; at += IDS_PER_REQUEST) {
      const part = tokens.slice(at, at + IDS_PER_REQUEST);
      const ids = part.map((token) => this.engine.info(token).id);
      const response = await fetch(`${service.url}/api/tokens/stats`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ids }),
      });
      assert.equal(response.status, 200);
      const { as_of: asOf, items } = (await response.json()) as { as_of: number; items: TokenResponse[] };
      for (const [i, token] of part.entries()) {
        found.push({ id: ids[i] as string, token, asOf, answer: items[i] as TokenResponse });
      }
    }
    return found;
  }
}

type TokenResponse = {
  id: string;
  symbol?: string;
  late: number;
  removed: number;
  unresolved: number;
  replaced: number;
  removals_unmatched: number;
  windows: Record<string, Record<string, unknown>>;
};
